//! Offering one order to vendors, until one of them has it or nobody does.
//!
//! `apply` takes a command and answers what to do. The offer desk writes the state
//! of every command that had effects, before it answers or performs any of them,
//! after a refusal those of [`Assignment::left_over`]. Commands to one order come one after
//! the other, so check and write of the lock are one step.
//!
//! **The lock.** At most one vendor wins an epoch, ever (A1). The lock has no timer:
//! it ends by [`Command::Release`], or with the order by [`Command::Cancel`], and
//! either begins the next epoch. Whoever was asked and did not win is refused, for as
//! long as the epoch lasts. What is due by the clock is settled before each command,
//! so whether an accept was in time depends on the time and not on the luck of an
//! alarm (A2).
//!
//! **What was done.** Effects stay in an outbox inside the state until the desk says
//! [`Assignment::done`]; searches and places stay until their answer came. So what a
//! crash left over is a part of what was written, [`Assignment::resume`] only hands
//! it out again, and no step has a recovery of its own. The price is that an effect
//! whose performance was not noted happens twice, which every one of them allows.
//! Nothing is kept that follows from the state: the timer is [`Assignment::wake_at`].
//!
//! **Places.** A vendor with a capacity owns its places in an object of its own, which
//! may be busy with other orders, so the answer of an accept takes two steps: the
//! accept makes a claim with a number never used before and asks for a place under it
//! ([`Effect::TakePlace`]), and the grant ([`Command::Place`]) takes the lock. Whoever
//! is granted first wins. Asking for the lock first would cancel the others' offers
//! for a winner that may turn out to be full. Since the claim is written before the
//! place is asked for, no place is taken that nobody remembers; and every claim that
//! does not hold the lock ends with [`Effect::GivePlaceBack`], one that was refused
//! too, since a copy of the question may still be on its way. Giving back closes the
//! claim, so such a copy finds the door shut and nothing leaks. The vendor's object
//! grants no more than its capacity, except to an admin who forces an order on it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

mod command;
mod effect;
mod ending;
mod lock;
mod offer;
mod over;
mod search;
mod settings;

pub use command::{Candidate, Command, Passed, Refusal, Tag};
pub use effect::{CancelReason, Effect, FailReason, Happened};
pub use lock::{Answer, Lock};
pub use offer::{Claim, Offer, OfferState};
pub use over::{Over, is_end, may_offer};
pub use search::Search;
pub use settings::{Settings, Strategy};

/// What is left to be done for an order.
pub type Outbox = crate::outbox::Outbox<Effect>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    New,
    Searching,
    Offering,
    Assigned,
    /// Nobody was found. It is tried again by itself while there are retries left.
    Failed,
    Cancelled,
    /// The winner has done its part.
    Closed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Assignment {
    pub order_id: String,
    pub settings: Settings,
    pub strategy: Strategy,
    pub phase: Phase,
    /// Begins with one, and ends with its winner.
    pub epoch: u32,
    /// A search from the smallest circle to the largest, counted through all epochs.
    pub round: u32,
    /// The last batch, counted through all rounds.
    pub batch: u32,
    /// Batches in this round.
    pub batches: u32,
    pub radius_m: Option<u32>,
    /// Nobody new is left in this round: those who did not answer are asked once more.
    pub again: bool,
    pub search: Option<Search>,
    /// Those of this round.
    pub offers: Vec<Offer>,
    /// Asked in this epoch.
    pub asked: BTreeSet<String>,
    /// Said no to this order, or had it and gave it back: they are not asked again.
    pub declined: BTreeSet<String>,
    pub lock: Option<Lock>,
    /// Rounds that failed since the epoch began.
    pub failures: u32,
    pub retry_at_ms: Option<i64>,
    pub outbox: Outbox,
    /// Time does not go backwards, though clocks may.
    clock_ms: i64,
    searches: u32,
    claims: u32,
    events: u32,
}

