//! Offering orders to vendors, between workers: what offer desks are asked, and what they
//! ask of the vendors' desks.

use domain::assignment::{CancelReason, FailReason, Over, Refusal, Tag};
use domain::geo::Point;
use domain::ids::shard_of;
use serde::{Deserialize, Serialize};

use crate::{Empty, commands};

/// The binding of the worker that offers orders to vendors.
pub const OFFER_SERVICE: &str = "OFFER_SERVICE";
/// The binding of the desks that offer orders to vendors.
pub const OFFER_DESK: &str = "OFFER_DESK";

/// An order's offers are at the desk of its own number.
pub fn offer_desk_name(desk: u16) -> String {
    format!("offers-{desk}")
}

/// The binding of the desks that keep the places of vendors.
pub const VENDOR_DESK: &str = "VENDOR_DESK";

pub fn vendor_desk_name(desk: u16) -> String {
    format!("vendor-{desk}")
}

/// Where a vendor's places are, of so many desks.
pub fn desk_of_vendor(vendor_id: &str, desks: u16) -> String {
    vendor_desk_name(shard_of(vendor_id, desks))
}

/// A routing is of one order, and its id has the order's inside.
const ROUTING: &str = "rtg_";

pub fn routing_id(order_id: &str) -> String {
    format!("{ROUTING}{order_id}")
}

pub fn order_of_routing(routing_id: &str) -> Option<&str> {
    routing_id.strip_prefix(ROUTING)
}

/// How vendors are looked for, where it is not to be as configured.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct How {
    /// The best, all at once, instead of the nearest, a few at a time.
    pub by_score: bool,
    pub max_radius_km: Option<f64>,
    pub at_once: Option<u32>,
    pub limit: Option<u32>,
}

/// How it stands, as `status` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum RoutingStatus {
    /// Never begun.
    #[serde(rename = "NOT_STARTED")]
    NotStarted,
    /// Vendors are looked for, or asked.
    #[serde(rename = "PENDING_BIDS")]
    PendingBids,
    #[serde(rename = "VENDOR_ACCEPTED")]
    VendorAccepted,
    /// Nobody was found.
    #[serde(rename = "FAILED")]
    Failed,
    #[serde(rename = "CANCELLED")]
    Cancelled,
    /// The order has left its vendor.
    #[serde(rename = "CLOSED")]
    Closed,
    /// Whoever offers the order did not say.
    #[serde(rename = "UNKNOWN")]
    Unknown,
}

impl RoutingStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::NotStarted => "NOT_STARTED",
            Self::PendingBids => "PENDING_BIDS",
            Self::VendorAccepted => "VENDOR_ACCEPTED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::Closed => "CLOSED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// How an order's offers stand, as its desk knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Routing {
    pub routing_id: String,
    pub order_id: String,
    pub status: RoutingStatus,
    /// Who has the order.
    #[serde(rename = "lockedWholesalerId")]
    pub locked_vendor_id: Option<String>,
    pub version: u32,
    pub epoch: u32,
    /// Who can answer now.
    pub vendors: Vec<String>,
    /// When it is tried again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<String>,
}

/// What came of an accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcceptReply {
    Won {
        order_id: String,
        vendor_id: String,
        preparation_s: u32,
    },
    /// Somebody else has it, or it cannot be had.
    Lost { order_id: String, refusal: Refusal },
}

/// What came of a reject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReply {
    Rejected {
        order_id: String,
        /// Who can still answer.
        remaining: u32,
    },
    TooLate {
        order_id: String,
        refusal: Refusal,
    },
}

/// A place of a vendor, taken under a number of the order's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub vendor_id: String,
    pub order_id: String,
    pub claim: u32,
}

/// Which offer a vendor answers: the open one, where no tag is given.
pub type Which = Option<Tag>;

/// What vendors are told of an order. It does not change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderFacts {
    pub order_id: String,
    pub number: String,
    pub customer_id: String,
    pub total_minor: i64,
    pub currency: String,
    pub items: i64,
    pub address: String,
    pub at: Point,
}

