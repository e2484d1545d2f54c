//! Carts: what shoppers send and see, and where the object is that keeps them.

use domain::address::Address;
use domain::delivery::{Mode, Tier};
use domain::plan::{Allocation, Shortage};
use domain::totals::Totals;
use serde::{Deserialize, Serialize};

use domain::plan::Wanted;

use crate::fulfillment::PricedLine;
use crate::{Empty, commands};

/// The binding of the cart desks.
pub const CART_DESK: &str = "CART_DESK";

pub fn desk_name(desk: u16) -> String {
    format!("cart-{desk}")
}

commands!(AtCartDesk {
    /// The order that was made of this cart came to nothing: its shopper gets the goods
    /// back into the cart, unless there is a newer one. Safe to repeat, by the order.
    Reopen as ReopenCart {
        customer_id: String,
        cart_id: String,
        order_id: String,
        lines: Vec<Wanted>,
    } -> Empty, |_| "cart.reopen".into();
});

/// `POST /cart/place-order`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlaceInput {
    /// `express`; anything else is standard delivery.
    #[serde(default)]
    pub delivery_mode: Option<String>,
    /// In minor units: with another total nothing is ordered.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Amount>"))]
    pub expected_total: Option<i64>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Text>"))]
    pub special_instructions: Option<String>,
    /// `card`, `cod` or `credit`; a card where none is named.
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<domain::lifecycle::Method>")
    )]
    pub payment_method: Option<String>,
}

/// `PUT /cart/items/{sku}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuantityInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Quantity"))]
    pub quantity: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CartView {
    /// `active`, or `placing` while an order is made of it.
    pub status: String,
    pub currency: String,
    pub lines: Vec<PricedLine>,
    /// SKUs in the cart that are not for sale any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unavailable: Vec<String>,
    pub subtotal_minor: i64,
    pub address: Option<Address>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SummaryView {
    pub currency: String,
    pub lines: Vec<PricedLine>,
    pub delivery_mode: Mode,
    pub delivery_tier: Tier,
    pub totals: Totals,
    pub estimated_delivery_date: String,
    pub allocations: Vec<Allocation>,
    pub parcels: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub short: Vec<Shortage>,
}
