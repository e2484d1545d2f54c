//! A driver's shift: whether orders may come, how many fit, and which there are.
//!
//! The driver's desk is the one writer of this. What must hold (A4): orders at once are
//! never more than the capacity, an admin's neither; a claim goes from offered to held to
//! collected to closed and never back; a closed claim, and every older one of its order, is
//! refused for ever. Whose order it is, the order's errand decides ([`crate::errand`]): a
//! driver who goes off keeps what is on the way, and asks the errands of the rest to look
//! for somebody else, until they have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::errand::Granted;
use crate::outbox::Outbox;

/// Closed claims are remembered for so long: no copy of a question travels longer.
pub const CLOSED_TTL_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    Offered,
    Held,
    Collected,
}

/// An order that the driver is asked about, or has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub number: u32,
    pub progress: Progress,
    /// The cell that leads its errand.
    pub cell: String,
    pub since_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Closed {
    number: u32,
    at_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The errand looks for somebody else. Done when its claim is closed here.
    Drop {
        order_id: String,
        cell: String,
        number: u32,
    },
}

/// A question for room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub order_id: String,
    pub number: u32,
    pub cell: String,
    /// An admin has chosen this driver, on a shift or not.
    pub forced: bool,
    /// The driver is asked before it is certain.
    pub offered: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    pub is_on: bool,
    /// Nothing new comes after this.
    pub ends_ms: Option<i64>,
    pub capacity: u32,
    pub claims: BTreeMap<String, Claim>,
    closed: BTreeMap<String, Closed>,
    pub outbox: Outbox<Effect>,
    clock_ms: i64,
}

impl Shift {
    pub fn new(capacity: u32, now_ms: i64) -> Self {
        Self {
            is_on: false,
            ends_ms: None,
            capacity,
            claims: BTreeMap::new(),
            closed: BTreeMap::new(),
            outbox: Outbox::default(),
            clock_ms: now_ms,
        }
    }

    fn at(&mut self, now_ms: i64) {
        self.clock_ms = self.clock_ms.max(now_ms);
    }

    /// Whether the driver may get something new.
    pub fn is_open(&self) -> bool {
        self.is_on && self.ends_ms.is_none_or(|ends| self.clock_ms < ends)
    }

    /// Orders that still fit.
    pub fn room(&self) -> u32 {
        let held = u32::try_from(self.claims.len()).unwrap_or(u32::MAX);
        self.capacity.saturating_sub(held)
    }

    /// To be written before it is answered.
    pub fn take(&mut self, ask: &Ask, now_ms: i64) -> Granted {
        self.at(now_ms);
        let is_closed = self
            .closed
            .get(&ask.order_id)
            .is_some_and(|closed| ask.number <= closed.number);
        if is_closed {
            return Granted::Away;
        }
        match self.claims.get(&ask.order_id) {
            Some(claim) if claim.number == ask.number => return Granted::Yes,
            Some(claim) if claim.number > ask.number => return Granted::Away,
            // Its errand asks anew, so the older one is over there.
            Some(_) => {
                self.claims.remove(&ask.order_id);
            }
            None => {}
        }
        if !self.is_open() && !ask.forced {
            return Granted::Away;
        }
        if self.room() == 0 {
            return Granted::Full;
        }
        let progress = if ask.offered {
            Progress::Offered
        } else {
            Progress::Held
        };
        let claim = Claim {
            number: ask.number,
            progress,
            cell: ask.cell.clone(),
            since_ms: self.clock_ms,
        };
        self.claims.insert(ask.order_id.clone(), claim);
        Granted::Yes
    }

    /// The claim was accepted, or its goods are with the driver. True when that is new.
    pub fn note(&mut self, order_id: &str, number: u32, progress: Progress, now_ms: i64) -> bool {
        self.at(now_ms);
        let claim = self.claims.get_mut(order_id);
        let Some(claim) = claim.filter(|claim| claim.number == number) else {
            return false;
        };
        let is_news = claim.progress < progress;
        claim.progress = claim.progress.max(progress);
        if claim.progress == Progress::Collected {
            self.settled(order_id, number);
        }
        is_news
    }

    /// The claim is closed, for ever. Gives it if there was one.
    pub fn give_back(&mut self, order_id: &str, number: u32, now_ms: i64) -> Option<Claim> {
        self.at(now_ms);
        let at_ms = self.clock_ms;
        let closed = Closed { number, at_ms };
        self.forget_old();
        let last = self.closed.entry(order_id.to_owned()).or_insert(closed);
        if last.number <= number {
            *last = closed;
        }
        self.settled(order_id, number);
        let is_it = self.claims.get(order_id)?.number <= number;
        is_it.then(|| self.claims.remove(order_id)).flatten()
    }

    fn forget_old(&mut self) {
        let old = self.clock_ms.saturating_sub(CLOSED_TTL_MS);
        self.closed.retain(|_, closed| closed.at_ms > old);
    }

    fn settled(&mut self, order: &str, up_to: u32) {
        self.outbox.drop_if(|effect| {
            let Effect::Drop {
                order_id, number, ..
            } = effect;
            order_id == order && *number <= up_to
        });
    }

    /// The driver comes, or goes. What is not collected goes to somebody else.
    pub fn turn(&mut self, is_on: bool, ends_ms: Option<i64>, now_ms: i64) -> Vec<Effect> {
        self.at(now_ms);
        (self.is_on, self.ends_ms) = (is_on, ends_ms);
        if is_on {
            return Vec::new();
        }
        let leaving: Vec<Effect> = self
            .claims
            .iter()
            .filter(|(_, claim)| claim.progress < Progress::Collected)
            .map(|(order_id, claim)| Effect::Drop {
                order_id: order_id.clone(),
                cell: claim.cell.clone(),
                number: claim.number,
            })
            .filter(|effect| self.outbox.find(|known| known == effect).is_none())
            .collect();
        for effect in leaving {
            self.outbox.add(effect, self.clock_ms);
        }
        self.outbox.take_fresh()
    }

    /// What has to be done again.
    pub fn due(&mut self, now_ms: i64) -> Vec<Effect> {
        self.at(now_ms);
        self.forget_old();
        self.outbox.due(self.clock_ms);
        self.outbox.take_fresh()
    }

    /// After a crash: everything that is not known to be done.
    pub fn resume(&mut self, now_ms: i64) -> Vec<Effect> {
        self.at(now_ms);
        self.outbox.all(self.clock_ms);
        self.outbox.take_fresh()
    }

    /// When `due` is wanted at the latest (A6).
    pub fn wake_at(&self) -> Option<i64> {
        self.outbox.next_ms().map(|at_ms| at_ms.max(self.clock_ms))
    }
}

#[cfg(test)]
mod tests;