impl Assignment {
    pub fn new(order_id: &str, settings: Settings, now_ms: i64) -> Self {
        Self {
            order_id: order_id.to_owned(),
            settings,
            strategy: Strategy::nearest(),
            phase: Phase::New,
            epoch: 1,
            round: 0,
            batch: 0,
            batches: 0,
            radius_m: None,
            again: false,
            search: None,
            offers: Vec::new(),
            asked: BTreeSet::new(),
            declined: BTreeSet::new(),
            lock: None,
            failures: 0,
            retry_at_ms: None,
            outbox: Outbox::default(),
            clock_ms: now_ms,
            searches: 0,
            claims: 0,
            events: 0,
        }
    }

    /// What follows from a command. The effects have been noted already, so the state
    /// is written before the first of them is performed.
    pub fn apply(&mut self, command: Command, now_ms: i64) -> Result<Vec<Effect>, Refusal> {
        self.settle(now_ms);
        self.obey(command)?;
        Ok(self.take_effects())
    }

    /// What a refused command left to be done: time has passed all the same, and an
    /// answer that came too late is recorded.
    pub fn left_over(&mut self) -> Vec<Effect> {
        self.take_effects()
    }

    fn obey(&mut self, command: Command) -> Result<(), Refusal> {
        match command {
            Command::Start { strategy } => self.start(strategy),
            Command::Candidates {
                search_no,
                found,
                passed,
            } => {
                self.candidates(search_no, found, passed);
                Ok(())
            }
            Command::Accept {
                vendor,
                tag,
                preparation_s,
            } => self.accept(&vendor, tag, preparation_s),
            Command::Place { claim, granted } => {
                self.place(claim, granted);
                Ok(())
            }
            Command::Reject {
                vendor,
                tag,
                reason,
            } => self.reject(&vendor, tag, reason),
            Command::Delivered { vendor, tag } => self.reached(&vendor, tag, false),
            Command::Seen { vendor, tag } => self.reached(&vendor, tag, true),
            Command::Unreachable { vendor, tag } => self.unreachable(&vendor, tag),
            Command::Timeout { vendor } => self.time_out(vendor.as_deref()),
            Command::Due => {
                self.outbox.due(self.clock_ms);
                Ok(())
            }
            Command::Cancel { reason } => self.cancel(&reason),
            Command::ForceAssign {
                vendor,
                preparation_s,
            } => self.force(&vendor, preparation_s),
            Command::Release { epoch, reason } => self.release(epoch, reason),
            Command::Close => self.close(),
            Command::Retry { strategy } => self.retry(strategy),
        }
    }

    /// The effect of that id was performed, and need not be again.
    pub fn done(&mut self, id: &str, now_ms: i64) -> Vec<Effect> {
        self.all_done(&BTreeSet::from([id]), now_ms)
    }

    /// The same of many, in one pass.
    pub fn all_done(&mut self, ids: &BTreeSet<&str>, now_ms: i64) -> Vec<Effect> {
        self.settle(now_ms);
        let now_ms = self.clock_ms;
        // An offer that was answered at once may be over before it is known to be sent.
        let sent = self.offers.iter().filter(|offer| {
            offer.pushed_ms.is_none() && ids.contains(self.push_id(offer).as_str())
        });
        let sent: Vec<(String, Tag)> = sent
            .map(|offer| (offer.vendor_id.clone(), offer.tag))
            .collect();
        self.outbox.drop_if(|effect| {
            !effect.is_answered() && ids.contains(effect.id(&self.order_id).as_str())
        });
        for (vendor, tag) in sent {
            self.amend(&vendor, tag, |offer| offer.pushed_ms = Some(now_ms));
        }
        self.take_effects()
    }

    /// The id of the effect that sends an offer.
    pub fn push_id(&self, offer: &Offer) -> String {
        let push = Effect::Push {
            vendor: offer.vendor_id.clone(),
            tag: offer.tag,
            expires_ms: offer.expires_ms,
            distance_m: offer.distance_m,
        };
        push.id(&self.order_id)
    }

    /// To be called on a state that was read back after a crash: everything that is
    /// not known to be done.
    pub fn resume(&mut self, now_ms: i64) -> Vec<Effect> {
        self.settle(now_ms);
        self.outbox.all(self.clock_ms);
        self.take_effects()
    }

