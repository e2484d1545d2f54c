//! Refusals and failures, as RFC 9457 problem documents.
//!
//! A `code` is stable and machine-readable; the `detail` says what to do next.
//! The keys that the shop's documents use (`success`, `message`, `error`) are
//! there too, so that clients written for them keep working.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Every code there is, and the status it comes with.
pub mod code {
    use domain::assignment::Refusal;

    pub type Code = (&'static str, u16);

    pub const MALFORMED_JSON: Code = ("malformed_json", 400);
    pub const INVALID_FIELD: Code = ("invalid_field", 400);
    pub const UNAUTHENTICATED: Code = ("unauthenticated", 401);
    pub const FORBIDDEN: Code = ("forbidden", 403);
    pub const NOT_FOUND: Code = ("not_found", 404);
    pub const METHOD_NOT_ALLOWED: Code = ("method_not_allowed", 405);
    pub const UNKNOWN_SKU: Code = ("unknown_sku", 404);
    pub const CART_LOCKED: Code = ("cart_locked", 409);
    pub const IN_PROGRESS: Code = ("in_progress", 409);
    pub const INSUFFICIENT_STOCK: Code = ("insufficient_stock", 409);
    pub const STOCK_CHANGED: Code = ("stock_changed", 409);
    pub const HOLD_CLOSED: Code = ("hold_closed", 409);
    pub const EXCEEDS_HOLD: Code = ("exceeds_hold", 409);
    pub const TOTAL_CHANGED: Code = ("total_changed", 409);
    pub const ILLEGAL_TRANSITION: Code = ("illegal_transition", 409);
    pub const ALREADY_EXISTS: Code = ("already_exists", 409);
    pub const NOT_STUCK: Code = ("not_stuck", 409);
    pub const ENDPOINT_DISABLED: Code = ("endpoint_disabled", 409);
    pub const TOO_MANY_ENDPOINTS: Code = ("too_many_endpoints", 409);
    pub const BODY_TOO_LARGE: Code = ("body_too_large", 413);
    pub const EMPTY_CART: Code = ("empty_cart", 422);
    pub const NO_ADDRESS: Code = ("no_address", 422);
    pub const NOT_CARRIED: Code = ("not_carried", 415);
    pub const TOO_MANY_ROOMS: Code = ("too_many_rooms", 422);
    pub const TOO_MANY_LINES: Code = ("too_many_lines", 422);
    pub const KEY_REUSED: Code = ("idempotency_key_reused", 422);
    pub const TOO_MANY_REQUESTS: Code = ("too_many_requests", 429);
    pub const INTERNAL: Code = ("internal", 500);
    pub const UNAVAILABLE: Code = ("unavailable", 503);
    pub const OUTCOME_UNKNOWN: Code = ("outcome_unknown", 503);

    pub const ORDER_ALREADY_ACCEPTED: Code = ("order_already_accepted", 409);
    pub const OFFER_EXPIRED: Code = ("offer_expired", 409);
    pub const OFFER_REJECTED: Code = ("offer_rejected", 409);
    pub const ORDER_CANCELLED: Code = ("order_cancelled", 409);
    pub const VENDOR_FULL: Code = ("vendor_full", 409);
    pub const PLACE_UNKNOWN: Code = ("place_unknown", 503);
    pub const ALREADY_STARTED: Code = ("assignment_already_started", 409);
    pub const NOT_ASSIGNED: Code = ("order_not_assigned", 409);
    pub const NOTHING_TO_RETRY: Code = ("nothing_to_retry", 409);
    pub const ASSIGNMENT_CLOSED: Code = ("assignment_closed", 409);
    pub const NOT_PAID: Code = ("order_not_paid", 409);

    pub const NOT_YOUR_ORDER: Code = ("not_your_order", 409);
    pub const DRIVER_OFFER_OVER: Code = ("driver_offer_over", 409);
    pub const NOT_COLLECTED: Code = ("not_collected", 409);
    pub const COLLECTED: Code = ("already_collected", 409);
    pub const NO_DRIVER_WANTED: Code = ("no_driver_wanted", 409);

    pub const NO_CREDIT: Code = ("no_credit", 409);
    pub const NOTHING_DUE: Code = ("nothing_due", 409);
    pub const EXCEEDS_ORDER: Code = ("exceeds_order", 409);
    pub const EXCEEDS_DUE: Code = ("exceeds_due", 409);
    pub const NOT_AMENDABLE: Code = ("not_amendable", 409);
    pub const NO_CARDS: Code = ("no_cards", 409);
    pub const PAYMENT_DECLINED: Code = ("payment_declined", 409);
    pub const PROVIDER_UNAVAILABLE: Code = ("payment_provider_unavailable", 503);
    pub const BAD_SIGNATURE: Code = ("bad_signature", 401);

    /// An order that was not offered answers as one that is not there.
    pub fn of_refusal(refusal: Refusal) -> Code {
        match refusal {
            Refusal::AlreadyAccepted => ORDER_ALREADY_ACCEPTED,
            Refusal::NotOffered => NOT_FOUND,
            Refusal::OfferExpired => OFFER_EXPIRED,
            Refusal::OfferRejected => OFFER_REJECTED,
            Refusal::OrderCancelled => ORDER_CANCELLED,
            Refusal::VendorFull => VENDOR_FULL,
            Refusal::PlaceUnknown => PLACE_UNKNOWN,
            Refusal::AlreadyStarted => ALREADY_STARTED,
            Refusal::NotAssigned => NOT_ASSIGNED,
            Refusal::NothingToRetry => NOTHING_TO_RETRY,
            Refusal::Closed => ASSIGNMENT_CLOSED,
            Refusal::NotPaid => NOT_PAID,
        }
    }
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub code: Cow<'static, str>,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    pub success: bool,
    pub message: String,
    pub error: String,
    /// What else a caller can act on, such as `lines` of a shortage.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(with = "More"))]
    pub more: Map<String, Value>,
}

/// All that may be in a problem besides.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its shape is of interest")]
struct More {
    /// What stands in the way, line by line.
    #[schemars(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<LineInTheWay>>,
    /// SKUs that are not for sale.
    #[schemars(skip_serializing_if = "Option::is_none")]
    skus: Option<Vec<String>>,
    /// Where there is no stock of the kind.
    #[schemars(skip_serializing_if = "Option::is_none")]
    places: Option<Vec<domain::stock::Place>>,
    /// What it costs now.
    #[schemars(skip_serializing_if = "Option::is_none")]
    totals: Option<domain::totals::Totals>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    order_status: Option<domain::lifecycle::Status>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    payment_status: Option<domain::lifecycle::PaymentStatus>,
    /// Of what there are too few left in the order, and how many.
    #[schemars(skip_serializing_if = "Option::is_none")]
    sku: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    left: Option<i64>,
    /// What is due for the order.
    #[schemars(skip_serializing_if = "Option::is_none")]
    due_minor: Option<i64>,
    /// Where the order could go instead.
    #[schemars(skip_serializing_if = "Option::is_none")]
    legal: Option<Vec<domain::lifecycle::Status>>,
    /// Of an offer, as the shop's documents have it.
    #[schemars(skip_serializing_if = "Option::is_none")]
    data: Option<NoWinner>,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its shape is of interest")]
struct LineInTheWay {
    #[schemars(skip_serializing_if = "Option::is_none")]
    warehouse_id: Option<String>,
    sku: String,
    requested: i64,
    available: i64,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its shape is of interest")]
struct NoWinner {
    success: bool,
    winner: bool,
    /// Such as `ORDER_ALREADY_ACCEPTED`.
    reason: String,
}

impl Problem {
    pub fn new((code, status): code::Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            kind: format!("/problems/{code}"),
            title: code.replace('_', " "),
            status,
            code: Cow::Borrowed(code),
            field: None,
            retry_after_s: None,
            success: false,
            message: detail.clone(),
            error: detail.clone(),
            detail,
            more: Map::new(),
        }
    }

    /// Bad input, by name of the field.
    pub fn field(field: impl Into<String>, wrong: &str) -> Self {
        let field = field.into();
        let mut problem = Self::new(code::INVALID_FIELD, format!("{field}: {wrong}"));
        problem.field = Some(field);
        problem
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(code::NOT_FOUND, format!("no such {what}"))
    }

    #[must_use]
    pub fn of_field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    #[must_use]
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.more.insert(key.to_owned(), value);
        }
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    pub fn is(&self, (code, _): code::Code) -> bool {
        self.code == code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_survives_the_wire_with_its_extras() {
        let problem = Problem::new(code::INSUFFICIENT_STOCK, "too little")
            .with("lines", [1, 2])
            .retry_after(3);
        let text = serde_json::to_string(&problem).unwrap();
        assert_eq!(serde_json::from_str::<Problem>(&text).unwrap(), problem);
        assert!(text.contains(r#""success":false"#) && text.contains(r#""error":"too little""#));
    }
}
