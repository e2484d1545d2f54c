//! Who has the order. `win` is the only place that sets the lock, and it is called
//! only where there is none.
//!
//! What must hold: one winner an epoch; whoever else had an open offer is told that
//! it is over; a claim that does not hold the lock gives its place back.

use serde::{Deserialize, Serialize};

use super::command::{Refusal, Tag};
use super::effect::{CancelReason, Effect, Happened};
use super::offer::{Claim, Offer, OfferState};
use super::{Assignment, Phase};
use crate::set::set_of;

/// How often a vendor without a place may try, for one offer.
const DENIALS_MAX: u32 = 10;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lock {
    pub vendor_id: String,
    pub epoch: u32,
    pub at_ms: i64,
    pub preparation_s: u32,
    /// The place that the vendor holds for it.
    pub claim: Option<u32>,
    pub forced: bool,
}

/// What a vendor who accepts is told, now or whenever it asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    Won {
        epoch: u32,
        preparation_s: u32,
        at_ms: i64,
    },
    /// The vendor's object is asked for a place.
    Pending,
    /// The offer is open.
    Open,
    No(Refusal),
}

impl Assignment {
    /// The same for everybody who asks, however often (A3).
    pub fn answer(&self, vendor: &str) -> Answer {
        match &self.lock {
            Some(lock) if lock.vendor_id == vendor => {
                return Answer::Won {
                    epoch: lock.epoch,
                    preparation_s: lock.preparation_s,
                    at_ms: lock.at_ms,
                };
            }
            Some(_) if self.asked.contains(vendor) => return Answer::No(Refusal::AlreadyAccepted),
            _ => {}
        }
        if !self.asked.contains(vendor) {
            return Answer::No(Refusal::NotOffered);
        }
        if self.phase == Phase::Cancelled {
            return Answer::No(Refusal::OrderCancelled);
        }
        let Some(offer) = self.offer_to(vendor) else {
            return Answer::No(Refusal::OfferExpired);
        };
        if offer.is_open() && offer.claim.is_some() {
            return Answer::Pending;
        }
        offer.refusal().map_or(Answer::Open, Answer::No)
    }

    pub(super) fn accept(
        &mut self,
        vendor: &str,
        tag: Option<Tag>,
        preparation_s: Option<u32>,
    ) -> Result<(), Refusal> {
        let tag_of_offer = self.offer_to(vendor).map(|offer| offer.tag);
        if tag.is_some() && tag != tag_of_offer {
            return match self.answer(vendor) {
                Answer::No(refusal) => Err(refusal),
                _ => Err(Refusal::OfferExpired),
            };
        }
        let Some(offer) = self.open_offer(vendor) else {
            return match self.answer(vendor) {
                Answer::No(refusal) => {
                    self.note_late(vendor);
                    Err(refusal)
                }
                _ => Ok(()),
            };
        };
        if offer.claim.is_some() {
            return Ok(());
        }
        let (tag, limited) = (offer.tag, offer.limited);
        let preparation_s = preparation_s.unwrap_or(offer.usual_s);
        if !limited {
            self.win(vendor, preparation_s, None, false);
            return Ok(());
        }
        if offer.denials >= DENIALS_MAX {
            return Err(offer.denied.unwrap_or(Refusal::VendorFull));
        }
        let no = self.next_claim();
        let now_ms = self.clock_ms;
        let until_ms = now_ms.saturating_add(self.settings.place_ms);
        self.amend(vendor, tag, |offer| {
            offer.claim = Some(Claim { no, until_ms });
            offer.denied = None;
            offer.answered_ms.get_or_insert(now_ms);
            offer.preparation_s = Some(preparation_s);
        });
        self.tell(Happened::Accepting {
            vendor: vendor.to_owned(),
        });
        self.emit(Effect::TakePlace {
            vendor: vendor.to_owned(),
            claim: no,
            forced: false,
        });
        Ok(())
    }

    fn next_claim(&mut self) -> u32 {
        self.claims = self.claims.saturating_add(1);
        self.claims
    }

