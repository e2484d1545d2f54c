//! Whom to ask: circles that grow, batches, and what comes when nobody wants.
//!
//! What must hold: nobody is asked twice in a round until nobody new is left, and
//! then only who did not answer, and once; whoever said no to the order is not asked
//! again. A search has a number, and only the answer to the last one counts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::command::{Candidate, Passed, Refusal, Tag};
use super::effect::{CancelReason, Effect, FailReason, Happened};
use super::offer::{Offer, OfferState};
use super::settings::Strategy;
use super::{Assignment, Phase};

/// Lines of why somebody was not asked, for one batch.
const PASSED_MAX: usize = 50;
/// Candidates that are looked at in one answer.
const FOUND_MAX: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Search {
    pub no: u32,
    pub until_ms: i64,
}

impl Assignment {
    pub(super) fn start(&mut self, strategy: Strategy) -> Result<(), Refusal> {
        match self.phase {
            Phase::New => {
                self.strategy = strategy;
                self.tell(Happened::Started);
                self.begin_round();
                Ok(())
            }
            Phase::Cancelled => Err(Refusal::OrderCancelled),
            _ if self.strategy == strategy => Ok(()),
            _ => Err(Refusal::AlreadyStarted),
        }
    }

    pub(super) fn retry(&mut self, strategy: Option<Strategy>) -> Result<(), Refusal> {
        if self.phase != Phase::Failed {
            return Err(Refusal::NothingToRetry);
        }
        self.strategy = strategy.unwrap_or_else(|| self.strategy.clone());
        self.begin_round();
        Ok(())
    }

    pub(super) fn begin_round(&mut self) {
        if self.phase == Phase::Failed {
            self.tell(Happened::Retried);
        }
        self.round = self.round.saturating_add(1);
        self.batches = 0;
        self.again = false;
        self.offers.clear();
        self.retry_at_ms = None;
        self.radius_m = self.strategy.first_radius();
        self.find();
    }

    fn find(&mut self) {
        self.searches = self.searches.saturating_add(1);
        self.phase = Phase::Searching;
        let until_ms = self.clock_ms.saturating_add(self.settings.search_ms);
        self.search = Some(Search {
            no: self.searches,
            until_ms,
        });
        self.drop_find();
        self.emit(Effect::Find {
            search_no: self.searches,
            radius_m: self.radius_m,
            limit: self.strategy.size(),
            by_score: matches!(self.strategy, Strategy::Scored { .. }),
            exclude: self.excluded().into_iter().collect(),
        });
    }

    pub(super) fn drop_find(&mut self) {
        self.outbox
            .drop_if(|effect| matches!(effect, Effect::Find { .. }));
    }

    /// Who is not to be asked now.
    fn excluded(&self) -> BTreeSet<String> {
        let repeatable = self.repeatable();
        let mut excluded = self.declined.clone();
        for offer in &self.offers {
            if !(self.again && repeatable.contains(&offer.vendor_id)) {
                excluded.insert(offer.vendor_id.clone());
            }
        }
        excluded
    }

    /// Who was asked once in this round and did not answer.
    fn repeatable(&self) -> BTreeSet<String> {
        let mut once = BTreeSet::new();
        let mut twice = BTreeSet::new();
        for offer in &self.offers {
            let vendor = &offer.vendor_id;
            if !offer.may_be_repeated() || !once.insert(vendor.clone()) {
                twice.insert(vendor.clone());
            }
        }
        once.retain(|vendor| !twice.contains(vendor) && !self.declined.contains(vendor));
        once
    }

    /// Late and doubled answers change nothing.
    pub(super) fn candidates(
        &mut self,
        search_no: u32,
        found: Vec<Candidate>,
        passed: Vec<Passed>,
    ) {
        if self.search.is_none_or(|search| search.no != search_no) {
            return;
        }
        self.drop_find();
        let (chosen, passed) = self.choose(found, passed);
        if chosen.len() < self.strategy.size()
            && let Some(wider) = self.strategy.wider(self.radius_m)
        {
            self.radius_m = Some(wider);
            self.find();
        } else if !chosen.is_empty() {
            self.offer(chosen, passed);
        } else if !self.again && !self.repeatable().is_empty() {
            self.again = true;
            self.find();
        } else {
            self.fail(FailReason::NoVendors);
        }
    }

