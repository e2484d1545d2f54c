//! Orders: what the cart hands over, what a desk remembers, what callers see.

pub mod asked;

use std::collections::BTreeSet;

use domain::address::Address;
use domain::amend::Amended;
use domain::assignment::Refusal;
use domain::delivery::{Mode, Tier};
use domain::lifecycle::{Delivery, Fulfilment, Method, Mode as Fulfiller, PaymentStatus, Status};
use domain::payment::Told;
use domain::placement::Cause;
use domain::plan::Allocation;
use domain::totals::Totals;
use serde::{Deserialize, Serialize};

use crate::assignment::{Holding, OrderFacts, RoutingStatus};
use crate::dispatch::{ErrandHeard, ReportBody};
use crate::fulfillment::PricedLine;
use crate::{Actor, Empty, commands};

/// The binding of the order desks.
pub const ORDER_DESK: &str = "ORDER_DESK";

pub fn desk_name(desk: u16) -> String {
    format!("order-{desk}")
}

/// Everything an order is made of. Frozen when the order is journaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderContent {
    pub order_id: String,
    pub cart_id: String,
    pub customer_id: String,
    pub lines: Vec<PricedLine>,
    pub allocations: Vec<Allocation>,
    pub address: Address,
    pub delivery_mode: Mode,
    pub delivery_tier: Tier,
    pub totals: Totals,
    pub currency: String,
    pub estimated_delivery_date: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "domain::shape::text_or_null")
    )]
    pub special_instructions: Option<String>,
    #[serde(default = "by_card")]
    pub payment_method: Method,
}

impl OrderContent {
    /// The stock shards that its goods come from.
    pub fn shards(&self) -> BTreeSet<u16> {
        let shards = self.allocations.iter();
        shards.map(|allocation| allocation.shard).collect()
    }
}

fn by_card() -> Method {
    Method::Card
}

/// How a placement stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum PlaceReply {
    /// The bytes of the 201, the same for every repeat.
    Placed(String),
    Undone(Cause),
    /// Not at its end yet; ask again.
    Unfinished,
}

/// The request that an order was made for, as far as its cart has to remember it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Asked {
    pub key: String,
    pub fingerprint: String,
}

/// What became of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CartFate {
    /// This order was made of it. `body` is the answer that its buyer gets.
    Placed {
        order_id: String,
        asked: Asked,
        body: String,
    },
    /// An order is being made of it; ask again.
    Unfinished,
    /// None was made, and none can be any more under this cart's id.
    Closed,
}

commands!(AtOrderDesk {
    /// Journal this order and take its stock, waiting until then at most for stock
    /// that an unfinished placement holds.
    Place as PlaceOrder { content: Box<OrderContent>, asked: Asked, wait_until_ms: i64 }
        -> PlaceReply, |_| "order.place".into();
    /// What became of this cart? If no order was made of it its id is closed for good,
    /// so that one cannot arrive later.
    Resolve as ResolveCart { cart_id: String, customer_id: String } -> CartFate,
        |_| "order.resolve".into();
    /// What became of these carts so far, one after the other. Closes nothing.
    Fates as AskFates { cart_ids: Vec<String> } -> Vec<Option<CartFate>>,
        |_| "order.fates".into();
    /// How an order stands, for one whom it concerns.
    Admit as AdmitToOrder { order: String, viewer: Actor } -> OrderSummary,
        |_| "order.admit".into();
    /// Orders of a customer that the database may not show yet.
    Recent as RecentOrders { customer_id: String } -> Vec<OrderSummary>,
        |_| "order.recent".into();
    /// What vendors are told of an order. From then on its end is told to those who offer
    /// it, whether anybody was asked or not.
    Offer as OfferOrder { order: String, viewer: Actor } -> Offerable, |_| "order.offer".into();
    /// Who has the order, as its offer desk says, which repeats it until it is answered.
    Held as TellHolding { order_id: String, holding: Holding } -> Empty,
        |_| "order.held".into();
    /// What is to be paid for an order, for one who may pay it. From then on whoever takes
    /// the money is told what becomes due, whether anything was paid or not.
    Payable as AskPayable { order: String, viewer: Actor } -> Payable,
        |_| "order.payable".into();
    /// How the money of an order stands, as those say who take it. They repeat it until it
    /// is answered; an older version changes nothing.
    Money as TellMoney { order_id: String, told: Told } -> Empty, |_| "order.money".into();
    /// How the errand of an order stands, as the one says who leads it, who repeats it until
    /// it is answered. Of two reports the older changes nothing.
    Hear as HearErrand { order_id: String, report: ReportBody } -> ErrandHeard,
        |_| "order.hear".into();
});

