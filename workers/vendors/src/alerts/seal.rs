//! What RFC 8291 (one record of `aes128gcm`) and RFC 8292 (VAPID) reckon and lay out,
//! except for what needs keys of the platform: from the secrets of both sides to the key
//! and the nonce, from the sealed text to the body, from the claims to what is signed.
//!
//! By hand: the crates that do this on wasm bring a curve, a cipher and a token library
//! along, which the platform has already, and what is left is this file.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edge::mac;
use serde_json::json;

/// What a push service takes at least is a body of 4,096 bytes: less the header, the
/// padding's delimiter and the tag, this is what may be said.
pub const PLAIN_MAX: usize = 3_993;
const RECORD_BYTES: u32 = 4_096;
pub const SALT_BYTES: usize = 16;

/// Everything that the key of one message is made of.
pub struct Secrets<'a> {
    /// What both sides agreed on.
    pub shared: &'a [u8],
    /// What the device gave us besides.
    pub auth: &'a [u8],
    pub device_point: &'a [u8],
    pub our_point: &'a [u8],
    pub salt: &'a [u8],
}

pub struct Keys {
    pub key: Vec<u8>,
    pub nonce: Vec<u8>,
}

impl Secrets<'_> {
    pub fn keys(&self) -> Keys {
        let extracted = mac::hash(self.auth, &[self.shared]);
        let info: [&[u8]; 4] = [b"WebPush: info\0", self.device_point, self.our_point, &[1]];
        let seed = mac::hash(self.salt, &[&mac::hash(&extracted, &info)]);
        let take = |what: &[u8], count: usize| {
            let long = mac::hash(&seed, &[b"Content-Encoding: ", what, &[0, 1]]);
            long.into_iter().take(count).collect()
        };
        Keys {
            key: take(b"aes128gcm", 16),
            nonce: take(b"nonce", 12),
        }
    }
}

/// What is sealed: the text, and the sign that no record follows.
pub fn last_record(plain: &[u8]) -> Vec<u8> {
    [plain, &[2]].concat()
}

/// The body that goes out.
pub fn body(salt: &[u8], our_point: &[u8], sealed: &[u8]) -> Vec<u8> {
    let point_length = u8::try_from(our_point.len()).unwrap_or_default();
    let size = RECORD_BYTES.to_be_bytes();
    [salt, &size[..], &[point_length], our_point, sealed].concat()
}

/// What is signed to say who pushes: to that service, until then.
pub fn claims(audience: &str, until_s: i64, subject: &str) -> String {
    let header = json!({ "typ": "JWT", "alg": "ES256" });
    let claims = json!({ "aud": audience, "exp": until_s, "sub": subject });
    let [header, claims] = [header, claims].map(|part| encode(part.to_string().as_bytes()));
    format!("{header}.{claims}")
}

pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Browsers leave the padding out; some libraries do not.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8291, section 5 and appendix A.
    const SHARED: &str = "kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
    const DEVICE: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const OURS: &str =
        "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
    const SALT: &str = "DGv6ra1nlYgDCS1FRnbzlw";
    const BODY: &str = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIg\
        Dll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyou\
        BWLVWGNWQexSgSxsj_Qulcy4a-fN";

    #[test]
    fn key_nonce_and_frame_are_those_of_the_standard() {
        let [shared, auth, device, ours, salt] =
            [SHARED, AUTH, DEVICE, OURS, SALT].map(|text| decode(text).unwrap());
        let secrets = Secrets {
            shared: &shared,
            auth: &auth,
            device_point: &device,
            our_point: &ours,
            salt: &salt,
        };
        let Keys { key, nonce } = secrets.keys();
        assert_eq!(encode(&key), "oIhVW04MRdy2XN9CiKLxTg");
        assert_eq!(encode(&nonce), "4h_95klXJ5E_qnoN");

        let sealed = decode(BODY).unwrap().split_off(SALT_BYTES + 5 + ours.len());
        let plain = last_record(b"When I grow up, I want to be a watermelon");
        assert_eq!(sealed.len(), plain.len() + 16, "the tag alone is added");
        assert_eq!(encode(&body(&salt, &ours, &sealed)), BODY);
        assert_eq!(16 + 4 + 1 + 65 + PLAIN_MAX + 1 + 16, 4_096);
    }

    #[test]
    fn what_is_signed_says_to_whom_and_until_when() {
        let text = claims(
            "https://push.example",
            1_453_523_768,
            "mailto:push@example.com",
        );
        let (header, claims) = text.split_once('.').unwrap();
        let parse = |part: &str| -> serde_json::Value {
            serde_json::from_slice(&decode(part).unwrap()).unwrap()
        };
        assert_eq!(parse(header), json!({ "typ": "JWT", "alg": "ES256" }));
        assert_eq!(parse(claims)["aud"], "https://push.example");
        assert_eq!(parse(claims)["exp"], 1_453_523_768);
        assert_eq!(decode("_-8="), decode("_-8"));
    }
}
