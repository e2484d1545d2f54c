//! What may go wrong, and where.
//!
//! A schedule has its own weather: which faults occur at all, how often, and two
//! steps where they crowd. Few kinds often find what all kinds seldom hide. Every
//! fault that really struck is counted in the table, so that a step which no
//! schedule ever disturbed is seen.

use crate::harness::{self, named};
use crate::rng::Rng;

named! {
    pub enum Step {
        CartMark = "cart.mark",
        Plan = "plan",
        OrderJournal = "order.journal",
        StockDeduct0 = "stock.deduct.0",
        StockDeduct1 = "stock.deduct.1",
        OrderUndo = "order.undo",
        StockRelease0 = "stock.release.0",
        StockRelease1 = "stock.release.1",
        OrderFinish = "order.finish",
        CartComplete = "cart.complete",
        CartRelease = "cart.release",
        StockRead = "stock.read",
        StockCommit = "stock.commit",
        Settle = "settle",
        OrderMove = "order.move",
        ChoreRelease = "chore.release",
        ChoreShip = "chore.ship",
        Resolve = "resolve",
        StockAdjust = "stock.adjust",
    }
}

impl Step {
    /// Those that come up seldom, so that trouble has to be sent there.
    const RARE: [Self; 4] = [
        Self::OrderUndo,
        Self::StockRelease0,
        Self::StockRelease1,
        Self::Resolve,
    ];

    pub fn deduct(shard: u16) -> Self {
        if shard == 0 {
            Self::StockDeduct0
        } else {
            Self::StockDeduct1
        }
    }

    pub fn release(shard: u16) -> Self {
        if shard == 0 {
            Self::StockRelease0
        } else {
            Self::StockRelease1
        }
    }
}

named! {
    pub enum Fault {
        /// It fails and has not happened.
        ErrorBefore = "error-before",
        /// It happened, and the caller is told that it failed.
        AnswerLost = "answer-lost",
        /// It is performed twice, concurrently where it travels.
        Doubled = "doubled",
        /// It happens after the caller has stopped waiting.
        Stalled = "stalled",
        /// Caller or callee loses its memory right after it happened.
        CrashNode = "crash-node",
        /// Everybody does.
        CrashAll = "crash-all",
    }
}

/// How often each fault struck at each step.
pub type Table = harness::Table<Step, Fault>;

/// A database that is out of reach for a while.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    pub shard: u8,
    pub from_ms: i64,
    pub until_ms: i64,
}

#[derive(Debug, Clone)]
pub struct Weather {
    kinds: Vec<Fault>,
    per_mille: u64,
    focus: [(Step, u64); 2],
    /// After this nothing fails any more, so that everything can come to rest.
    pub until_ms: i64,
    pub outage: Option<Outage>,
    /// The longest that a message usually takes.
    pub slow_ms: i64,
    /// Callers still hear answers that come after they stopped waiting.
    pub late_answers: bool,
}

impl Weather {
    pub fn draw(rng: &mut Rng, start_ms: i64) -> Self {
        let mut kinds: Vec<Fault> = Fault::ALL.into_iter().filter(|_| rng.chance(600)).collect();
        if kinds.is_empty() {
            kinds = Fault::ALL.to_vec();
        }
        let per_mille = rng.pick(&[0, 10, 40, 120], 40);
        let focus = [(); 2].map(|()| {
            let rare = rng.chance(400);
            let steps: &[Step] = if rare { &Step::RARE } else { &Step::ALL };
            let step = rng.pick(steps, Step::StockCommit);
            (step, rng.pick(&[0, 250, 500], 250))
        });
        let until_ms = start_ms + rng.between(2_000, 60_000);
        let outage = rng.chance(40).then(|| {
            let from_ms = start_ms + rng.between(0, 2_000);
            Outage {
                shard: u8::from(rng.chance(500)),
                from_ms,
                until_ms: from_ms + rng.between(1_000, 90_000),
            }
        });
        Self {
            kinds,
            per_mille,
            focus,
            until_ms,
            outage,
            slow_ms: rng.pick(&[5, 30, 200, 1_500], 30),
            late_answers: rng.chance(300),
        }
    }

    pub fn strike(&self, step: Step, now_ms: i64, rng: &mut Rng) -> Option<Fault> {
        if now_ms >= self.until_ms {
            return None;
        }
        let crowded = self.focus.iter().filter(|(at, _)| *at == step);
        let per_mille = crowded.map(|(_, per_mille)| *per_mille).max();
        if !rng.chance(self.per_mille.max(per_mille.unwrap_or(0))) {
            return None;
        }
        Some(rng.pick(&self.kinds, Fault::ErrorBefore))
    }
}
