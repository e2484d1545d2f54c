//! Payments, between workers: what is due is said to those who take the money, and credit
//! is set aside, taken and given back.

use domain::payment::Told;
use serde::{Deserialize, Serialize};

use crate::commands;

/// The binding of the worker that has credit lines, and hears the provider.
pub const PAYMENT_SERVICE: &str = "PAYMENT_SERVICE";
/// The binding of the desks that take payments by card.
pub const PAYMENT_DESK: &str = "PAYMENT_DESK";

/// An order's payment is at the desk of its own number.
pub fn payment_desk_name(desk: u16) -> String {
    format!("payment-{desk}")
}

/// What a credit line has of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Credit {
    pub reserved_minor: i64,
    pub used_minor: i64,
}

/// What the provider said, as far as it is of interest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderEvent {
    Succeeded { intent: String, minor: i64 },
    Declined { intent: String },
    Died { intent: String },
}

commands!(AtPaymentDesk {
    /// So much is due for an order from that version of it on. The answer says how its
    /// money stands. Safe to repeat: an older version changes nothing.
    Due as SayDue { order_id: String, minor: i64, version: u32, currency: String } -> Told,
        |_| "payment.due".into();
    /// The provider has said something of an order's payment. Safe to repeat: each event
    /// counts once, by its id. False when it was known.
    Said as ProviderSaid { order_id: String, event_id: String, event: ProviderEvent } -> bool,
        |_| "payment.said".into();
    /// The desk's rows, a page at a time.
    Export as ExportPayments { after: String } -> serde_json::Value,
        |_| "payment.export".into();
});

commands!(AtPayments {
    /// So much of a buyer's credit line is for this order from that version of it on. The
    /// answer is what it has then: what a later version said, or nothing, where the line is
    /// too short. Safe to repeat.
    SetCredit as SetCredit {
        order_id: String,
        customer_id: String,
        reserved_minor: i64,
        used_minor: i64,
        version: u32,
    } -> Credit, |set| if set.reserved_minor > 0 { "credit.reserve" } else { "credit.set" }.into();
});