    /// The search is not trusted: whom it should have left out is left out here.
    fn choose(
        &self,
        mut found: Vec<Candidate>,
        mut passed: Vec<Passed>,
    ) -> (Vec<Candidate>, Vec<Passed>) {
        let by_score = matches!(self.strategy, Strategy::Scored { .. });
        found.truncate(FOUND_MAX);
        found.sort_unstable_by(|a, b| {
            let near = a.distance_m.cmp(&b.distance_m);
            let good = b.score.cmp(&a.score);
            let order = if by_score {
                good.then(near)
            } else {
                near.then(good)
            };
            order.then_with(|| a.vendor_id.cmp(&b.vendor_id))
        });
        let excluded = self.excluded();
        let mut names = BTreeSet::new();
        let mut chosen = Vec::new();
        for candidate in found {
            if !names.insert(candidate.vendor_id.clone()) {
                continue;
            }
            let why = if excluded.contains(&candidate.vendor_id) {
                "asked before"
            } else if candidate.free == Some(0) {
                "no free place"
            } else if self
                .radius_m
                .is_some_and(|radius_m| candidate.distance_m > radius_m)
            {
                "too far"
            } else if chosen.len() >= self.strategy.size() {
                "others came first"
            } else {
                chosen.push(candidate);
                continue;
            };
            passed.push(Passed {
                vendor_id: candidate.vendor_id,
                why: why.into(),
                distance_m: candidate.distance_m,
                score: candidate.score,
            });
        }
        passed.truncate(PASSED_MAX);
        (chosen, passed)
    }

    fn offer(&mut self, chosen: Vec<Candidate>, passed: Vec<Passed>) {
        self.phase = Phase::Offering;
        self.search = None;
        self.batch = self.batch.saturating_add(1);
        self.batches = self.batches.saturating_add(1);
        let tag = Tag {
            epoch: self.epoch,
            batch: self.batch,
        };
        self.tell(Happened::Offered {
            batch: tag.batch,
            radius_m: self.radius_m,
            vendors: chosen.iter().map(|one| one.vendor_id.clone()).collect(),
            passed,
        });
        for candidate in chosen {
            let offer = Offer::new(candidate, tag, self.clock_ms, self.settings.offer_ms);
            self.asked.insert(offer.vendor_id.clone());
            self.emit(Effect::Push {
                vendor: offer.vendor_id.clone(),
                tag,
                expires_ms: offer.expires_ms,
                distance_m: offer.distance_m,
            });
            let vendor = offer.vendor_id.clone();
            self.offers.push(offer);
            self.amend(&vendor, tag, |_| ());
        }
    }

    /// Goes on when nobody of the batch can accept any more.
    pub(super) fn advance(&mut self) {
        if self.phase != Phase::Offering || self.open_offers().next().is_some() {
            return;
        }
        if self.batches >= self.settings.batches() {
            self.fail(FailReason::BatchesUsedUp);
        } else {
            self.find();
        }
    }

    pub(super) fn fail(&mut self, reason: FailReason) {
        self.phase = Phase::Failed;
        self.search = None;
        self.drop_find();
        self.retry_at_ms = self
            .settings
            .retry_after(self.failures)
            .map(|wait_ms| self.clock_ms.saturating_add(wait_ms));
        self.failures = self.failures.saturating_add(1);
        let (epoch, round, retry_at_ms) = (self.epoch, self.round, self.retry_at_ms);
        self.tell(Happened::Failed { reason });
        self.emit(Effect::Failed {
            epoch,
            round,
            reason,
            retry_at_ms,
        });
        self.emit(Effect::Attention {
            epoch,
            round,
            reason,
            retry_at_ms,
        });
    }

    pub(super) fn reached(&mut self, vendor: &str, tag: Tag, seen: bool) -> Result<(), Refusal> {
        let offer = self.offer_to(vendor).ok_or(Refusal::NotOffered)?;
        if offer.tag != tag {
            return Err(Refusal::OfferExpired);
        }
        if offer.delivered_ms.is_some() && (offer.seen_ms.is_some() || !seen) {
            return Ok(());
        }
        let now_ms = self.clock_ms;
        self.amend(vendor, tag, |offer| {
            offer.delivered_ms.get_or_insert(now_ms);
            if seen {
                offer.seen_ms.get_or_insert(now_ms);
            }
        });
        Ok(())
    }

    /// Whoever is known to have got it, or has answered, was reached after all.
    pub(super) fn unreachable(&mut self, vendor: &str, tag: Tag) -> Result<(), Refusal> {
        let offer = self.offer_to(vendor).ok_or(Refusal::NotOffered)?;
        if offer.tag != tag {
            return Err(Refusal::OfferExpired);
        }
        if offer.is_open() && offer.delivered_ms.is_none() && offer.answered_ms.is_none() {
            let told = Some(CancelReason::Withdrawn);
            self.end_offer(vendor, OfferState::Unreachable, told);
            self.advance();
        }
        Ok(())
    }

    pub(super) fn time_out(&mut self, vendor: Option<&str>) -> Result<(), Refusal> {
        let open: Vec<String> = self
            .open_offers()
            .map(|offer| offer.vendor_id.clone())
            .filter(|name| vendor.is_none_or(|vendor| vendor == name))
            .collect();
        if let Some(vendor) = vendor
            && self.offer_to(vendor).is_none()
        {
            return Err(Refusal::NotOffered);
        }
        for vendor in open {
            let told = Some(CancelReason::Withdrawn);
            self.end_offer(&vendor, OfferState::Expired, told);
        }
        self.advance();
        Ok(())
    }
}
