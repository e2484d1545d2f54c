//! Tokens: who a caller says to be, believed only with a good signature.
//!
//! JWT with HS256 and one shared secret. Everything is required: the algorithm
//! and type of the header, issuer, audience, expiry, subject and role, each of
//! the right type. Duplicate keys, other algorithms and anything else odd is
//! refused (S3).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::{Actor, Problem, Role, code};
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use worker::Env;

use crate::{config, telemetry};

const TOKEN_MAX: usize = 4096;
const LEEWAY_S: i64 = 30;
const ID_MAX: usize = 128;
const EMAIL_MAX: usize = 254;

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    role: String,
    iss: String,
    aud: String,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    email: Option<String>,
}

/// Who a token names, where mail for that one goes if the token says so, and when that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub actor: Actor,
    pub email: Option<String>,
    pub until_ms: i64,
}

pub struct Verifier {
    pub secret: String,
    pub issuer: String,
    pub audience: String,
}

impl Verifier {
    /// From the configuration. Without a secret nobody can be believed.
    pub fn configured(env: &Env) -> Result<Self, Problem> {
        let secret = config::secret(env, "JWT_SECRET").filter(|secret| !secret.is_empty());
        let Some(secret) = secret else {
            telemetry::error("no_jwt_secret", &[]);
            let detail = "the shop cannot check tokens: its JWT_SECRET is not set";
            return Err(Problem::new(code::UNAVAILABLE, detail));
        };
        Ok(Self {
            secret,
            issuer: config::text(env, "JWT_ISSUER").unwrap_or_default(),
            audience: config::text(env, "JWT_AUDIENCE").unwrap_or_default(),
        })
    }

    /// The caller behind `Authorization: Bearer <token>`.
    pub fn verify(&self, authorization: &str, now_ms: i64) -> Result<Verified, Problem> {
        let token = bearer(authorization).ok_or_else(|| {
            Problem::new(code::UNAUTHENTICATED, "send Authorization: Bearer <token>")
        })?;
        self.verify_token(token, now_ms)
    }

    /// The caller behind a token, and until when.
    pub fn verify_token(&self, token: &str, now_ms: i64) -> Result<Verified, Problem> {
        self.check(token, now_ms.div_euclid(1000)).ok_or_else(|| {
            let why = "the token is not valid, or no longer; get a new one";
            Problem::new(code::UNAUTHENTICATED, why)
        })
    }

    fn check(&self, token: &str, now_s: i64) -> Option<Verified> {
        if token.len() > TOKEN_MAX || self.secret.is_empty() {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).ok()?;
        mac.update(signed.as_bytes());
        mac.verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?)
            .ok()?;

        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.alg != "HS256" || header.typ != "at+jwt" {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let in_time = claims.exp > now_s.saturating_sub(LEEWAY_S)
            && claims
                .nbf
                .is_none_or(|from| from <= now_s.saturating_add(LEEWAY_S));
        let ours = claims.iss == self.issuer && claims.aud == self.audience;
        // Headers lose blanks at their ends, and the name must arrive as it was signed.
        let named = !claims.sub.is_empty()
            && claims.sub.trim() == claims.sub
            && claims.sub.len() <= ID_MAX
            && !claims.sub.chars().any(char::is_control);
        if !(in_time && ours && named) {
            return None;
        }
        let actor = Actor {
            role: Role::from_name(&claims.role)?,
            id: claims.sub,
        };
        Some(Verified {
            actor,
            email: claims.email.filter(|email| is_email(email)),
            until_ms: claims.exp.saturating_add(LEEWAY_S).saturating_mul(1000),
        })
    }
}

/// Whether it can be an address, and be passed on in a header. What cannot is left out: a token is no
/// worse for it.
fn is_email(text: &str) -> bool {
    text.len() <= EMAIL_MAX
        && text.contains('@')
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The token of an `Authorization` header.
pub fn bearer(authorization: &str) -> Option<&str> {
    authorization
        .strip_prefix("Bearer ")
        .or_else(|| authorization.strip_prefix("bearer "))
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub fn same_secret(a: &str, b: &str) -> bool {
    let (a, b) = (Sha256::digest(a), Sha256::digest(b));
    a.iter().zip(b).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}

/// A short print of a request's content, to tell whether a repeat is a repeat.
pub fn fingerprint(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    URL_SAFE_NO_PAD.encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verifier() -> Verifier {
        Verifier {
            secret: "secret".into(),
            issuer: "orderlane".into(),
            audience: "orderlane-api".into(),
        }
    }

    fn sign(header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        mac.update(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        format!("Bearer {signed}.{signature}")
    }

    const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt"}"#;
    const CLAIMS: &str =
        r#"{"sub":"alice","role":"customer","iss":"orderlane","aud":"orderlane-api","exp":2000}"#;

    #[test]
    fn a_good_token_names_its_caller() {
        let verified = verifier().verify(&sign(HEADER, CLAIMS), 1_000_000).unwrap();
        let Actor { role, id } = verified.actor;
        assert_eq!(
            (role, id.as_str(), verified.email),
            (Role::Customer, "alice", None)
        );
    }

    #[test]
    fn the_address_of_a_token_is_one_or_none() {
        let email = |claim: &str| {
            let claims = CLAIMS.replacen("\"sub\"", &format!("\"email\":{claim},\"sub\""), 1);
            verifier()
                .verify(&sign(HEADER, &claims), 1_000_000)
                .map(|verified| verified.email)
        };
        assert_eq!(
            email("\"a@b.example\"").unwrap().as_deref(),
            Some("a@b.example")
        );
        for odd in [
            "null",
            "\"\"",
            "\"a b@c\"",
            "\"ab\"",
            "\"a@b\\r\\nx: y\"",
            "\"\u{00fc}@b\"",
        ] {
            assert_eq!(email(odd).unwrap(), None, "{odd}");
        }
        assert!(email("5").is_err(), "of the wrong type");
    }

    #[test]
    fn everything_odd_is_refused() {
        let bad_headers = [
            r#"{"alg":"none","typ":"at+jwt"}"#,
            r#"{"alg":"RS256","typ":"at+jwt"}"#,
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"HS256","alg":"HS256","typ":"at+jwt"}"#,
        ];
        for header in bad_headers {
            assert!(
                verifier().verify(&sign(header, CLAIMS), 0).is_err(),
                "{header}"
            );
        }
        for (from, to) in [
            ("2000", "\"2000\""),
            ("2000", "1e400"),
            ("2000", "-5"),
            ("2000", "2000.5"),
            (",\"exp\":2000", ""),
            ("orderlane-api", "other"),
            ("\"orderlane\"", "\"evil\""),
            ("customer", "root"),
            ("alice", ""),
            ("alice", "alice "),
            ("alice", " alice"),
            ("2000", "2000,\"exp\":9000"),
            ("2000", "2000,\"nbf\":1900"),
        ] {
            let claims = CLAIMS.replacen(from, to, 1);
            let token = sign(HEADER, &claims);
            assert!(verifier().verify(&token, 1_000_000).is_err(), "{claims}");
        }
        let good = sign(HEADER, CLAIMS);
        assert!(verifier().verify(&good, 2_031_000).is_err(), "expired");
        let forged = good.replacen("Bearer e", "Bearer f", 1);
        for token in [forged.as_str(), "Bearer a.b.c", "Bearer ", "Basic eA==", ""] {
            assert!(verifier().verify(token, 1_000_000).is_err(), "{token}");
        }
    }

    #[test]
    fn fingerprints_tell_parts_apart() {
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
    }
}