    /// An answer about a claim that is over changes nothing: its place was given back.
    pub(super) fn place(&mut self, claim: u32, granted: bool) {
        if self.lock.as_ref().and_then(|lock| lock.claim) == Some(claim) {
            if granted {
                self.drop_take(claim);
            }
            return;
        }
        let claimed = self
            .open_offers()
            .find(|offer| offer.claim.is_some_and(|asked| asked.no == claim))
            .map(|offer| (offer.vendor_id.clone(), offer.tag, offer.preparation_s));
        let Some((vendor, tag, preparation_s)) = claimed else {
            return;
        };
        if granted {
            self.drop_take(claim);
            let preparation_s = preparation_s.unwrap_or_default();
            self.win(&vendor, preparation_s, Some(claim), false);
        } else {
            self.deny(&vendor, tag, Refusal::VendorFull);
            self.settle(self.clock_ms);
        }
    }

    /// The accept comes to nothing, and the offer is as open as it was.
    pub(super) fn deny(&mut self, vendor: &str, tag: Tag, refusal: Refusal) {
        self.end_claim(vendor);
        self.amend(vendor, tag, |offer| {
            offer.denied = Some(refusal);
            offer.denials = offer.denials.saturating_add(1);
        });
        self.tell(Happened::NoPlace {
            vendor: vendor.to_owned(),
            known: refusal == Refusal::VendorFull,
        });
    }

    fn end_claim(&mut self, vendor: &str) {
        let mut open = self.offers.iter_mut();
        let found = open.find(|offer| offer.is_open() && offer.vendor_id == vendor);
        if let Some(claim) = found.and_then(|offer| offer.claim.take()) {
            self.give_back(vendor, claim.no);
        }
    }

    fn drop_take(&mut self, no: u32) {
        self.outbox
            .drop_if(|effect| matches!(effect, Effect::TakePlace { claim, .. } if *claim == no));
    }

    pub(super) fn give_back(&mut self, vendor: &str, claim: u32) {
        self.drop_take(claim);
        self.emit(Effect::GivePlaceBack {
            vendor: vendor.to_owned(),
            claim,
        });
    }

    /// An offer leaves the open state for good. What was not pushed yet need not be.
    pub(super) fn end_offer(
        &mut self,
        vendor: &str,
        state: OfferState,
        told: Option<CancelReason>,
    ) {
        let Some(offer) = self.open_offer(vendor) else {
            return;
        };
        let (tag, now_ms) = (offer.tag, self.clock_ms);
        if state != OfferState::Accepted {
            self.end_claim(vendor);
        }
        self.amend(vendor, tag, |offer| {
            offer.state = state;
            offer.closed_ms = Some(now_ms);
            offer.claim = None;
        });
        self.outbox.drop_if(|effect| {
            matches!(effect, Effect::Push { vendor: to, tag: of, .. } if to == vendor && *of == tag)
        });
        if let Some(reason) = told {
            self.emit(Effect::CancelPush {
                vendor: vendor.to_owned(),
                tag,
                reason,
            });
        }
    }

    /// All open offers at once, in one pass: there may be a thousand.
    pub(super) fn end_all(&mut self, state: OfferState, reason: CancelReason) {
        let claims: Vec<String> = self
            .open_offers()
            .filter(|offer| offer.claim.is_some())
            .map(|offer| offer.vendor_id.clone())
            .collect();
        for vendor in claims {
            self.end_claim(&vendor);
        }
        let now_ms = self.clock_ms;
        let mut ended = Vec::new();
        for offer in self.offers.iter_mut().filter(|offer| offer.is_open()) {
            offer.state = state;
            offer.closed_ms = Some(now_ms);
            offer.revision = offer.revision.saturating_add(1);
            ended.push(offer.clone());
        }
        let ended_of = |offer: &Offer| (offer.tag.batch, offer.vendor_id.clone());
        let over = set_of(ended.iter().map(ended_of));
        // What was not pushed yet need not be, and rows are written as they are now.
        self.outbox.drop_if(|effect| match effect {
            Effect::Push { vendor, tag, .. } => over.contains(&(tag.batch, vendor.clone())),
            Effect::RecordOffer { offer } => over.contains(&ended_of(offer)),
            _ => false,
        });
        for offer in ended {
            let (vendor, tag) = (offer.vendor_id.clone(), offer.tag);
            let offer = Box::new(offer);
            self.emit(Effect::RecordOffer { offer });
            self.emit(Effect::CancelPush {
                vendor,
                tag,
                reason,
            });
        }
    }

