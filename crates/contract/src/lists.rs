//! What those who run the shop look through. The rows are made by the database as text, so nothing
//! here is read or written by a worker: these types say what that text is, and tests hold it to them.

use std::collections::BTreeMap;

use domain::delivery::Mode;
use domain::lifecycle::{Delivery, Fulfilment, Method, PaymentStatus, Status};

use serde::{Deserialize, Serialize};

/// The worker, by the name of its binding.
pub const LIST_SERVICE: &str = "LIST_SERVICE";

/// An order in the list of those who run the shop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AdminOrderRow {
    pub order_id: String,
    pub order_number: String,
    pub status: Status,
    pub payment_status: PaymentStatus,
    pub fulfilment_status: Fulfilment,
    pub delivery_status: Delivery,
    pub payment_method: Method,
    pub version: u32,
    pub total_minor: i64,
    pub currency: String,
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub created_at: String,
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub updated_at: String,
    pub customer_id: String,
    /// As the order is addressed.
    pub customer_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_id: Option<String>,
    pub due_minor: i64,
    pub captured_minor: i64,
    pub refunded_minor: i64,
    pub delivery_mode: Mode,
}

/// A page of `GET /api/admin/orders`. It may be shorter than was asked for and still have a next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AdminOrderPage {
    pub orders: Vec<AdminOrderRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// `GET /api/admin/orders/counts`: how many orders stand how. What there is none of may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderCounts {
    pub total: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub status: BTreeMap<Status, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub payment_status: BTreeMap<PaymentStatus, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub payment_method: BTreeMap<Method, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fulfilment_status: BTreeMap<Fulfilment, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub delivery_status: BTreeMap<Delivery, u64>,
}
