//! Ringing vendors who have no live connection, for as long as they are offered an order:
//! by web push on all their devices, or else by a message to their phone.
//!
//! Every command here comes at least once. What was sent is booked (`book`), so the same
//! offer rings once, and its end goes to those that rang, once. Who asks while another is
//! at it gets "not now" rather than a guess.

mod book;
mod devices;
mod push;
mod seal;
mod whatsapp;

pub use devices::{subscribe, unsubscribe};
pub use push::public_key;

use contract::offers::NewOrder;
use contract::vendor::{AlertVendor, CallOffAlert};
use contract::{Empty, Problem, code};
use domain::time::from_rfc3339;
use edge::d1::{Db, Sql};
use edge::identity::fingerprint;
use edge::outside::Deadline;
use edge::{Scope, clock, telemetry};
use futures::StreamExt;
use serde::Serialize;
use worker::Env;

use book::{End, Key, Rang, Ring};
use devices::Device;
use push::{Fate, Push, Sender};
use whatsapp::Said;

/// For all devices together, and for a message.
const DEADLINE_MS: u32 = 5_000;
/// As many connections as the platform lets wait at once.
const AT_ONCE: usize = 6;
/// A call-off waits so long for a device that is away; a new offer takes its place sooner.
const CALL_OFF_TTL_S: i64 = 60 * 60;
const TOPIC_MAX: usize = 32;
/// Of an address too long for a push so much is left.
const ADDRESS_MAX: usize = 200;

#[derive(Serialize)]
struct Named<'a, T> {
    #[serde(rename = "type")]
    name: &'a str,
    #[serde(flatten)]
    of: &'a T,
}

fn named(name: &str, of: &impl Serialize) -> String {
    // These types have nothing that JSON could not say.
    serde_json::to_string(&Named { name, of }).unwrap_or_default()
}

/// The offer as it is pushed, no larger than a push may be.
fn pushed(offer: &NewOrder) -> String {
    let text = named("NEW_ORDER", offer);
    if text.len() <= seal::PLAIN_MAX {
        return text;
    }
    let delivery_address = offer.delivery_address.chars().take(ADDRESS_MAX).collect();
    let shorter = NewOrder {
        delivery_address,
        ..offer.clone()
    };
    named("NEW_ORDER", &shorter)
}

/// The same for everything about an order, so that an end takes the place of its alert.
fn topic(order_id: &str) -> String {
    fingerprint(&[order_id]).chars().take(TOPIC_MAX).collect()
}

fn busy() -> Problem {
    let detail = "this alert is being dealt with; ask again";
    Problem::new(code::UNAVAILABLE, detail).retry_after(1)
}

/// Whether somebody took it to deliver.
pub async fn alert(env: &Env, scope: &Scope, alert: &AlertVendor) -> Result<bool, Problem> {
    let offer = &alert.offer;
    let now = clock::now_ms();
    let seconds_left = from_rfc3339(&offer.expires_at).map_or(offer.ttl, |until| {
        until
            .saturating_sub(now)
            .saturating_add(999)
            .div_euclid(1000)
    });
    if seconds_left <= 0 {
        return Ok(false);
    }
    let key = Key {
        vendor: &offer.vendor_id,
        order: &offer.order_id,
        tag: offer.tag,
    };
    let db = Db::open(env, "DB")?;
    let (devices, phone, is_taken_over) = match book::claim_ring(&db, scope, key, now).await? {
        Ring::Claimed {
            devices,
            phone,
            is_taken_over,
        } => (devices, phone, is_taken_over),
        Ring::Busy => return Err(busy()),
        Ring::Rung => return Ok(true),
        Ring::Off => return Ok(false),
    };
    let push = Push {
        step: "push.ring",
        text: &pushed(offer),
        ttl_s: seconds_left,
        topic: &topic(&offer.order_id),
    };
    let mut rang = push_to(env, scope, &push, &devices).await;
    rang.is_taken_over = is_taken_over;
    if rang.taken.is_empty()
        && let Some(phone) = phone.filter(|_| whatsapp::is_configured(env))
    {
        if !book::about_to_message(&db, scope, key, &phone).await? {
            return Err(busy());
        }
        let text = whatsapp::of_offer(offer, seconds_left);
        let said = whatsapp::say(env, scope, &phone, &text, &deadline()).await;
        rang.messaged = said == Said::Yes;
        rang.may_be_messaged = said == Said::Unknown;
    }
    book::mark_rung(&db, scope, key, &rang, clock::now_ms()).await?;
    let by = match (rang.messaged, rang.taken.is_empty()) {
        (true, _) => "message",
        (false, false) => "push",
        (false, true) => "nobody",
    };
    telemetry::count("alerts", &[("taken_by", by)], 1);
    let about = [
        ("order_id", key.order),
        ("vendor_id", key.vendor),
        ("taken_by", by),
    ];
    telemetry::info("vendor_alerted", &about);
    Ok(rang.is_taken())
}

