//! Messages to phones, through the Cloud API of WhatsApp.
//!
//! A shop that has not set it up sends none, and that is no failure. Numbers stay out of
//! the log.

use std::cell::Cell;

use contract::offers::NewOrder;
use edge::outside::{self, Deadline};
use edge::{Scope, config, telemetry};
use serde_json::json;
use worker::Env;

/// How long a message may be, in characters, as the API has it.
const TEXT_MAX: usize = 4_096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Yes,
    /// It was refused; to say it again would not help.
    No,
    /// It may or may not get there.
    Unknown,
    /// There is nobody to say it through.
    NotConfigured,
}

struct Door {
    url: String,
    token: String,
}

fn door(env: &Env) -> Option<Door> {
    let given = |value: Option<String>| value.filter(|value| !value.trim().is_empty());
    let base = given(config::text(env, "WHATSAPP_BASE_URL"))?;
    let id = given(config::text(env, "WHATSAPP_PHONE_NUMBER_ID"))?;
    Some(Door {
        url: format!("{}/{}/messages", base.trim_end_matches('/'), id.trim()),
        token: given(config::secret(env, "WHATSAPP_TOKEN"))?,
    })
}

pub fn is_configured(env: &Env) -> bool {
    thread_local! {
        static WAS_SAID: Cell<bool> = const { Cell::new(false) };
    }
    let configured = door(env).is_some();
    if !configured && !WAS_SAID.replace(true) {
        telemetry::info("whatsapp_not_configured", &[]);
    }
    configured
}

pub async fn say(env: &Env, scope: &Scope, phone: &str, text: &str, deadline: &Deadline) -> Said {
    let Some(door) = door(env) else {
        return Said::NotConfigured;
    };
    let text: String = text.chars().take(TEXT_MAX).collect();
    let body = json!({
        "messaging_product": "whatsapp",
        "to": phone.trim_start_matches('+'),
        "type": "text",
        "text": { "body": text },
    });
    let headers = [
        ("authorization", format!("Bearer {}", door.token)),
        ("content-type", "application/json".to_owned()),
    ];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let body = body.to_string();
    let answer = outside::post(
        scope,
        "whatsapp.say",
        &door.url,
        &headers,
        body.as_bytes(),
        deadline,
    );
    let (said, answer) = match answer.await {
        Ok(status) => (said(status), status.to_string()),
        Err(_) => (Said::Unknown, "none".to_owned()),
    };
    if said != Said::Yes {
        telemetry::warn("whatsapp_not_taken", &[("answer", &answer)]);
    }
    said
}

fn said(status: u16) -> Said {
    match status {
        200..=299 => Said::Yes,
        // Too many, or broken: another time it may go.
        408 | 429 | 500..=599 => Said::Unknown,
        _ => Said::No,
    }
}

/// What an offer says on a phone.
pub fn of_offer(offer: &NewOrder, seconds_left: i64) -> String {
    let number = &offer.order_number;
    let minutes = seconds_left.saturating_add(59).div_euclid(60).max(1);
    let plural = if minutes == 1 { "" } else { "s" };
    format!(
        "New order {number}: {:.2} {}, {:.1} km away. {minutes} minute{plural} left to answer. \
         Reply \"ACCEPT {number}\" or \"REJECT {number}\".",
        offer.total_amount, offer.currency, offer.distance
    )
}

pub fn of_end(order_number: &str) -> String {
    format!("{order_number} is no longer available.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_says_what_one_has_to_know() {
        let offer: NewOrder = serde_json::from_value(json!({
            "orderId": "o", "orderNumber": "ORD-2026-AAAAA1", "vendorId": "v",
            "totalAmount": 45.9, "total_minor": 4590, "currency": "EUR", "items": 3,
            "deliveryAddress": "Torstr. 1", "deliveryLatitude": 1.0, "deliveryLongitude": 2.0,
            "distance": 2.345, "ttl": 90, "expiresAt": "", "serverTime": "",
            "tag": { "epoch": 1, "batch": 2 },
        }))
        .unwrap();
        assert_eq!(
            of_offer(&offer, 61),
            "New order ORD-2026-AAAAA1: 45.90 EUR, 2.3 km away. 2 minutes left to answer. \
             Reply \"ACCEPT ORD-2026-AAAAA1\" or \"REJECT ORD-2026-AAAAA1\"."
        );
        assert!(of_offer(&offer, 60).contains(" 1 minute left "));
        assert!(of_offer(&offer, 0).contains(" 1 minute left "));
    }

    #[test]
    fn a_refusal_is_told_from_trouble() {
        let all = [200, 400, 401, 429, 500].map(said);
        assert_eq!(
            all,
            [Said::Yes, Said::No, Said::No, Said::Unknown, Said::Unknown]
        );
    }
}
