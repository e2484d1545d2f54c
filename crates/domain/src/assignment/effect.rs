//! What is to be done outside, each safe to do twice and each under an id that
//! stays the same however often it is done.
//!
//! D1 is a second guard behind the lock. Its row has `lock_epoch` and
//! `locked_vendor_id`, and two statements touch it, in whichever order they come:
//! [`Effect::Won`] writes where `lock_epoch < epoch OR (lock_epoch = epoch AND
//! locked_vendor_id IS NULL)`, and [`Effect::Released`] empties the row where
//! `lock_epoch < epoch`.

use serde::{Deserialize, Serialize};

use super::command::{Passed, Tag};
use super::offer::Offer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    AcceptedByAnother,
    OrderCancelled,
    /// It was ended before its time, or reached no device in time.
    Withdrawn,
    /// The vendor said no, and its other devices hear of that.
    Declined,
    /// The time to answer is over.
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailReason {
    /// There is nobody, or nobody left who could be asked.
    NoVendors,
    BatchesUsedUp,
    /// The search was not answered in time, so it is not known whether there is anybody.
    SearchUnanswered,
}

/// A line of the order's story.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    Started,
    Offered {
        batch: u32,
        radius_m: Option<u32>,
        vendors: Vec<String>,
        passed: Vec<Passed>,
    },
    Accepting {
        vendor: String,
    },
    /// An accept came to nothing because of the vendor's capacity.
    NoPlace {
        vendor: String,
        known: bool,
    },
    Rejected {
        vendor: String,
        reason: String,
    },
    /// An answer to an offer that was over.
    TooLate {
        vendor: String,
    },
    Won {
        vendor: String,
        forced: bool,
    },
    Released {
        vendor: String,
        reason: String,
    },
    Failed {
        reason: FailReason,
    },
    Retried,
    Cancelled {
        reason: String,
    },
    Closed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Look for vendors; done when the candidates are there.
    Find {
        search_no: u32,
        radius_m: Option<u32>,
        limit: usize,
        by_score: bool,
        exclude: Vec<String>,
    },
    /// `NEW_ORDER`.
    Push {
        vendor: String,
        tag: Tag,
        expires_ms: i64,
        distance_m: u32,
    },
    /// `CANCEL_PUSH`. A client that got it drops a `NEW_ORDER` of the same tag.
    CancelPush {
        vendor: String,
        tag: Tag,
        reason: CancelReason,
    },
    /// Ask the vendor's object for a place under this claim; done when it answered.
    /// `forced` is granted beyond capacity too, and counts.
    TakePlace {
        vendor: String,
        claim: u32,
        forced: bool,
    },
    /// Free the place of this claim, and close the claim: one that is asked for later
    /// is refused.
    GivePlaceBack { vendor: String, claim: u32 },
    /// `ORDER_ASSIGNED`, and the row in D1.
    Won {
        vendor: String,
        epoch: u32,
        preparation_s: u32,
        forced: bool,
    },
    /// The row in D1 is emptied, and this vendor and the customer are told.
    Released {
        vendor: String,
        epoch: u32,
        reason: String,
    },
    /// `ASSIGNMENT_FAILED`.
    Failed {
        epoch: u32,
        round: u32,
        reason: FailReason,
        retry_at_ms: Option<i64>,
    },
    /// An admin should look.
    Attention {
        epoch: u32,
        round: u32,
        reason: FailReason,
        retry_at_ms: Option<i64>,
    },
    /// The row of the offer, written forward by its revision.
    RecordOffer { offer: Box<Offer> },
    /// A row of the story, written once under its number.
    RecordEvent {
        seq: u32,
        epoch: u32,
        at_ms: i64,
        happened: Happened,
    },
    /// Come back with `Due`. Follows from the state and is never kept.
    WakeAt { at_ms: i64 },
}

impl Effect {
    pub fn id(&self, order_id: &str) -> String {
        let offer = |tag: &Tag, vendor: &str, kind: &str| {
            format!("{order_id}:{}:{}:{vendor}:{kind}", tag.epoch, tag.batch)
        };
        match self {
            Self::Find { search_no, .. } => format!("{order_id}:find:{search_no}"),
            Self::Push { vendor, tag, .. } => offer(tag, vendor, "push"),
            Self::CancelPush { vendor, tag, .. } => offer(tag, vendor, "cancel"),
            Self::TakePlace { vendor, claim, .. } => format!("{order_id}:{claim}:{vendor}:take"),
            Self::GivePlaceBack { vendor, claim } => format!("{order_id}:{claim}:{vendor}:give"),
            Self::Won { vendor, epoch, .. } => format!("{order_id}:{epoch}:{vendor}:won"),
            Self::Released { vendor, epoch, .. } => format!("{order_id}:{epoch}:{vendor}:released"),
            Self::Failed { epoch, round, .. } => format!("{order_id}:{epoch}:{round}:failed"),
            Self::Attention { epoch, round, .. } => format!("{order_id}:{epoch}:{round}:attention"),
            Self::RecordOffer { offer: row } => {
                let kind = format!("offer:{}", row.revision);
                offer(&row.tag, &row.vendor_id, &kind)
            }
            Self::RecordEvent { seq, .. } => format!("{order_id}:event:{seq}"),
            Self::WakeAt { at_ms } => format!("{order_id}:wake:{at_ms}"),
        }
    }

    /// Ends with the command that answers it, and not by being performed.
    pub fn is_answered(&self) -> bool {
        matches!(self, Self::Find { .. } | Self::TakePlace { .. })
    }
}
