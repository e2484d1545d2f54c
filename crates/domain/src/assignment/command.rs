//! What an assignment can be told, and why it says no.
//!
//! Every command may come twice or late. Those that answer something carry its
//! number; those of vendors may carry the tag of the offer that they mean, and
//! then count for no other.

use serde::{Deserialize, Serialize};

use super::settings::Strategy;

/// Which offer to a vendor: no vendor is in a batch twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tag {
    pub epoch: u32,
    pub batch: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Candidate {
    pub vendor_id: String,
    pub distance_m: u32,
    /// In thousandths.
    pub score: i64,
    /// `None` for a vendor that takes any number of orders: no place is asked for.
    pub free: Option<u32>,
    /// How long it prepares an order, unless it says otherwise.
    pub usual_s: u32,
}

/// Somebody who was looked at and not asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Passed {
    pub vendor_id: String,
    pub why: String,
    pub distance_m: u32,
    /// In thousandths.
    pub score: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    Start {
        strategy: Strategy,
    },
    /// The answer to [`Effect::Find`](super::Effect::Find).
    Candidates {
        search_no: u32,
        found: Vec<Candidate>,
        passed: Vec<Passed>,
    },
    Accept {
        vendor: String,
        tag: Option<Tag>,
        /// As long as usual where it is not said.
        preparation_s: Option<u32>,
    },
    /// The answer to [`Effect::TakePlace`](super::Effect::TakePlace).
    Place {
        claim: u32,
        granted: bool,
    },
    Reject {
        vendor: String,
        tag: Option<Tag>,
        reason: String,
    },
    /// The offer is on a device.
    Delivered {
        vendor: String,
        tag: Tag,
    },
    /// Somebody looked at it.
    Seen {
        vendor: String,
        tag: Tag,
    },
    /// No device could be reached.
    Unreachable {
        vendor: String,
        tag: Tag,
    },
    /// Ends an offer before its time, or all of them.
    Timeout {
        vendor: Option<String>,
    },
    /// A timer fired.
    Due,
    /// The order is cancelled.
    Cancel {
        reason: String,
    },
    /// An admin decides. It overrules a vendor's capacity.
    ForceAssign {
        vendor: String,
        preparation_s: u32,
    },
    /// The winner of that epoch gives the order back, or it is taken away.
    Release {
        epoch: u32,
        reason: String,
    },
    /// The order has left the vendor: its place is free, and the winner stands for good.
    Close,
    /// An admin wants a failed search tried again, perhaps in another way.
    Retry {
        strategy: Option<Strategy>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Somebody else has it.
    AlreadyAccepted,
    /// This vendor was not asked.
    NotOffered,
    OfferExpired,
    /// The vendor has said no before.
    OfferRejected,
    OrderCancelled,
    /// The vendor has no place for one more order; the offer is still open.
    VendorFull,
    /// Whether the vendor has a place could not be found out; it may be tried again.
    PlaceUnknown,
    AlreadyStarted,
    /// Nobody holds the order in that epoch.
    NotAssigned,
    /// It has not failed.
    NothingToRetry,
    /// The order has left the vendor.
    Closed,
    /// It has to be paid before anybody is asked.
    NotPaid,
}

impl Refusal {
    pub fn code(self) -> &'static str {
        match self {
            Self::AlreadyAccepted => "ORDER_ALREADY_ACCEPTED",
            Self::NotOffered => "NOT_OFFERED",
            Self::OfferExpired => "OFFER_EXPIRED",
            Self::OfferRejected => "OFFER_REJECTED",
            Self::OrderCancelled => "ORDER_CANCELLED",
            Self::VendorFull => "VENDOR_FULL",
            Self::PlaceUnknown => "PLACE_UNKNOWN",
            Self::AlreadyStarted => "ASSIGNMENT_ALREADY_STARTED",
            Self::NotAssigned => "ORDER_NOT_ASSIGNED",
            Self::NothingToRetry => "NOTHING_TO_RETRY",
            Self::Closed => "ASSIGNMENT_CLOSED",
            Self::NotPaid => "ORDER_NOT_PAID",
        }
    }
}
