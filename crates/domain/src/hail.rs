//! How an order gets a driver: what it has asked for, and what it has heard.
//!
//! The order's desk keeps this beside the order. A wish for a driver goes out in attempts,
//! each again and again until something is heard of it, since queues may lose and double
//! what they carry; whoever leads the errand ([`crate::errand`]) tells how it stands, with a
//! version, and of two reports the older says nothing (M1). An attempt that failed is
//! followed by another after a growing pause, within a bound; then somebody has to look.

use serde::{Deserialize, Serialize};

use crate::errand::{Report, State};

/// A wish is sent again after this, then after twice as long, and so on.
const AGAIN_FIRST_MS: i64 = 5_000;
const AGAIN_MAX_MS: i64 = 120_000;
/// The pause after an attempt that failed.
const RETRY_FIRST_MS: i64 = 15_000;
const RETRY_MAX_MS: i64 = 300_000;
/// Attempts that may fail before somebody has to look.
pub const ATTEMPTS_MAX: u32 = 6;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hail {
    pub attempt: u32,
    /// The first of the attempts that follow each other at the same place. Who was found
    /// by one of them after it had failed brings the order for the next one.
    pub since: u32,
    /// The last report of this attempt; 0 while there is none.
    pub version: u32,
    pub state: Option<State>,
    pub driver: Option<String>,
    pub is_over: bool,
    /// How often the wish of this attempt went out.
    pub sent: u32,
    /// Attempts that failed, one after the other.
    pub failures: u32,
    /// When the wish goes out again, or the next attempt begins.
    pub again_ms: Option<i64>,
}

/// What a report comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The order goes on with it.
    News,
    /// It is known, or of an attempt that is no more.
    Known,
    /// No driver is wanted any more: the errand has to end.
    Over,
}

impl Hail {
    /// Somebody is to bring it, from here on. True when the wish has to go out.
    pub fn begin(&mut self, now_ms: i64) -> bool {
        let is_wanted = self.attempt > 0 && !self.is_over && self.state != Some(State::Failed);
        if is_wanted {
            return false;
        }
        if self.attempt == 0 || self.is_over {
            self.since = self.attempt.saturating_add(1);
        }
        self.is_over = false;
        self.failures = 0;
        self.next_attempt(now_ms);
        true
    }

    /// Another wish instead of the last, since it is to be collected elsewhere. Where the
    /// last was led by another cell, the wish goes out once the errand there is known to
    /// have nobody ([`crate::errand::Errand::has_nobody`]), else two drivers might have it.
    pub fn anew(&mut self, now_ms: i64) {
        (self.is_over, self.failures) = (false, 0);
        self.since = self.attempt.saturating_add(1);
        self.next_attempt(now_ms);
    }

    fn next_attempt(&mut self, now_ms: i64) {
        self.attempt = self.attempt.saturating_add(1);
        (self.version, self.sent) = (0, 1);
        (self.state, self.driver) = (None, None);
        self.again_ms = Some(now_ms.saturating_add(AGAIN_FIRST_MS));
    }

    /// True when it is time for the wish to go out once more.
    pub fn is_due(&mut self, now_ms: i64) -> bool {
        if self.again_ms.is_none_or(|at_ms| at_ms > now_ms) {
            return false;
        }
        if self.state == Some(State::Failed) {
            self.next_attempt(now_ms);
            return true;
        }
        self.sent = self.sent.saturating_add(1);
        let pause = doubled(AGAIN_FIRST_MS, self.sent, AGAIN_MAX_MS);
        self.again_ms = Some(now_ms.saturating_add(pause));
        true
    }

    /// How an errand stands.
    pub fn hear(&mut self, report: &Report, now_ms: i64) -> Heard {
        if report.attempt <= self.attempt && (self.is_over || report.attempt < self.since) {
            // One that we do not know of any more is not ours to lead either.
            return Heard::Over;
        }
        // Of an attempt that failed before, the wish of this one makes its errand say more.
        if report.attempt != self.attempt || report.version <= self.version {
            return Heard::Known;
        }
        self.version = report.version;
        self.state = Some(report.state);
        self.driver.clone_from(&report.driver);
        self.again_ms = None;
        match report.state {
            State::Failed => {
                self.failures = self.failures.saturating_add(1);
                if self.failures < ATTEMPTS_MAX {
                    let pause = doubled(RETRY_FIRST_MS, self.failures, RETRY_MAX_MS);
                    self.again_ms = Some(now_ms.saturating_add(pause));
                }
            }
            State::Assigned => self.failures = 0,
            _ => {}
        }
        Heard::News
    }

