//! Payments, between workers: what is due is said to those who take the money, and credit
//! is set aside, taken and given back.

use domain::lifecycle::PaymentStatus;
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

/// `POST /orders/{order}/payment`: what the shopper's device needs to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentStarted {
    pub success: bool,
    pub order_id: String,
    pub order_number: String,
    pub payment_intent_id: String,
    pub client_secret: String,
    pub amount_minor: i64,
    pub currency: String,
    pub payment_status: PaymentStatus,
    /// Empty where the shop has named none.
    pub publishable_key: String,
    /// Where no page of the shop's own takes the card.
    pub payment_page: Option<String>,
}

/// A buyer's credit line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreditLine {
    pub customer_id: String,
    pub limit_minor: i64,
    pub reserved_minor: i64,
    pub used_minor: i64,
    #[serde(default)]
    pub available_minor: i64,
}

/// `PUT /api/admin/credit-lines/{customer}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LimitInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::CreditLimit"))]
    pub limit_minor: i64,
}

/// What the provider delivers, as far as it is of interest. Events of other kinds, and
/// those that are not about an order of this shop, are answered and left alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Delivery {
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub data: DeliveryData,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryData {
    pub object: DeliveryObject,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryObject {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Amount"))]
    pub amount_received: i64,
    #[serde(default)]
    pub metadata: DeliveryMetadata,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryMetadata {
    #[serde(default)]
    pub order_id: Option<String>,
}

/// That a delivery has arrived, and whether it said anything new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Received {
    pub received: bool,
    pub counted: bool,
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
