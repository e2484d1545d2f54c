//! The devices of vendors: browsers that asked to be pushed to.
//!
//! An address is where this worker will post to, so one that leads into a network of
//! ours, or past the usual port, is refused. It belongs to whoever said it last, since
//! only the browser itself knows it. A vendor has 20 at most; the oldest go. Both routes
//! may be repeated.

use contract::Problem;
use contract::vendor::{EndpointInput, SubscriptionInput};
use domain::limits::{ENDPOINT_MAX, fits};
use edge::d1::{Db, Sql};
use edge::{Scope, clock, config, subtle};
use serde::Deserialize;
use worker::{Env, Url};

use super::seal;

const DEVICES_MAX: i64 = 20;
const AUTH_BYTES: usize = 16;

#[derive(Debug, Clone, Deserialize)]
pub struct Device {
    pub id: i64,
    pub endpoint: String,
    pub p256dh: String,
    pub auth: String,
}

/// What is wrong with an address, if anything is. Plain http is for tests, on this machine.
fn wrong_with(endpoint: &str, allow_http: bool) -> Option<&'static str> {
    if !fits(endpoint, ENDPOINT_MAX) {
        return Some("must be at most 2000 characters long");
    }
    let Ok(url) = Url::parse(endpoint) else {
        return Some("must be a URL");
    };
    let host = url.host_str().unwrap_or_default();
    if allow_http && url.scheme() == "http" && matches!(host, "127.0.0.1" | "localhost" | "[::1]") {
        return None;
    }
    if url.scheme() != "https" {
        return Some("must be an https URL");
    }
    if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
        return Some("must have no user and no port");
    }
    let is_public = url.domain().is_some_and(|domain| {
        let domain = domain.trim_end_matches('.');
        let last = domain.rsplit_once('.').map(|(_, last)| last);
        last.is_some_and(|last| !matches!(last, "localhost" | "local" | "internal" | "arpa"))
    });
    (!is_public).then_some("must be at a push service, by its public name")
}

async fn check(env: &Env, input: &SubscriptionInput) -> Result<(), Problem> {
    let allow_http = config::text(env, "PUSH_ALLOW_HTTP").as_deref() == Some("true");
    if let Some(wrong) = wrong_with(&input.endpoint, allow_http) {
        return Err(Problem::field("endpoint", wrong));
    }
    let point = seal::decode(&input.keys.p256dh).unwrap_or_default();
    if !subtle::is_point(&point).await {
        let wrong = "must be a point of the curve P-256, uncompressed, in base64url";
        return Err(Problem::field("keys.p256dh", wrong));
    }
    let auth = seal::decode(&input.keys.auth);
    if auth.is_none_or(|auth| auth.len() != AUTH_BYTES) {
        return Err(Problem::field("keys.auth", "must be 16 bytes in base64url"));
    }
    Ok(())
}

pub async fn subscribe(
    env: &Env,
    scope: &Scope,
    vendor: &str,
    input: &SubscriptionInput,
) -> Result<(), Problem> {
    check(env, input).await?;
    let write = Sql::new(
        "INSERT INTO push_subscriptions (endpoint, vendor_id, p256dh, auth, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (endpoint) DO UPDATE SET vendor_id = excluded.vendor_id,
           p256dh = excluded.p256dh, auth = excluded.auth, created_at = excluded.created_at,
           failed_at = NULL",
    );
    let write = write
        .text(&input.endpoint)
        .text(vendor)
        .text(&input.keys.p256dh)
        .text(&input.keys.auth)
        .int(clock::now_ms());
    let bound = Sql::new(
        "DELETE FROM push_subscriptions WHERE vendor_id = ?1 AND id NOT IN
           (SELECT id FROM push_subscriptions WHERE vendor_id = ?1
            ORDER BY created_at DESC, id DESC LIMIT ?2)",
    );
    let bound = bound.text(vendor).int(DEVICES_MAX);
    Db::open(env, "DB")?
        .batch(scope, "devices.subscribe", &[write, bound])
        .await?;
    Ok(())
}

/// Done as well where there is no such device.
pub async fn unsubscribe(
    env: &Env,
    scope: &Scope,
    vendor: &str,
    input: &EndpointInput,
) -> Result<(), Problem> {
    let sql = Sql::new("DELETE FROM push_subscriptions WHERE endpoint = ?1 AND vendor_id = ?2");
    let sql = sql.text(&input.endpoint).text(vendor);
    Db::open(env, "DB")?
        .batch(scope, "devices.unsubscribe", &[sql])
        .await?;
    Ok(())
}

/// A vendor's devices; the ones that took something lately come first.
pub fn of_vendor(vendor: &str) -> Sql {
    let sql = Sql::new(
        "SELECT id, endpoint, p256dh, auth FROM push_subscriptions WHERE vendor_id = ?1
         ORDER BY used_at DESC, id DESC LIMIT ?2",
    );
    sql.text(vendor).int(DEVICES_MAX)
}

/// What became of pushes: these took it, these did not, these were gone at that time.
pub fn outcome(taken: &[i64], failed: &[i64], (gone, at): (&[i64], i64), now: i64) -> [Sql; 3] {
    let used = Sql::new(
        "UPDATE push_subscriptions SET used_at = ?2, failed_at = NULL
         WHERE id IN (SELECT value FROM json_each(?1))",
    );
    let unused = Sql::new(
        "UPDATE push_subscriptions SET failed_at = ?2
         WHERE id IN (SELECT value FROM json_each(?1))",
    );
    // One that was renewed while the push was on its way is another.
    let forget = Sql::new(
        "DELETE FROM push_subscriptions
         WHERE id IN (SELECT value FROM json_each(?1)) AND created_at <= ?2",
    );
    [
        used.json(&taken).int(now),
        unused.json(&failed).int(now),
        forget.json(&gone).int(at),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_a_push_service_and_nowhere_else() {
        for good in [
            "https://fcm.googleapis.com/fcm/send/abc:def",
            "https://updates.push.services.mozilla.com/wpush/v2/x",
            "https://web.push.apple.com:443/x",
        ] {
            assert_eq!(wrong_with(good, false), None, "{good}");
        }
        for bad in [
            "",
            "x",
            "//host/x",
            "http://fcm.googleapis.com/x",
            "ftp://a.example/x",
            "https://127.0.0.1/x",
            "https://10.0.0.1/x",
            "https://0x7f.1/x",
            "https://2130706433/",
            "https://[::1]/x",
            "https://[fd00::1]/x",
            "https://localhost/x",
            "https://LOCALHOST./x",
            "https://a.localhost/x",
            "https://db.internal/x",
            "https://printer.local/x",
            "https://intranet/x",
            "https://a.example:8443/x",
            "https://u:p@a.example/x",
            "https://169.254.169.254/latest",
            "http://127.0.0.1:1/x",
            "http://localhost/x",
        ] {
            assert!(wrong_with(bad, false).is_some(), "{bad}");
        }
        assert!(wrong_with(&format!("https://a.example/{}", "x".repeat(2_000)), false).is_some());
        for local in [
            "http://127.0.0.1:81/x",
            "http://localhost:9/x",
            "http://[::1]:9/x",
        ] {
            assert_eq!(wrong_with(local, true), None, "{local}");
        }
        for bad in [
            "http://10.0.0.1/x",
            "http://a.example/x",
            "https://127.0.0.1/x",
        ] {
            assert!(wrong_with(bad, true).is_some(), "{bad}");
        }
    }
}
