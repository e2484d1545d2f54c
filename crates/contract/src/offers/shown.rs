//! What callers are told about offers by HTTP, in the envelope of the shop's documents.

use serde::{Deserialize, Serialize};
#[cfg(feature = "schema")]
use serde_json::{Map, Value};

use crate::assignment::RoutingStatus;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Done{T}")
)]
pub struct Done<'a, T> {
    pub success: bool,
    /// For people.
    pub message: &'a str,
    pub data: T,
}

/// A vendor has the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Won {
    pub success: bool,
    pub winner: bool,
    pub order_id: String,
    pub vendor_id: String,
    /// Minutes.
    pub preparation_time: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rejected {
    pub success: bool,
    pub order_id: String,
    pub remaining_vendors: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Routed {
    pub routing_id: String,
    pub order_id: String,
    pub status: RoutingStatus,
    /// Who was asked.
    pub vendors: Vec<String>,
}

/// An order that nobody took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailedRouting {
    pub routing_id: String,
    pub order_id: String,
    pub strategy: String,
    pub status: String,
    pub epoch: u32,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub updated_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailedPage {
    pub routings: Vec<FailedRouting>,
    /// Ask for the next page with `?cursor=`; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

// What follows is shown as rows of the database have it. The desk passes them on without a
// type of its own, which would make its worker larger than may ship; the flows hold what it
// answers against these.

/// Who was asked, and what each did.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentHistory {
    order_id: String,
    routing: crate::assignment::Routing,
    assignments: Vec<AssignmentLine>,
    events: Vec<StoryLine>,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
struct AssignmentLine {
    id: String,
    vendor_id: String,
    /// What the vendor is called, where that is known.
    store_name: Option<String>,
    /// `PUSHED`, `ACCEPTED`, `LOST`, `REJECTED`, `EXPIRED`, `CANCELLED` or `UNREACHABLE`.
    status: String,
    #[schemars(with = "domain::shape::Time")]
    made_at: String,
    #[schemars(with = "Option<domain::shape::Time>")]
    pushed_at: Option<String>,
    #[schemars(with = "Option<domain::shape::Time>")]
    responded_at: Option<String>,
    #[schemars(with = "domain::shape::Time")]
    expires_at: String,
    /// Distance, score and more.
    meta: Map<String, Value>,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema, Serialize)]
struct StoryLine {
    seq: u32,
    epoch: u32,
    r#type: String,
    vendor_id: Option<String>,
    data: Value,
    #[schemars(with = "domain::shape::Time")]
    created_at: String,
}

/// How the offers of an order stand, and what vendors have answered.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutingReport {
    routing_id: String,
    order_id: String,
    status: RoutingStatus,
    /// Who has the order.
    locked_wholesaler_id: Option<String>,
    version: u32,
    epoch: u32,
    /// Who can answer now.
    open: Vec<String>,
    /// When it is tried again by itself.
    #[schemars(with = "Option<domain::shape::Time>")]
    retry_at: Option<String>,
    responses: Vec<ResponseLine>,
    cancellations: Vec<CancellationLine>,
    /// The same as the database has it.
    guard: Option<Guard>,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseLine {
    id: String,
    vendor_id: String,
    /// `ACCEPT` or `REJECT`.
    response: String,
    /// `WON`, `PENDING`, `REJECTED`, or the code of why it came to nothing.
    outcome: String,
    reason: Option<String>,
    /// Minutes.
    preparation_time: Option<u32>,
    #[schemars(with = "domain::shape::Time")]
    responded_at: String,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
struct CancellationLine {
    id: String,
    vendor_id: String,
    reason: String,
    #[schemars(with = "domain::shape::Time")]
    cancelled_at: String,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema, Serialize)]
struct Guard {
    status: String,
    locked_vendor_id: Option<String>,
    lock_epoch: u32,
    version: u32,
}
