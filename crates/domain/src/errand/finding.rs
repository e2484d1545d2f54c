//! Somebody is looked for, chosen and asked.

use super::{CLAIMS_PER_ATTEMPT, Effect, Errand, Granted, Phase, Refusal, Why, Wish};

impl Errand {
    pub(super) fn wish(&mut self, wish: Wish) {
        if wish.attempt <= self.over || wish.attempt < self.attempt {
            return;
        }
        let is_new = wish.attempt > self.attempt;
        if !is_new {
            // What is known better now. Whoever asks again has not heard, and is told.
            self.wish = Some(wish);
            return self.tell_again();
        }
        let is_elsewhere = self.wish.as_ref().is_none_or(|old| old.site != wish.site);
        let is_kept = self.is_taken() && !is_elsewhere;
        if !is_kept {
            self.give_back(Why::Replaced);
        }
        if is_elsewhere {
            self.barred.clear();
        }
        self.over = self.over.max(wish.attempt.saturating_sub(1));
        (self.attempt, self.version) = (wish.attempt, 0);
        self.wish = Some(wish);
        self.outbox
            .drop_if(|effect| matches!(effect, Effect::Tell(_)));
        if !is_kept {
            self.begin_search();
        } else if !matches!(self.phase, Phase::Asking | Phase::Offered) {
            self.tell();
        }
    }

    pub(super) fn open(&mut self) {
        self.phase = Phase::Open;
        (self.driver, self.by_hand, self.until_ms) = (None, false, None);
    }

    /// A search of its own, with all the time for it.
    pub(super) fn begin_search(&mut self) {
        let ready_ms = self.wish.as_ref().map_or(0, |wish| wish.ready_ms);
        let from_ms = if self.settings.binds_late {
            self.clock_ms.max(ready_ms)
        } else {
            self.clock_ms
        };
        self.search_until_ms = from_ms.saturating_add(self.settings.search_ms);
        self.open();
    }

    pub(super) fn choose(&mut self, driver: String, eta_s: u32) -> Result<(), Refusal> {
        if !self.is_free() || self.barred.contains(&driver) {
            return Err(Refusal::NotOpen);
        }
        self.eta_s = eta_s;
        self.ask(driver, false);
        Ok(())
    }

    pub(super) fn force(&mut self, driver: String, eta_s: u32) -> Result<(), Refusal> {
        match self.phase {
            Phase::Collected => return Err(Refusal::Collected),
            Phase::Delivered | Phase::Over => return Err(Refusal::Over),
            Phase::Held if self.driver.as_ref() == Some(&driver) => return Ok(()),
            Phase::Asking if self.by_hand && self.driver.as_ref() == Some(&driver) => {
                return Ok(());
            }
            Phase::Held | Phase::Asking | Phase::Offered => {
                let was_held = self.phase == Phase::Held;
                self.give_back(Why::Reassigned);
                self.begin_search();
                if was_held {
                    self.tell();
                }
            }
            Phase::Open => {}
            Phase::Failed => self.begin_search(),
        }
        self.eta_s = eta_s;
        self.chosen = Some(driver);
        Ok(())
    }

    pub(super) fn ask(&mut self, driver: String, by_hand: bool) {
        let before = self.attempt.saturating_sub(1);
        let first = before.saturating_mul(CLAIMS_PER_ATTEMPT);
        self.claim = self.claim.max(first).saturating_add(1);
        self.by_hand = by_hand;
        self.phase = Phase::Asking;
        self.until_ms = None;
        let take = Effect::Take {
            driver: driver.clone(),
            claim: self.claim,
            forced: by_hand,
            offered: self.is_asked_first(),
        };
        self.driver = Some(driver);
        self.emit(take);
    }

    /// Whoever an admin has chosen is not asked.
    fn is_asked_first(&self) -> bool {
        self.settings.offer_ms.is_some() && !self.by_hand
    }

    pub(super) fn took(&mut self, claim: u32, granted: Granted) {
        let is_it =
            |effect: &Effect| matches!(effect, Effect::Take { claim: of, .. } if *of == claim);
        self.outbox.drop_if(is_it);
        if self.phase != Phase::Asking || claim != self.claim {
            return;
        }
        match granted {
            Granted::Yes => match self.settings.offer_ms.filter(|_| self.is_asked_first()) {
                Some(offer_ms) => {
                    self.phase = Phase::Offered;
                    self.until_ms = Some(self.clock_ms.saturating_add(offer_ms));
                    self.offer();
                }
                None => self.hold(),
            },
            // It has no room now, and may have some later.
            Granted::Full | Granted::Away => self.look_further(Why::Replaced, false),
        }
    }

    fn offer(&mut self) {
        if let (Some(driver), Some(until_ms)) = (self.driver.clone(), self.until_ms) {
            let claim = self.claim;
            self.emit(Effect::Offer {
                driver,
                claim,
                until_ms,
            });
        }
    }

    pub(super) fn hold(&mut self) {
        self.phase = Phase::Held;
        self.until_ms = None;
        self.tell();
    }
}