/// Who of these has a device, or a phone where there is a messenger. One trip for all.
pub async fn ringable(
    env: &Env,
    scope: &Scope,
    vendor_ids: &[String],
) -> Result<Vec<String>, Problem> {
    #[derive(serde::Deserialize)]
    struct Row {
        vendor_id: String,
    }
    let sql = Sql::new(
        "SELECT v.vendor_id FROM json_each(?1) AS asked JOIN vendors AS v ON v.vendor_id = asked.value
         WHERE (v.phone IS NOT NULL AND ?2)
            OR EXISTS (SELECT 1 FROM push_subscriptions AS d WHERE d.vendor_id = v.vendor_id)",
    );
    let sql = sql
        .json(&vendor_ids)
        .int(i64::from(whatsapp::is_configured(env)));
    let rows: Vec<Row> = Db::open(env, "DB")?
        .rows(scope, "vendors.ringable", sql)
        .await?;
    Ok(rows.into_iter().map(|row| row.vendor_id).collect())
}

/// Those that rang are told that it is over.
pub async fn call_off(env: &Env, scope: &Scope, call: &CallOffAlert) -> Result<Empty, Problem> {
    let key = Key::from(&call.off);
    let db = Db::open(env, "DB")?;
    let (devices, phone) = match book::claim_end(&db, scope, key, clock::now_ms()).await? {
        End::Claimed { devices, phone } => (devices, phone),
        End::Busy => return Err(busy()),
        End::Off => return Ok(Empty {}),
    };
    let push = Push {
        step: "push.call_off",
        text: &named("CANCEL_PUSH", &call.off),
        ttl_s: CALL_OFF_TTL_S,
        topic: &topic(key.order),
    };
    let rang = push_to(env, scope, &push, &devices).await;
    if let Some(phone) = phone.filter(|_| !call.by_itself) {
        // Should it not get there, the offer's own answer says so to who accepts it.
        let text = whatsapp::of_end(&call.order_number);
        whatsapp::say(env, scope, &phone, &text, &deadline()).await;
    }
    book::mark_off(&db, scope, key, &rang, clock::now_ms()).await?;
    Ok(Empty {})
}

/// Says something to a number. What cannot be delivered ever is let go.
pub async fn say(env: &Env, scope: &Scope, phone: &str, text: &str) -> Result<(), Problem> {
    if !whatsapp::is_configured(env) {
        return Ok(());
    }
    match whatsapp::say(env, scope, phone, text, &deadline()).await {
        Said::Unknown => {
            let detail = "the message may not have been sent; try again";
            Err(Problem::new(code::UNAVAILABLE, detail).retry_after(1))
        }
        Said::Yes | Said::No | Said::NotConfigured => Ok(()),
    }
}

fn deadline() -> Deadline {
    Deadline::after_ms(DEADLINE_MS)
}

/// Pushes to all of them, a few at a time.
async fn push_to(env: &Env, scope: &Scope, push: &Push<'_>, devices: &[Device]) -> Rang {
    let mut rang = Rang {
        since_ms: clock::now_ms(),
        ..Rang::default()
    };
    if devices.is_empty() {
        return rang;
    }
    let Some(sender) = Sender::configured(env).await else {
        telemetry::error("push_not_configured", &[]);
        rang.failed = devices.iter().map(|device| device.id).collect();
        return rang;
    };
    let deadline = deadline();
    let (sender, deadline) = (&sender, &deadline);
    let each = devices
        .iter()
        .map(|device| async move { (device.id, push.send(scope, sender, device, deadline).await) });
    let fates: Vec<(i64, Fate)> = futures::stream::iter(each)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    for (id, fate) in fates {
        match fate {
            Fate::Taken => rang.taken.push(id),
            Fate::Gone => rang.gone.push(id),
            Fate::NotTaken => rang.failed.push(id),
            Fate::Unknown => rang.unknown.push(id),
        }
    }
    rang
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_as_long_as_it_may_be_and_of_one_order() {
        let topics = ["01920000-0000-7001-8000-000000000000", "x", ""].map(topic);
        for each in &topics {
            assert_eq!(each.len(), TOPIC_MAX);
            assert!(
                each.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            );
        }
        assert_ne!(topics[0], topics[1]);
    }

    #[test]
    fn an_offer_of_any_address_fits_a_push() {
        let offer: NewOrder = serde_json::from_value(serde_json::json!({
            "orderId": "o".repeat(64), "orderNumber": "ORD-2026-AAAAA1", "vendorId": "v".repeat(64),
            "totalAmount": 45.9, "total_minor": 4590, "currency": "EUR", "items": 3,
            "deliveryAddress": "\u{1}".repeat(6000), "deliveryLatitude": 1.0, "deliveryLongitude": 2.0,
            "distance": 2.345, "ttl": 90, "expiresAt": "x".repeat(24), "serverTime": "x".repeat(24),
            "tag": { "epoch": 1, "batch": 2 },
        }))
        .unwrap();
        let text = pushed(&offer);
        assert!(text.len() < seal::PLAIN_MAX, "{}", text.len());
        assert!(text.starts_with("{\"type\":\"NEW_ORDER\",\"orderId\":"));
    }
}