/// Who has an order, and how its offers stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    pub vendor_id: Option<String>,
    pub status: RoutingStatus,
    /// How long the vendor said that it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preparation_s: Option<u32>,
    /// Grows with every change of these. An older one says nothing.
    #[serde(default)]
    pub version: u32,
}

commands!(AtOfferDesk {
    /// A vendor takes the order, which it gets unless somebody else has it.
    Accept as AcceptOffer { order: String, vendor: String, tag: Which, preparation_s: Option<u32> }
        -> AcceptReply, |_| "assignment.accept".into();
    /// A vendor does not want the order.
    Reject as RejectOffer { order: String, vendor: String, tag: Which, reason: String }
        -> RejectReply, |_| "assignment.reject".into();
    /// Somebody has looked at an offer.
    Seen as SawOffer { order: String, vendor: String, tag: Which } -> Empty,
        |_| "assignment.seen".into();
    /// Which of these orders are offered to this vendor now: a `NewOrder` each, which is
    /// passed on as it is.
    Offers as OpenOffers { orders: Vec<String>, vendor: String } -> Vec<serde_json::Value>,
        |_| "assignment.offers".into();
    /// Vendors are to be asked for this order, as configured. Safe to repeat: what is under
    /// way goes on, and what is over stays so.
    Begin as BeginOffers { order: OrderFacts } -> Empty, |_| "assignment.start".into();
    /// Who has this order, if it was ever to be offered.
    Holder as AskHolder { order_id: String } -> Option<Holding>, |_| "assignment.holder".into();
    /// The order is cancelled, or has left. No offer of it is open from then on, and none
    /// is made. Safe to repeat.
    Over as OrderIsOver { order: OrderFacts, over: Over } -> Empty,
        |_| "assignment.over".into();
    /// The desk's rows, a page at a time.
    Export as ExportOffers { after: String } -> serde_json::Value, |_| "assignment.export".into();
});

commands!(AtVendorDesk {
    /// Take a place for an order. Granted while there are fewer than the vendor's
    /// capacity, or when an admin forces it. Refused for ever once it was given back. The
    /// same question gets the same answer, so it is safe to repeat.
    Take as TakePlace { place: Place, forced: bool } -> bool, |_| "vendor.take".into();
    /// These places are free, and closed for copies of the question that come late.
    GiveBack as GivePlacesBack { places: Vec<Place> } -> Empty, |_| "vendor.give_back".into();
    /// The desk's rows, a page at a time.
    Export as ExportPlaces { after: String } -> serde_json::Value, |_| "vendor.export".into();
});

/// Why an offer is off, for people.
pub fn off_words(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::AcceptedByAnother => "Order accepted by another vendor",
        CancelReason::OrderCancelled => "Order cancelled",
        CancelReason::Withdrawn => "Offer withdrawn",
        CancelReason::Declined => "Order rejected",
        CancelReason::Expired => "Offer expired",
    }
}

/// Why nobody was found, for people.
pub fn fail_words(reason: FailReason) -> &'static str {
    match reason {
        FailReason::NoVendors => "No vendors available",
        FailReason::BatchesUsedUp => "No vendor accepted in time",
        FailReason::SearchUnanswered => "Vendors could not be looked for",
    }
}

/// Why something was refused, for people, with what to do next.
pub fn words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::AlreadyAccepted => "another vendor has this order",
        Refusal::NotOffered => "this order was not offered to this vendor",
        Refusal::OfferExpired => "the offer is over",
        Refusal::OfferRejected => "this vendor has rejected the order before",
        Refusal::OrderCancelled => "the order was cancelled",
        Refusal::VendorFull => "the vendor works on as many orders as it can; finish one first",
        Refusal::PlaceUnknown => "it could not be found out whether there is a place; try again",
        Refusal::AlreadyStarted => "vendors are being looked for already, in another way",
        Refusal::NotAssigned => "no vendor has this order",
        Refusal::NothingToRetry => "the search has not failed",
        Refusal::Closed => "the order has left its vendor",
        Refusal::NotPaid => "the order has to be paid first",
    }
}
