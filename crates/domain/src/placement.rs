//! Placing an order: one leg a stock shard, all held or none (I4).
//!
//! `apply` takes what happened and answers what to do next. The owner writes the
//! journal before it performs the first effect, writes that it is undoing before
//! it gives anything back ([`Effect::Record`]), and writes that nothing came of it
//! before it says so. What lies between need not be written, because every effect
//! is safe to perform twice: a repeated deduction finds its own hold, a repeated
//! release finds nothing left to give back, and a deduction that arrives after its
//! release finds a closed hold and is refused.
//!
//! After a crash the owner calls [`Placement::resume`] on what it journaled and
//! feeds [`Event::Due`]: the placement goes on in the direction it had. One that
//! was deducting has never sent a release, so none can arrive late and give back
//! the stock of an order that stands; its holds are found again, and it comes to
//! the end that a buyer may have been told of already. One that was undoing is
//! undone.
//!
//! Every leg that was ever asked is released when the order is undone, a refused
//! one too: a copy of the question may still be on its way, and only the release
//! closes the door to it.
//!
//! Shards are deducted in one fixed order, so that two carts with the same goods
//! in opposite order never wait for each other, and released last first.

use serde::{Deserialize, Serialize};

use crate::plan::Shortage;

/// The leg that is no stock shard: the buyer's credit line, which is asked last.
pub const CREDIT: u16 = u16::MAX;
/// Repeats of a deduction whose outcome is unknown, before the order is undone.
const DEDUCT_TRIES: u32 = 4;
/// How long an undoing may go on before it is marked stuck, unless its owner says
/// otherwise.
pub const STUCK_AFTER_MS: i64 = 60_000;
const BACKOFF_FIRST_MS: i64 = 50;
const BACKOFF_MAX_MS: i64 = 5_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// Not asked yet, so nothing is held.
    Open,
    /// Asked, and not known: it may be held.
    Asked,
    Held,
    /// The shard said no. A repeat that is still on its way may yet be told yes.
    Refused,
    Released,
}

impl Leg {
    /// It was asked and not released, so something is held there, or may yet be.
    fn may_hold(self) -> bool {
        matches!(self, Self::Asked | Self::Held | Self::Refused)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Cause {
    /// Too little in the warehouses that the plan named.
    Short { lines: Vec<Shortage> },
    /// A hold of this order was given back before; the order cannot be.
    Closed,
    /// A shard did not answer in time.
    Unavailable,
    /// The buyer's credit line is too short.
    NoCredit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Deducting,
    Undoing,
    /// Undoing did not come to an end: shown to admins, retried on command.
    Stuck,
    Placed,
    Undone,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    pub phase: Phase,
    /// In the fixed order of deduction.
    pub legs: Vec<(u16, Leg)>,
    pub cause: Option<Cause>,
    pub attempts: u32,
    /// When the current phase began.
    pub since_ms: i64,
    #[serde(default = "stuck_after_ms")]
    pub stuck_after_ms: i64,
    /// Taken up after a crash. A buyer may have been told that it stands, so while it
    /// is deducting no unknown outcome undoes it, however long that lasts.
    #[serde(default)]
    pub resumed: bool,
}

fn stuck_after_ms() -> i64 {
    STUCK_AFTER_MS
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Begin, or go on after a crash or a pause.
    Due,
    Held {
        shard: u16,
    },
    Refused {
        shard: u16,
        cause: Cause,
    },
    Released {
        shard: u16,
    },
    /// The last effect on this shard failed or was not answered: its outcome is unknown.
    Lost {
        shard: u16,
    },
    /// An admin wants a stuck placement tried again.
    Retry,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// `last` says that the order stands once this deduction does.
    Deduct {
        shard: u16,
        last: bool,
    },
    Release {
        shard: u16,
    },
    /// Tell the shard that the order stands, so that nobody waits for its end.
    Settle {
        shard: u16,
    },
    /// Come back with [`Event::Due`].
    Wake {
        at_ms: i64,
    },
    /// Write that it is being undone, before anything is given back.
    Record,
    /// It has ended: a failure is written before the buyer is told. That an order
    /// stands follows from its journal and may be written later.
    Finish,
    /// Write the mark, and show it.
    Attention,
}

impl Placement {
    /// `shards` in any order; each is deducted once.
    pub fn new(shards: impl IntoIterator<Item = u16>, now_ms: i64) -> Self {
        let mut shards: Vec<u16> = shards.into_iter().collect();
        shards.sort_unstable();
        shards.dedup();
        Self {
            phase: Phase::Deducting,
            legs: shards.into_iter().map(|shard| (shard, Leg::Open)).collect(),
            cause: None,
            attempts: 0,
            since_ms: now_ms,
            stuck_after_ms: STUCK_AFTER_MS,
            resumed: false,
        }
    }

    #[must_use]
    pub fn stuck_after(mut self, ms: i64) -> Self {
        self.stuck_after_ms = ms;
        self
    }

    /// To be called on a journal that was read back after a crash: what was asked
    /// since it was written is not known, so every leg may have been. One that has
    /// ended, or waits for an admin, stays as it is.
    pub fn resume(&mut self, now_ms: i64) {
        if !matches!(self.phase, Phase::Deducting | Phase::Undoing) {
            return;
        }
        self.attempts = 0;
        self.since_ms = now_ms;
        self.resumed = true;
        for (_, leg) in &mut self.legs {
            if *leg == Leg::Open {
                *leg = Leg::Asked;
            }
        }
    }

    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Placed | Phase::Undone)
    }