    fn take_effects(&mut self) -> Vec<Effect> {
        let mut effects = self.outbox.take_fresh();
        effects.extend(self.wake_at().map(|at_ms| Effect::WakeAt { at_ms }));
        effects
    }

    /// When `Due` is wanted at the latest. There is such a time while anything is left
    /// to be done (A6).
    pub fn wake_at(&self) -> Option<i64> {
        self.timer()
            .into_iter()
            .chain(self.outbox.next_ms())
            .min()
            .map(|at_ms| at_ms.max(self.clock_ms))
    }

    /// The next deadline of the search and its offers, without the outbox.
    pub fn timer(&self) -> Option<i64> {
        match self.phase {
            Phase::Searching => self.search.map(|search| search.until_ms.saturating_add(1)),
            Phase::Offering => self
                .open_offers()
                .map(|offer| offer.due_ms(self.settings.grace_ms))
                .min(),
            Phase::Failed => self.retry_at_ms,
            Phase::New | Phase::Assigned | Phase::Cancelled | Phase::Closed => None,
        }
    }

    /// What has become due by the clock happens before anything else does.
    fn settle(&mut self, now_ms: i64) {
        self.clock_ms = self.clock_ms.max(now_ms);
        if self.timer().is_none_or(|at_ms| at_ms > self.clock_ms) {
            return;
        }
        match self.phase {
            Phase::Searching => self.fail(FailReason::SearchUnanswered),
            Phase::Failed => self.begin_round(),
            _ => self.expire(),
        }
    }

    fn expire(&mut self) {
        let (now_ms, grace_ms) = (self.clock_ms, self.settings.grace_ms);
        let due: Vec<(String, Tag, bool)> = self
            .open_offers()
            .filter(|offer| offer.due_ms(grace_ms) <= now_ms)
            .map(|offer| {
                (
                    offer.vendor_id.clone(),
                    offer.tag,
                    offer.last_ms(grace_ms) < now_ms,
                )
            })
            .collect();
        for (vendor, tag, over) in due {
            if self
                .open_offer(&vendor)
                .is_some_and(|offer| offer.claim.is_some())
            {
                self.deny(&vendor, tag, Refusal::PlaceUnknown);
            }
            if over {
                self.end_offer(&vendor, OfferState::Expired, Some(CancelReason::Expired));
            }
        }
        self.advance();
    }

    fn emit(&mut self, effect: Effect) {
        self.outbox.add(effect, self.clock_ms);
    }

    fn tell(&mut self, happened: Happened) {
        self.events = self.events.saturating_add(1);
        self.emit(Effect::RecordEvent {
            seq: self.events,
            epoch: self.epoch,
            at_ms: self.clock_ms,
            happened,
        });
    }

    /// The order has come to an end: nobody is asked any more.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Cancelled | Phase::Closed)
    }

    pub fn open_offers(&self) -> impl Iterator<Item = &Offer> {
        self.offers.iter().filter(|offer| offer.is_open())
    }

    fn open_offer(&self, vendor: &str) -> Option<&Offer> {
        self.open_offers().find(|offer| offer.vendor_id == vendor)
    }

    /// The last offer to a vendor in this round.
    pub fn offer_to(&self, vendor: &str) -> Option<&Offer> {
        let mut offers = self.offers.iter().rev();
        offers.find(|offer| offer.vendor_id == vendor)
    }

    /// Changes an offer, and has its row written.
    fn amend(&mut self, vendor: &str, tag: Tag, change: impl FnOnce(&mut Offer)) {
        let mut offers = self.offers.iter_mut();
        let Some(offer) = offers.find(|offer| offer.tag == tag && offer.vendor_id == vendor) else {
            return;
        };
        change(offer);
        offer.revision = offer.revision.saturating_add(1);
        let offer = Box::new(offer.clone());
        self.outbox.drop_if(|effect| {
            matches!(effect, Effect::RecordOffer { offer } if offer.tag == tag && offer.vendor_id == vendor)
        });
        self.emit(Effect::RecordOffer { offer });
    }
}

#[cfg(test)]
mod chance;
#[cfg(test)]
mod tests;
