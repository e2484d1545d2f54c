//! One order or placement as its desk keeps it.

use contract::Problem;
use contract::order::OrderContent;
use domain::amend::Amended;
use domain::lifecycle::{Delivery, Fulfilment, Life, Method, Mode, PaymentStatus, Status};
use domain::placement::Placement;
use edge::http;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What there is to know of an order beside its status, in one column: who has it, how the
/// goods and the delivery stand, and its money. What is not there is as it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    pub mode: Mode,
    pub fulfilment: Fulfilment,
    pub delivery: Delivery,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_id: Option<String>,
    /// The last that the offer desk has said.
    pub held_version: u32,
    /// Whoever takes the money has asked for it, and hears what is due from then on.
    pub is_paying: bool,
    /// Somebody says that the money came in another way. Of those who take it nothing is due then,
    /// and what they have taken goes back.
    pub paid_by_hand: bool,
    /// The last that those have said who take the money.
    pub money_version: u32,
    pub captured_minor: i64,
    pub refunded_minor: i64,
    /// Where less is due than the total, and what was taken from the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amended: Option<Amended>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// When it is expected, once somebody is at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_ms: Option<i64>,
    /// When its vendor has it ready, as was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_ms: Option<i64>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            mode: Mode::Warehouse,
            fulfilment: Fulfilment::Unfulfilled,
            delivery: Delivery::None,
            vendor_id: None,
            driver_id: None,
            held_version: 0,
            is_paying: false,
            paid_by_hand: false,
            money_version: 0,
            captured_minor: 0,
            refunded_minor: 0,
            due_minor: None,
            amended: None,
            carrier: None,
            expected_ms: None,
            ready_ms: None,
        }
    }
}

impl Standing {
    pub fn of_mode(mode: Mode) -> Self {
        Self {
            mode,
            ..Self::default()
        }
    }
}

/// One order or placement.
#[derive(Debug, Clone, Deserialize)]
pub struct OrderRow {
    pub order_id: String,
    pub number: Option<String>,
    pub customer_id: String,
    /// `deducting`, `stuck`, `placed` or `undone`.
    pub phase: String,
    /// Empty for a placement that was closed before it arrived.
    pub content: String,
    pub placement: String,
    pub status: String,
    pub payment: String,
    /// See [`Standing`].
    pub standing: String,
    pub method: String,
    pub version: u32,
    /// The version that the database has, and the outside has heard of.
    pub projected: u32,
    /// The version that those who watch have heard of.
    pub announced: u32,
    pub tracking_number: Option<String>,
    pub created_ms: i64,
    pub updated_ms: i64,
}

impl OrderRow {
    pub fn is_order(&self) -> bool {
        self.phase == "placed"
    }

    pub fn is_unfinished(&self) -> bool {
        self.phase == "deducting"
    }

    pub fn life(&self) -> Life {
        let standing = self.standing();
        Life {
            status: Status::from_name(&self.status).unwrap_or(Status::Pending),
            payment: PaymentStatus::from_name(&self.payment).unwrap_or(PaymentStatus::Pending),
            fulfilment: standing.fulfilment,
            delivery: standing.delivery,
            mode: standing.mode,
            method: self.method(),
            version: self.version,
        }
    }

    pub fn method(&self) -> Method {
        Method::from_name(&self.method).unwrap_or(Method::Card)
    }

    /// What this desk wrote it can read.
    pub fn standing(&self) -> Standing {
        serde_json::from_slice(self.standing.as_bytes()).unwrap_or_default()
    }

    pub fn placement(&self) -> Result<Placement, Problem> {
        parse(&self.placement)
    }

    pub fn content(&self) -> Result<OrderContent, Problem> {
        parse(&self.content)
    }
}

pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_json::from_slice(text.as_bytes()).map_err(|error| http::internal(error.into()))
}
