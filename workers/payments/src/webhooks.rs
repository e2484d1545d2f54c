//! What the provider delivers: that money was taken, a card was declined, an intent died.
//!
//! Nobody has a token here. Every delivery is signed over its very bytes and the time, and
//! without a good and fresh signature nothing happens (S4). The provider repeats a delivery
//! until it is answered with 200, which it is once the desk of the order has written it
//! down; each event counts once, by its id (M2). What is not about an order of this shop is
//! answered with 200 and left alone.

use contract::payment::{
    Delivery, PAYMENT_DESK, ProviderEvent, ProviderSaid, Received, payment_desk_name,
};
use contract::{Problem, code};
use domain::ids::{DESKS_MAX, desk_of_uuid};
use domain::limits::{AMOUNT_MAX, fits};
use edge::call::{To, call};
use edge::{Incoming, Outcome, clock, config, http, json, mac, telemetry};
use worker::Env;

/// How far the time of a signature may be from now.
const TOLERANCE_S: i64 = 300;
const ID_MAX: usize = 255;

/// `POST /webhooks/payments`
pub async fn deliver(env: &Env, incoming: &Incoming) -> Outcome {
    let secret = config::secret(env, "STRIPE_WEBHOOK_SECRET").unwrap_or_default();
    let signature = incoming.signature.as_deref().unwrap_or_default();
    let now_s = clock::now_ms().div_euclid(1000);
    if !is_signed(&secret, signature, &incoming.body, now_s) {
        telemetry::count("payment_webhooks", &[("outcome", "bad_signature")], 1);
        let detail = "the signature is missing, too old, or not one of this body";
        return Err(Problem::new(code::BAD_SIGNATURE, detail).of_field("Stripe-Signature"));
    }
    let delivery: Delivery = json::parse(&incoming.body)?;
    if delivery.id.is_empty() || !fits(&delivery.id, ID_MAX) {
        return Err(Problem::field("id", "must be 1 to 255 characters long"));
    }
    if !(0..=AMOUNT_MAX).contains(&delivery.data.object.amount_received) {
        let field = "data.object.amount_received";
        return Err(Problem::field(field, "is no amount"));
    }
    let counted = match said(&delivery) {
        Some((order_id, event)) => {
            let name = payment_desk_name(desk_of_uuid(&order_id).unwrap_or_default());
            let said = ProviderSaid {
                order_id,
                event_id: delivery.id,
                event,
            };
            let to = To::Object(PAYMENT_DESK, &name);
            call(env, &incoming.scope, to, said)
                .await
                .map_err(|error| error.into_problem("payment.said"))?
        }
        None => false,
    };
    let outcome = if counted { "counted" } else { "left_alone" };
    telemetry::count("payment_webhooks", &[("outcome", outcome)], 1);
    let received = Received {
        received: true,
        counted,
    };
    http::json(200, &received)
}

/// Which order it is about, and what it says.
fn said(delivery: &Delivery) -> Option<(String, ProviderEvent)> {
    let object = &delivery.data.object;
    let order_id = object.metadata.order_id.clone()?;
    desk_of_uuid(&order_id).filter(|desk| *desk < DESKS_MAX)?;
    let intent = object.id.clone();
    if intent.is_empty() || intent.len() > ID_MAX {
        return None;
    }
    let event = match delivery.kind.as_str() {
        "payment_intent.succeeded" => ProviderEvent::Succeeded {
            intent,
            minor: object.amount_received,
        },
        "payment_intent.payment_failed" => ProviderEvent::Declined { intent },
        "payment_intent.canceled" => ProviderEvent::Died { intent },
        _ => return None,
    };
    Some((order_id, event))
}

/// Whether one of the signatures is the hash of this time and this very body, and the time
/// is now. An empty secret signs nothing.
fn is_signed(secret: &str, header: &str, body: &[u8], now_s: i64) -> bool {
    let (mut time, mut claimed) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", at)) => time = Some(at),
            Some(("v1", hash)) if claimed.len() < 8 => claimed.push(hash),
            _ => {}
        }
    }
    let Some((time, at)) = time.and_then(|time| Some((time, time.parse::<i64>().ok()?))) else {
        return false;
    };
    if secret.is_empty() || now_s.saturating_sub(at).abs() > TOLERANCE_S {
        return false;
    }
    let signed = [time.as_bytes(), b".", body];
    claimed
        .iter()
        .any(|claimed| mac::is_hex(secret.as_bytes(), &signed, claimed))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with OpenSSL: printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_x
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const NOW: i64 = 1_700_000_000;
    const HASH: &str = "366e40c480fe3a9e6a03609dca079cea86d77ae82d5a56b5348208247317a8d1";

    #[test]
    fn a_body_is_believed_with_its_own_fresh_signature_and_no_other() {
        let good = format!("t=1700000000,v1={HASH}");
        assert!(is_signed("whsec_x", &good, BODY, NOW));
        assert!(is_signed(
            "whsec_x",
            &format!("t=1700000000,v1=00,v1={HASH},v0=1"),
            BODY,
            NOW + 300
        ));
        assert!(is_signed("whsec_x", &good, BODY, NOW - 300));
        for (secret, header, body, now) in [
            ("whsec_x", good.as_str(), BODY, NOW + 301),
            ("whsec_x", &good, BODY, NOW - 301),
            ("whsec_x", &good, br#"{"id":"evt_2"}"#, NOW),
            ("whsec_y", &good, BODY, NOW),
            ("", &good, BODY, NOW),
            ("whsec_x", &format!("t=1700000001,v1={HASH}"), BODY, NOW),
            ("whsec_x", &format!("v1={HASH}"), BODY, NOW),
            ("whsec_x", &format!("t=x,v1={HASH}"), BODY, NOW),
            ("whsec_x", "t=1700000000,v1=", BODY, NOW),
            ("whsec_x", "", BODY, NOW),
        ] {
            assert!(
                !is_signed(secret, header, body, now),
                "{secret} {header} {now}"
            );
        }
    }
}