    /// The order needs nobody any more. The attempt whose errand has to be told so.
    pub fn end(&mut self) -> Option<u32> {
        self.again_ms = None;
        let was_wanted = self.attempt > 0 && !self.is_over;
        self.is_over = true;
        was_wanted.then_some(self.attempt)
    }

    /// Nobody was found, however often it was tried.
    pub fn needs_somebody(&self) -> bool {
        self.state == Some(State::Failed) && self.again_ms.is_none() && !self.is_over
    }
}

fn doubled(first: i64, times: u32, most: i64) -> i64 {
    let factor = 1_i64
        .checked_shl(times.saturating_sub(1).min(16))
        .unwrap_or(i64::MAX);
    first.saturating_mul(factor).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(attempt: u32, version: u32, state: State) -> Report {
        let has_one = matches!(state, State::Assigned | State::Collected | State::Delivered);
        Report {
            attempt,
            version,
            state,
            driver: has_one.then(|| "d".into()),
            eta_s: 60,
            by_hand: false,
            proof: None,
            at_ms: 0,
        }
    }

    fn begun() -> Hail {
        let mut hail = Hail::default();
        assert!(hail.begin(0));
        hail
    }

    #[test]
    fn a_wish_goes_out_until_something_is_heard_of_it() {
        let mut hail = begun();
        assert!(!hail.begin(1), "it is wanted already");
        let mut times = Vec::new();
        for now in (0..400_000).step_by(1_000) {
            if hail.is_due(now) {
                times.push(now);
            }
        }
        assert_eq!(
            times,
            [5_000, 15_000, 35_000, 75_000, 155_000, 275_000, 395_000]
        );
        assert_eq!(
            hail.hear(&report(1, 1, State::Searching), 400_000),
            Heard::News
        );
        assert!(!hail.is_due(i64::MAX));
    }

    #[test]
    fn of_two_reports_the_older_says_nothing() {
        let mut hail = begun();
        assert_eq!(hail.hear(&report(1, 3, State::Collected), 1), Heard::News);
        assert_eq!(hail.hear(&report(1, 2, State::Searching), 2), Heard::Known);
        assert_eq!(hail.hear(&report(1, 3, State::Collected), 2), Heard::Known);
        assert_eq!(
            (hail.state, hail.driver.as_deref()),
            (Some(State::Collected), Some("d"))
        );
    }

    #[test]
    fn what_failed_is_tried_again_with_growing_pauses_and_then_no_more() {
        let mut hail = begun();
        let mut pauses = Vec::new();
        let mut now = 0;
        loop {
            let attempt = hail.attempt;
            assert_eq!(
                hail.hear(&report(attempt, 1, State::Failed), now),
                Heard::News
            );
            let Some(again) = hail.again_ms else { break };
            pauses.push(again - now);
            now = again;
            assert!(hail.is_due(now));
            assert_eq!(hail.attempt, attempt + 1);
        }
        assert_eq!(pauses, [15_000, 30_000, 60_000, 120_000, 240_000]);
        assert!(hail.needs_somebody());
        assert!(hail.begin(now), "somebody looked");
        assert!(!hail.needs_somebody());
    }

    #[test]
    fn an_errand_that_is_not_wanted_any_more_hears_so() {
        let mut hail = begun();
        hail.anew(5);
        assert_eq!(hail.hear(&report(1, 9, State::Assigned), 6), Heard::Over);
        assert_eq!(hail.end(), Some(2));
        assert_eq!(hail.end(), None);
        assert_eq!(hail.hear(&report(2, 1, State::Assigned), 7), Heard::Over);
        assert!(!hail.is_due(i64::MAX));
    }

    #[test]
    fn somebody_who_was_found_after_an_attempt_failed_is_not_sent_away() {
        let mut hail = begun();
        hail.hear(&report(1, 1, State::Failed), 0);
        assert!(hail.is_due(15_000), "another attempt, at the same place");
        assert_eq!(hail.hear(&report(1, 2, State::Assigned), 1), Heard::Known);
        assert!(hail.again_ms.is_some(), "its wish is heard by that errand");
        assert_eq!(hail.hear(&report(2, 1, State::Assigned), 2), Heard::News);
        hail.anew(3);
        assert_eq!(hail.hear(&report(2, 2, State::Collected), 4), Heard::Over);
    }
}