/// Whether an order may be offered to vendors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offerable {
    Yes(OrderFacts),
    /// Its life is over, or it has left.
    No(Refusal),
}

/// What was taken from an order, and what is due since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AmendedOrder {
    pub success: bool,
    pub order_id: String,
    pub order_number: String,
    /// Amendments of an order are numbered.
    pub amendment: u32,
    pub version: u32,
    /// What is due for the order from now on, and how much less that is.
    pub due_minor: i64,
    pub given_back_minor: i64,
    pub currency: String,
}

/// Where an order is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tracking {
    pub order_id: String,
    pub order_number: String,
    pub status: Status,
    pub delivery_status: Delivery,
    pub tracking_number: Option<String>,
    /// Who carries it, where it is not a driver of the shop's.
    pub carrier: Option<String>,
    pub driver_id: Option<String>,
    /// A day, or a time once somebody is at it.
    pub estimated_delivery: String,
    pub delivered_at: Option<String>,
    /// What happened so far, the first first.
    pub timeline: Vec<TrackingStep>,
    pub updated_at: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TrackingStep {
    pub status: Status,
    pub delivery_status: Delivery,
    pub at: String,
}

/// Whether there is something to be paid by card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payable {
    Yes(PayFacts),
    /// It is paid already, or paid otherwise, or nothing of it is due any more.
    No {
        status: Status,
        payment_status: PaymentStatus,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PayFacts {
    pub order_id: String,
    pub number: String,
    pub customer_id: String,
    pub due_minor: i64,
    pub currency: String,
    /// The version of the order that says so.
    pub version: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryEntry {
    pub history_id: String,
    pub old_status: Option<Status>,
    pub new_status: Status,
    /// How the rest stood from then on.
    pub payment_status: PaymentStatus,
    pub fulfilment_status: Fulfilment,
    pub delivery_status: Delivery,
    pub changed_by: String,
    pub reason: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub created_at: String,
}

/// An order as its viewer may see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderView {
    pub order_number: String,
    pub status: Status,
    pub payment_status: PaymentStatus,
    pub fulfilment_status: Fulfilment,
    pub delivery_status: Delivery,
    pub fulfilment_mode: Fulfiller,
    /// What has to be paid for it as it is, and what was taken and given back.
    pub due_minor: i64,
    pub captured_minor: i64,
    pub refunded_minor: i64,
    pub version: u32,
    #[serde(flatten)]
    pub content: OrderContent,
    #[serde(default)]
    pub tracking_number: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub created_at: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub updated_at: String,
    pub history: Vec<HistoryEntry>,
    /// The states that may follow, and those of them that its viewer may bring about.
    pub next_statuses: Vec<Status>,
    pub allowed_statuses: Vec<Status>,
    /// Who has it, where it is offered to vendors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_id: Option<String>,
    /// How its offers stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_status: Option<RoutingStatus>,
    /// What was taken from it since it was placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amended: Option<Amended>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderSummary {
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
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderPage {
    pub orders: Vec<OrderSummary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What somebody of the staff wrote down about an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Note {
    #[serde(rename = "note_id")]
    pub id: String,
    pub text: String,
    pub written_by: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub created_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotePage {
    pub notes: Vec<Note>,
}

/// A placement that did not come to an end by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StuckPlacement {
    pub order_id: String,
    pub customer_id: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub since: String,
    pub cause: String,
}

/// `GET /api/admin/placements?state=stuck`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StuckPage {
    pub placements: Vec<StuckPlacement>,
}

/// What place-order answers with 201: the same for every repeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlacedOrder {
    pub success: bool,
    pub order_id: String,
    pub order_number: String,
    pub status: Status,
    pub currency: String,
    pub totals: Totals,
    pub delivery_mode: Mode,
    pub delivery_tier: Tier,
    pub payment_method: Method,
    pub estimated_delivery_date: String,
    pub allocations: Vec<Allocation>,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub created_at: String,
}

impl PlacedOrder {
    /// Only what never changes, so that a repeat after a cancel is still the same.
    pub fn new(content: &OrderContent, number: &str, created_at: String) -> Self {
        Self {
            success: true,
            order_id: content.order_id.clone(),
            order_number: number.to_owned(),
            status: Status::Pending,
            currency: content.currency.clone(),
            totals: content.totals,
            delivery_mode: content.delivery_mode,
            delivery_tier: content.delivery_tier,
            payment_method: content.payment_method,
            estimated_delivery_date: content.estimated_delivery_date.clone(),
            allocations: content.allocations.clone(),
            created_at,
        }
    }
}
