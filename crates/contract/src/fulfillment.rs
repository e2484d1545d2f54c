//! What the cart asks of fulfillment: what lines cost, and which warehouses would
//! send them.

use domain::delivery::{Mode, Quote, Tier};
use domain::geo::Point;
use domain::plan::{Allocation, Shortage, Wanted};
use serde::{Deserialize, Serialize};

use crate::commands;

/// A line with everything that its order must remember of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PricedLine {
    pub sku: String,
    pub product_id: String,
    pub title: String,
    pub size: String,
    pub price_minor: i64,
    pub quantity: i64,
}

commands!(AtFulfillment {
    /// Prices lines; with a place to send them to, plans them too. `fresh` looks at
    /// the counters themselves, not at what was seen of them a moment ago. What is
    /// planned for `taking` counts as gone for the next plan; a question takes nothing.
    Plan as PlanOrder {
        lines: Vec<Wanted>,
        to: Option<Point>,
        mode: Mode,
        fresh: bool,
        taking: bool,
    } -> PlanReply, |_| "fulfillment.plan".into();
});

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    pub allocations: Vec<Allocation>,
    pub tier: Tier,
    pub quote: Quote,
    pub parcels: usize,
    /// Some of it is held by placements that may yet be undone: worth waiting for.
    pub awaits_others: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanReply {
    pub lines: Vec<PricedLine>,
    /// SKUs that are not for sale (any more).
    pub unknown: Vec<String>,
    pub currency: String,
    pub tax_basis_points: u32,
    /// Absent without a place to send to, or when something is short.
    pub plan: Option<Planned>,
    pub short: Vec<Shortage>,
}

/// `POST /api/fulfillment/check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Lines<Wanted>"))]
    pub lines: Vec<Wanted>,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Latitude"))]
    pub latitude: f64,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Longitude"))]
    pub longitude: f64,
    /// `express`; anything else is standard delivery.
    #[serde(default)]
    pub delivery_mode: Option<String>,
}

/// Whether it could be sent, from where, and what that would cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckView {
    pub success: bool,
    pub in_stock: bool,
    pub short: Vec<Shortage>,
    /// Null where something is short, as is the rest.
    pub allocations: Option<Vec<Allocation>>,
    pub delivery_tier: Option<Tier>,
    pub delivery: Option<Quote>,
    pub parcels: Option<usize>,
}
