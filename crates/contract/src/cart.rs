//! Carts: what shoppers see, and the commands to the object that keeps them.

use domain::address::Address;
use domain::delivery::{Mode, Tier};
use domain::plan::{Allocation, Shortage, Wanted};
use domain::totals::Totals;
use serde::{Deserialize, Serialize};

use crate::commands;
use crate::fulfillment::PricedLine;

/// The binding of the cart desks.
pub const CART_DESK: &str = "CART_DESK";

pub fn desk_name(desk: u16) -> String {
    format!("cart-{desk}")
}

/// `POST /cart/place-order`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlaceInput {
    #[serde(default)]
    pub delivery_mode: Option<String>,
    #[serde(default)]
    pub expected_total: Option<i64>,
    #[serde(default)]
    pub special_instructions: Option<String>,
}

/// The answer to a place-order: its exact bytes, and whether they were sent before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaceAnswer {
    pub body: String,
    pub replayed: bool,
}

/// The cart as its desk keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CartState {
    pub lines: Vec<Wanted>,
    pub address: Option<Address>,
    pub placing: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CartChange {
    SetLine {
        sku: String,
        quantity: i64,
    },
    RemoveLine {
        sku: String,
    },
    SetAddress(Box<Address>),
    /// Only look.
    Look,
}

commands!(AtCartDesk {
    /// Make an order of the cart. `key` is empty when the cart is the key;
    /// `fingerprint` is of the request, since a key answers only its own request.
    Place as PlaceCart {
        customer_id: String,
        key: String,
        fingerprint: String,
        input: PlaceInput,
    } -> PlaceAnswer, |_| "cart.place".into();
    Change as ChangeCart { customer_id: String, change: CartChange } -> CartState,
        |_| "cart.change".into();
    /// The desk's rows, a page at a time.
    Export as ExportCarts { after: String } -> serde_json::Value, |_| "cart.export".into();
});

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CartView {
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
