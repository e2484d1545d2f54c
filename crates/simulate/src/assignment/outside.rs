//! What stands around the desk: the row in D1 with the rows of offers and events, and
//! the vendors' objects that own their places. What comes twice finds itself.

use std::collections::{BTreeMap, BTreeSet};

use domain::assignment::{Effect, Offer, Tag};

#[derive(Debug, Clone, Default)]
pub struct Row {
    pub epoch: u32,
    pub locked: Option<String>,
    pub offers: BTreeMap<(Tag, String), Offer>,
    pub events: BTreeSet<u32>,
    pub told_failed: u32,
}

impl Row {
    pub fn won(&mut self, vendor: &str, epoch: u32, fenced: bool) {
        let free = self.epoch == epoch && self.locked.is_none();
        if !fenced || self.epoch < epoch || free {
            self.epoch = epoch;
            self.locked = Some(vendor.to_owned());
        }
    }

    pub fn released(&mut self, epoch: u32, fenced: bool) {
        if !fenced || self.epoch < epoch {
            self.epoch = epoch;
            self.locked = None;
        }
    }

    pub fn record(&mut self, effect: &Effect) {
        match effect {
            Effect::RecordOffer { offer } => {
                let key = (offer.tag, offer.vendor_id.clone());
                let newer = |row: &Offer| row.revision < offer.revision;
                if self.offers.get(&key).is_none_or(newer) {
                    self.offers.insert(key, Offer::clone(offer));
                }
            }
            Effect::RecordEvent { seq, .. } => {
                self.events.insert(*seq);
            }
            Effect::Failed { .. } => self.told_failed += 1,
            _ => {}
        }
    }
}

/// By order and claim.
pub type ClaimId = (usize, u32);

#[derive(Debug, Clone, Default)]
pub struct Places {
    /// `None`: the vendor takes any number.
    pub capacity: Option<usize>,
    pub held: BTreeSet<ClaimId>,
    pub forced: BTreeSet<ClaimId>,
    pub closed: BTreeSet<ClaimId>,
}

impl Places {
    pub fn free(&self) -> Option<u32> {
        let taken = self.held.len() + self.forced.len();
        let free = |capacity: usize| u32::try_from(capacity.saturating_sub(taken)).unwrap_or(0);
        self.capacity.map(free)
    }

    pub fn take(&mut self, claim: ClaimId, forced: bool, counting: bool) -> bool {
        if self.closed.contains(&claim) {
            return false;
        }
        if forced {
            self.forced.insert(claim);
            return true;
        }
        let full = counting && self.free() == Some(0);
        self.held.contains(&claim) || (!full && self.held.insert(claim))
    }

    pub fn give(&mut self, claim: ClaimId, closing: bool) {
        self.held.remove(&claim);
        self.forced.remove(&claim);
        if closing {
            self.closed.insert(claim);
        }
    }
}
