//! How a lock ends: the winner gives the order back or loses it, the order is cancelled,
//! or the winner has done its part.
//!
//! What must hold: whoever had the lock and has it no more is told, the row in D1 is
//! emptied under the next epoch, and the place is free again.

use super::command::Refusal;
use super::effect::{CancelReason, Effect, Happened};
use super::offer::OfferState;
use super::{Assignment, Phase};

impl Assignment {
    pub(super) fn release(&mut self, epoch: u32, reason: String) -> Result<(), Refusal> {
        if self.phase == Phase::Closed {
            return Err(Refusal::Closed);
        }
        if self.lock.as_ref().is_none_or(|lock| lock.epoch != epoch) {
            return Err(Refusal::NotAssigned);
        }
        if let Some(vendor) = self.unlock(reason) {
            self.declined.insert(vendor);
        }
        self.begin_round();
        Ok(())
    }

    /// The epoch ends. A row that was never written need not be.
    fn unlock(&mut self, reason: String) -> Option<String> {
        let lock = self.lock.take()?;
        let vendor = lock.vendor_id;
        self.outbox
            .drop_if(|effect| matches!(effect, Effect::Won { .. }));
        self.tell(Happened::Released {
            vendor: vendor.clone(),
            reason: reason.clone(),
        });
        if let Some(claim) = lock.claim {
            self.give_back(&vendor, claim);
        }
        self.epoch = self.epoch.saturating_add(1);
        self.failures = 0;
        self.asked.clear();
        self.emit(Effect::Released {
            vendor: vendor.clone(),
            epoch: self.epoch,
            reason,
        });
        Some(vendor)
    }

    pub(super) fn cancel(&mut self, reason: &str) -> Result<(), Refusal> {
        match self.phase {
            Phase::Cancelled => return Ok(()),
            Phase::Closed => return Err(Refusal::Closed),
            _ => {}
        }
        self.end_all(OfferState::Cancelled, CancelReason::OrderCancelled);
        let asked = self.asked.clone();
        self.unlock(reason.to_owned());
        // They are told that the order is cancelled, not that nobody asked them.
        self.asked = asked;
        self.phase = Phase::Cancelled;
        self.search = None;
        self.retry_at_ms = None;
        self.drop_find();
        self.tell(Happened::Cancelled {
            reason: reason.to_owned(),
        });
        Ok(())
    }

    pub(super) fn close(&mut self) -> Result<(), Refusal> {
        if self.phase == Phase::Closed {
            return Ok(());
        }
        let lock = self.lock.as_ref().ok_or(Refusal::NotAssigned)?;
        let (vendor, claim) = (lock.vendor_id.clone(), lock.claim);
        if let Some(claim) = claim {
            self.give_back(&vendor, claim);
        }
        self.phase = Phase::Closed;
        self.tell(Happened::Closed);
        Ok(())
    }
}
