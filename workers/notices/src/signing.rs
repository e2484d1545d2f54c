//! Signatures of webhooks, after the Standard Webhooks specification.
//!
//! What is signed is the event's id, the time of the try and the very bytes of the body, with
//! full stops between. A secret is `whsec_` and 32 bytes in base64, and nobody but us and its
//! endpoint knows it. A secret that was replaced signs along until its time is over, so
//! receivers may change to the new one when it suits them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use edge::mac;
use serde::{Deserialize, Serialize};

const PREFIX: &str = "whsec_";

/// How long a secret that was replaced signs along.
pub const OLD_SECRET_MS: i64 = 24 * 60 * 60 * 1000;

/// A secret that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldSecret {
    pub secret: String,
    pub until: i64,
}

/// A secret from bytes that nobody can guess.
pub fn secret(random: [u8; 32]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(random))
}

fn sign(secret: &str, parts: &[&[u8]]) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    Some(format!("v1,{}", STANDARD.encode(mac::hash(&key, parts))))
}

/// The value of `webhook-signature`: one of the secret, and one of each that still signs.
pub fn signature(
    secret: &str,
    old: &[OldSecret],
    id: &str,
    timestamp_s: i64,
    body: &str,
) -> String {
    let time = timestamp_s.to_string();
    let parts = [id.as_bytes(), b".", time.as_bytes(), b".", body.as_bytes()];
    let now_ms = timestamp_s.saturating_mul(1000);
    let still = old.iter().filter(|old| old.until > now_ms);
    let secrets = std::iter::once(secret).chain(still.map(|old| old.secret.as_str()));
    let all: Vec<String> = secrets.filter_map(|secret| sign(secret, &parts)).collect();
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the specification's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const TIME: i64 = 1_614_265_330;

    #[test]
    fn it_signs_as_the_specification_does() {
        assert_eq!(signature(SECRET, &[], ID, TIME, BODY), SIGNED);
        for (id, time, body) in [
            ("msg_x", TIME, BODY),
            (ID, TIME + 1, BODY),
            (ID, TIME, r#"{"test":2432232314}"#),
        ] {
            assert_ne!(signature(SECRET, &[], id, time, body), SIGNED);
        }
    }

    #[test]
    fn a_secret_that_was_replaced_signs_along_until_its_time() {
        let old = |until| OldSecret {
            secret: SECRET.into(),
            until,
        };
        let new = secret([7; 32]);
        let both = signature(&new, &[old(TIME * 1000 + 1)], ID, TIME, BODY);
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(
            (first, second),
            (&*signature(&new, &[], ID, TIME, BODY), SIGNED)
        );
        let over = signature(&new, &[old(TIME * 1000)], ID, TIME, BODY);
        assert_eq!(over, first);
    }

    #[test]
    fn a_new_secret_is_long_enough_and_its_own() {
        let made = secret([1; 32]);
        assert_eq!(made.len(), "whsec_".len() + 44);
        assert_ne!(made, secret([2; 32]));
        assert_eq!(
            signature("whsec_?", &[], ID, TIME, BODY),
            "",
            "what is no secret signs nothing"
        );
    }
}