    /// What follows from an event. Events that no longer matter (an answer that
    /// comes after the end, or a second time) change nothing and ask for nothing.
    pub fn apply(&mut self, event: Event, now_ms: i64) -> Vec<Effect> {
        match (self.phase, event) {
            (Phase::Deducting, Event::Due) => self.deduct_next(now_ms),
            (Phase::Deducting, Event::Held { shard }) if self.awaits(shard) => {
                self.set(shard, Leg::Held);
                self.attempts = 0;
                self.deduct_next(now_ms)
            }
            (Phase::Deducting, Event::Refused { shard, cause }) if self.awaits(shard) => {
                self.set(shard, Leg::Refused);
                self.undo(cause, now_ms)
            }
            (Phase::Deducting, Event::Lost { shard }) if self.awaits(shard) => {
                self.attempts = self.attempts.saturating_add(1);
                if self.resumed || self.attempts < DEDUCT_TRIES {
                    vec![self.wake(now_ms)]
                } else {
                    self.undo(Cause::Unavailable, now_ms)
                }
            }
            (Phase::Undoing, Event::Due) => self.release_next(now_ms),
            (Phase::Undoing, Event::Released { shard }) if self.may_hold(shard) => {
                self.set(shard, Leg::Released);
                self.attempts = 0;
                self.release_next(now_ms)
            }
            (Phase::Undoing, Event::Lost { shard }) if self.may_hold(shard) => {
                self.attempts = self.attempts.saturating_add(1);
                if now_ms.saturating_sub(self.since_ms) >= self.stuck_after_ms {
                    self.phase = Phase::Stuck;
                    vec![Effect::Attention]
                } else {
                    vec![self.wake(now_ms)]
                }
            }
            (Phase::Stuck, Event::Retry) => {
                self.enter(Phase::Undoing, now_ms);
                self.release_next(now_ms)
            }
            _ => Vec::new(),
        }
    }

    fn enter(&mut self, phase: Phase, now_ms: i64) {
        self.phase = phase;
        self.attempts = 0;
        self.since_ms = now_ms;
    }

    fn leg(&self, shard: u16) -> Option<Leg> {
        let found = self.legs.iter().find(|(number, _)| *number == shard);
        found.map(|(_, leg)| *leg)
    }

    /// An answer about a leg that is not asked is late, or comes a second time.
    fn awaits(&self, shard: u16) -> bool {
        self.leg(shard) == Some(Leg::Asked)
    }

    fn may_hold(&self, shard: u16) -> bool {
        self.leg(shard).is_some_and(Leg::may_hold)
    }

    fn set(&mut self, shard: u16, leg: Leg) {
        if let Some(entry) = self.legs.iter_mut().find(|(number, _)| *number == shard) {
            entry.1 = leg;
        }
    }

    fn deduct_next(&mut self, now_ms: i64) -> Vec<Effect> {
        let mut open = self
            .legs
            .iter_mut()
            .filter(|(_, leg)| matches!(leg, Leg::Open | Leg::Asked));
        if let Some((shard, leg)) = open.next() {
            *leg = Leg::Asked;
            let last = open.next().is_none();
            return vec![Effect::Deduct {
                shard: *shard,
                last,
            }];
        }
        self.enter(Phase::Placed, now_ms);
        let mut effects = vec![Effect::Finish];
        effects.extend(self.settled());
        effects
    }

    /// The last shard deducted never counted the order as unfinished.
    fn settled(&self) -> impl Iterator<Item = Effect> {
        self.legs
            .iter()
            .rev()
            .skip(1)
            .rev()
            .map(|(shard, _)| Effect::Settle { shard: *shard })
    }

    fn undo(&mut self, cause: Cause, now_ms: i64) -> Vec<Effect> {
        self.enter(Phase::Undoing, now_ms);
        self.cause = Some(cause);
        let mut effects = vec![Effect::Record];
        effects.extend(self.release_next(now_ms));
        effects
    }

    fn release_next(&mut self, now_ms: i64) -> Vec<Effect> {
        let next = self.legs.iter().rev().find(|(_, leg)| leg.may_hold());
        if let Some((shard, _)) = next {
            return vec![Effect::Release { shard: *shard }];
        }
        self.enter(Phase::Undone, now_ms);
        vec![Effect::Finish]
    }

    fn wake(&self, now_ms: i64) -> Effect {
        Effect::Wake {
            at_ms: now_ms.saturating_add(backoff_ms(self.attempts)),
        }
    }
}

/// 50 ms, then double, up to 5 s.
pub fn backoff_ms(attempts: u32) -> i64 {
    let exponent = attempts.saturating_sub(1).min(16);
    BACKOFF_FIRST_MS
        .saturating_mul(1_i64.checked_shl(exponent).unwrap_or(i64::MAX))
        .min(BACKOFF_MAX_MS)
}

#[cfg(test)]
mod tests;