    fn win(&mut self, vendor: &str, preparation_s: u32, claim: Option<u32>, forced: bool) {
        let now_ms = self.clock_ms;
        self.phase = Phase::Assigned;
        self.search = None;
        self.retry_at_ms = None;
        self.drop_find();
        self.lock = Some(Lock {
            vendor_id: vendor.to_owned(),
            epoch: self.epoch,
            at_ms: now_ms,
            preparation_s,
            claim,
            forced,
        });
        if let Some(tag) = self.open_offer(vendor).map(|offer| offer.tag) {
            if forced {
                self.end_claim(vendor);
            }
            self.amend(vendor, tag, |offer| {
                offer.answered_ms.get_or_insert(now_ms);
                offer.preparation_s = Some(preparation_s);
            });
            self.end_offer(vendor, OfferState::Accepted, None);
        }
        // News of how it was before would only confuse, when it comes after this.
        self.outbox.drop_if(|effect| match effect {
            Effect::CancelPush { vendor: to, .. } => to == vendor,
            Effect::Failed { .. } | Effect::Attention { .. } => true,
            _ => false,
        });
        self.end_all(OfferState::Lost, CancelReason::AcceptedByAnother);
        self.asked.insert(vendor.to_owned());
        self.tell(Happened::Won {
            vendor: vendor.to_owned(),
            forced,
        });
        self.emit(Effect::Won {
            vendor: vendor.to_owned(),
            epoch: self.epoch,
            preparation_s,
            forced,
        });
    }

    pub(super) fn reject(
        &mut self,
        vendor: &str,
        tag: Option<Tag>,
        reason: String,
    ) -> Result<(), Refusal> {
        let offer = self.offer_to(vendor).ok_or_else(|| {
            let known = self.asked.contains(vendor);
            if known {
                Refusal::OfferExpired
            } else {
                Refusal::NotOffered
            }
        })?;
        let (of, state) = (offer.tag, offer.state);
        if tag.is_some_and(|tag| tag != of) {
            return Err(Refusal::OfferExpired);
        }
        match state {
            OfferState::Rejected => return Ok(()),
            OfferState::Accepted | OfferState::Lost => return Err(Refusal::AlreadyAccepted),
            OfferState::Cancelled => return Err(Refusal::OrderCancelled),
            OfferState::Open | OfferState::Expired | OfferState::Unreachable => {}
        }
        // A no that comes too late is a no all the same: this vendor is not asked again.
        if !self.declined.insert(vendor.to_owned()) {
            return Ok(());
        }
        let now_ms = self.clock_ms;
        self.tell(Happened::Rejected {
            vendor: vendor.to_owned(),
            reason: reason.clone(),
        });
        // The vendor's other devices stop ringing too.
        self.end_offer(vendor, OfferState::Rejected, Some(CancelReason::Declined));
        self.amend(vendor, of, |offer| {
            offer.answered_ms.get_or_insert(now_ms);
            offer.reason = Some(reason);
        });
        self.advance();
        Ok(())
    }

    fn note_late(&mut self, vendor: &str) {
        let now_ms = self.clock_ms;
        let Some(offer) = self.offer_to(vendor) else {
            return;
        };
        if offer.late_ms.is_some() {
            return;
        }
        let tag = offer.tag;
        self.amend(vendor, tag, |offer| offer.late_ms = Some(now_ms));
        self.tell(Happened::TooLate {
            vendor: vendor.to_owned(),
        });
    }

    pub(super) fn force(&mut self, vendor: &str, preparation_s: u32) -> Result<(), Refusal> {
        match (self.phase, &self.lock) {
            (Phase::Cancelled, _) => Err(Refusal::OrderCancelled),
            (Phase::Closed, _) => Err(Refusal::Closed),
            (_, Some(lock)) if lock.vendor_id == vendor => Ok(()),
            (_, Some(_)) => Err(Refusal::AlreadyAccepted),
            (_, None) => {
                let claim = self.next_claim();
                self.win(vendor, preparation_s, Some(claim), true);
                self.emit(Effect::TakePlace {
                    vendor: vendor.to_owned(),
                    claim,
                    forced: true,
                });
                Ok(())
            }
        }
    }
}
