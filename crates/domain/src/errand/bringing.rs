//! Whoever has it takes it, gives it back, or brings it; and the order says when it is over.

use super::{Effect, Errand, Phase, Refusal, Stage, Why};

impl Errand {
    fn is_with(&self, driver: &str) -> bool {
        self.driver.as_deref() == Some(driver)
    }

    pub(super) fn accept(&mut self, driver: &str) -> Result<(), Refusal> {
        match self.phase {
            Phase::Held | Phase::Collected | Phase::Delivered if self.is_with(driver) => Ok(()),
            Phase::Offered if self.is_with(driver) => {
                self.hold();
                self.note();
                Ok(())
            }
            _ => Err(self.not_yours(driver)),
        }
    }

    fn not_yours(&self, driver: &str) -> Refusal {
        match self.phase {
            Phase::Over | Phase::Delivered => Refusal::Over,
            Phase::Asking if self.is_with(driver) => Refusal::NotYet,
            Phase::Held | Phase::Collected => Refusal::Another,
            _ => Refusal::NotYours,
        }
    }

    pub(super) fn reject(&mut self, driver: &str) -> Result<(), Refusal> {
        match self.phase {
            Phase::Offered if self.is_with(driver) => {
                self.look_further(Why::Declined, true);
                Ok(())
            }
            // Said before: that is what it asks for.
            Phase::Open | Phase::Asking | Phase::Offered if self.barred.contains(driver) => Ok(()),
            _ => Err(self.not_yours(driver)),
        }
    }

    pub(super) fn dropped(&mut self, driver: &str, claim: u32) {
        let has_it = matches!(self.phase, Phase::Asking | Phase::Offered | Phase::Held);
        if has_it && claim == self.claim && self.is_with(driver) {
            self.look_further(Why::Gone, false);
        }
    }

    pub(super) fn collect(&mut self, driver: &str) -> Result<(), Refusal> {
        match self.phase {
            Phase::Collected if self.is_with(driver) => {
                self.tell_again();
                Ok(())
            }
            Phase::Delivered if self.is_with(driver) => Ok(()),
            Phase::Held if self.is_with(driver) => {
                self.phase = Phase::Collected;
                self.note();
                self.tell();
                Ok(())
            }
            _ => Err(self.not_yours(driver)),
        }
    }

    pub(super) fn deliver(&mut self, driver: &str, proof: String) -> Result<(), Refusal> {
        match self.phase {
            Phase::Delivered if self.is_with(driver) => {
                self.tell_again();
                Ok(())
            }
            Phase::Collected if self.is_with(driver) => {
                self.proof = Some(proof);
                self.give_back(Why::Delivered);
                self.phase = Phase::Delivered;
                self.tell();
                Ok(())
            }
            Phase::Held if self.is_with(driver) => Err(Refusal::NotCollected),
            _ => Err(self.not_yours(driver)),
        }
    }

    pub(super) fn follow(&mut self, attempt: u32, stage: Stage) {
        if attempt < self.attempt || attempt <= self.over {
            return;
        }
        if attempt == self.attempt && self.phase == Phase::Delivered {
            // An order that says so has not heard the rest yet.
            if stage == Stage::Collected {
                return;
            }
            self.over = attempt;
            return self
                .outbox
                .drop_if(|effect| matches!(effect, Effect::Tell(_)));
        }
        // Staff says that it has left: with whom it was held, or else without a driver.
        if stage == Stage::Collected && attempt == self.attempt {
            match self.phase {
                Phase::Held => {
                    self.phase = Phase::Collected;
                    return self.note();
                }
                Phase::Collected => return,
                _ => {}
            }
        }
        let why = match stage {
            Stage::Cancelled => Why::Cancelled,
            Stage::Collected | Stage::Delivered => Why::Delivered,
        };
        self.give_back(why);
        (self.attempt, self.over) = (attempt, attempt);
        (self.phase, self.until_ms, self.chosen) = (Phase::Over, None, None);
        self.outbox
            .drop_if(|effect| matches!(effect, Effect::Tell(_)));
    }
}
