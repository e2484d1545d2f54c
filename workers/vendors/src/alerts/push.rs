//! One push to one device (RFC 8030): sealed for the device, signed for its service.
//!
//! What a service answers is sorted into four: it took it, the device is gone for good,
//! it did not take it, or nobody knows. Addresses are secrets of the devices, so the log
//! names the service alone.

use edge::outside::{self, Deadline};
use edge::{Scope, clock, config, subtle, telemetry};
use worker::{Env, Url};

use super::devices::Device;
use super::seal::{self, Secrets};

/// A signature is good for so long; a day is the most that services allow.
const SIGNED_FOR_S: i64 = 12 * 60 * 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Taken,
    Gone,
    NotTaken,
    Unknown,
}

/// Who pushes: our key (`VAPID_PRIVATE_KEY`: the point and the private number, base64url
/// with a dot between) and how to reach us.
pub struct Sender {
    signer: subtle::Signer,
    pub point: String,
    subject: String,
}

/// The point and the private number.
fn key(env: &Env) -> Option<(Vec<u8>, Vec<u8>)> {
    let secret = config::secret(env, "VAPID_PRIVATE_KEY")?;
    let (point, private) = secret.trim().split_once('.')?;
    let (point, private) = (seal::decode(point)?, seal::decode(private)?);
    (point.len() == subtle::POINT_BYTES && private.len() == 32).then_some((point, private))
}

/// What browsers subscribe with.
pub fn public_key(env: &Env) -> Option<String> {
    key(env).map(|(point, _)| seal::encode(&point))
}

impl Sender {
    /// `None` where the shop has no key, or none that is good.
    pub async fn configured(env: &Env) -> Option<Self> {
        let (point, private) = key(env)?;
        let (x, y) = (point.get(1..33)?, point.get(33..)?);
        let signer = match subtle::Signer::new(x, y, &private).await {
            Ok(signer) => signer,
            Err(error) => {
                telemetry::error("vapid_key_bad", &[("reason", &error.to_string())]);
                return None;
            }
        };
        Some(Self {
            signer,
            point: seal::encode(&point),
            subject: config::text(env, "VAPID_SUBJECT").unwrap_or_default(),
        })
    }

    async fn authorization(&self, url: &Url) -> worker::Result<String> {
        let until_s = clock::now_ms()
            .div_euclid(1000)
            .saturating_add(SIGNED_FOR_S);
        let audience = url.origin().ascii_serialization();
        let signed = seal::claims(&audience, until_s, &self.subject);
        let signature = seal::encode(&self.signer.sign(signed.as_bytes()).await?);
        Ok(format!("vapid t={signed}.{signature}, k={}", self.point))
    }
}

/// What is pushed. A later one of the same topic takes the place of one that waits.
pub struct Push<'a> {
    pub step: &'a str,
    pub text: &'a str,
    pub ttl_s: i64,
    pub topic: &'a str,
}

impl Push<'_> {
    async fn sealed(&self, device: &Device) -> worker::Result<Vec<u8>> {
        let bad = || worker::Error::RustError("the device's keys are not good".into());
        let device_point = seal::decode(&device.p256dh).ok_or_else(bad)?;
        let auth = seal::decode(&device.auth).ok_or_else(bad)?;
        let pair = subtle::Pair::new().await?;
        let salt: [u8; seal::SALT_BYTES] = subtle::random()?;
        let secrets = Secrets {
            shared: &pair.secret_with(&device_point).await?,
            auth: &auth,
            device_point: &device_point,
            our_point: &pair.public,
            salt: &salt,
        };
        let keys = secrets.keys();
        let record = seal::last_record(self.text.as_bytes());
        let sealed = subtle::seal(&keys.key, &keys.nonce, &record).await?;
        Ok(seal::body(&salt, &pair.public, &sealed))
    }

    pub async fn send(
        &self,
        scope: &Scope,
        sender: &Sender,
        device: &Device,
        deadline: &Deadline,
    ) -> Fate {
        let Ok(url) = Url::parse(&device.endpoint) else {
            return Fate::Gone;
        };
        let made = futures::future::try_join(self.sealed(device), sender.authorization(&url)).await;
        let (body, authorization) = match made {
            Ok(made) => made,
            Err(error) => {
                telemetry::warn("push_not_sealed", &[("reason", &error.to_string())]);
                return Fate::NotTaken;
            }
        };
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-encoding", "aes128gcm"),
            ("content-type", "application/octet-stream"),
            ("ttl", &self.ttl_s.to_string()),
            ("urgency", "high"),
            ("topic", self.topic),
        ];
        let answer = outside::post(
            scope,
            self.step,
            &device.endpoint,
            &headers,
            &body,
            deadline,
        );
        let (fate, answer) = match answer.await {
            Ok(status) => (fate(status), status.to_string()),
            Err(_) => (Fate::Unknown, "none".to_owned()),
        };
        if fate != Fate::Taken {
            let service = url.host_str().unwrap_or_default();
            telemetry::info(
                "push_not_taken",
                &[("service", service), ("answer", &answer)],
            );
        }
        fate
    }
}

fn fate(status: u16) -> Fate {
    match status {
        200..=299 => Fate::Taken,
        404 | 410 => Fate::Gone,
        // A service that broke down over it may still deliver it.
        500..=599 => Fate::Unknown,
        _ => Fate::NotTaken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_clearly_counts_as_taken_or_gone() {
        for (status, expected) in [
            (201, Fate::Taken),
            (204, Fate::Taken),
            (404, Fate::Gone),
            (410, Fate::Gone),
            (302, Fate::NotTaken),
            (403, Fate::NotTaken),
            (429, Fate::NotTaken),
            (503, Fate::Unknown),
        ] {
            assert_eq!(fate(status), expected, "{status}");
        }
    }
}
