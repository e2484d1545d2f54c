//! One order offered to one vendor in one batch, with all that is known of it.
//! Open is the only state that it leaves, and it leaves it once.

use serde::{Deserialize, Serialize};

use super::command::{Candidate, Refusal, Tag};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferState {
    Open,
    Accepted,
    /// Somebody else was faster, or an admin decided.
    Lost,
    Rejected,
    Expired,
    Cancelled,
    /// Reached no device, and says nothing about the vendor.
    Unreachable,
}

/// The vendor has accepted and its own object is asked for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Claim {
    pub no: u32,
    /// After this the answer is not waited for any more.
    pub until_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Offer {
    pub vendor_id: String,
    pub tag: Tag,
    pub state: OfferState,
    pub distance_m: u32,
    pub score: i64,
    /// The vendor's orders are counted, so an accept needs a place.
    pub limited: bool,
    /// How long the vendor prepares an order, unless it says otherwise.
    pub usual_s: u32,
    pub made_ms: i64,
    pub expires_ms: i64,
    pub pushed_ms: Option<i64>,
    pub delivered_ms: Option<i64>,
    pub seen_ms: Option<i64>,
    pub answered_ms: Option<i64>,
    pub closed_ms: Option<i64>,
    pub preparation_s: Option<u32>,
    pub reason: Option<String>,
    pub claim: Option<Claim>,
    /// Why the last accept came to nothing though the offer is open.
    pub denied: Option<Refusal>,
    pub denials: u32,
    /// An answer came when it was too late; the first is recorded.
    pub late_ms: Option<i64>,
    /// Counts changes, so that the row made of it is only written forward.
    pub revision: u32,
}

impl Offer {
    pub fn new(candidate: Candidate, tag: Tag, now_ms: i64, offer_ms: i64) -> Self {
        Self {
            vendor_id: candidate.vendor_id,
            tag,
            state: OfferState::Open,
            distance_m: candidate.distance_m,
            score: candidate.score,
            limited: candidate.free.is_some(),
            usual_s: candidate.usual_s,
            made_ms: now_ms,
            expires_ms: now_ms.saturating_add(offer_ms),
            pushed_ms: None,
            delivered_ms: None,
            seen_ms: None,
            answered_ms: None,
            closed_ms: None,
            preparation_s: None,
            reason: None,
            claim: None,
            denied: None,
            denials: 0,
            late_ms: None,
            revision: 0,
        }
    }

    pub fn is_open(&self) -> bool {
        self.state == OfferState::Open
    }

    /// Whoever did not answer may be asked once more.
    pub fn may_be_repeated(&self) -> bool {
        matches!(self.state, OfferState::Expired | OfferState::Unreachable)
    }

    /// The last moment at which an accept counts.
    pub fn last_ms(&self, grace_ms: i64) -> i64 {
        self.expires_ms.saturating_add(grace_ms)
    }

    /// When somebody has to look at it again, as long as it is open.
    pub fn due_ms(&self, grace_ms: i64) -> i64 {
        match self.claim {
            Some(claim) => claim.until_ms,
            None => self.last_ms(grace_ms),
        }
        .saturating_add(1)
    }

    /// What an accept of it is told now.
    pub fn refusal(&self) -> Option<Refusal> {
        match self.state {
            OfferState::Open => self.denied,
            OfferState::Accepted | OfferState::Lost => Some(Refusal::AlreadyAccepted),
            OfferState::Rejected => Some(Refusal::OfferRejected),
            OfferState::Expired | OfferState::Unreachable => Some(Refusal::OfferExpired),
            OfferState::Cancelled => Some(Refusal::OrderCancelled),
        }
    }
}
