//! What may go wrong, and where.
//!
//! A schedule has its own weather: which faults occur at all, how often, and two
//! steps where they crowd. Few kinds often find what all kinds seldom hide. Every
//! fault that really struck is counted in the table, so that a step which no
//! schedule ever disturbed is seen.

use std::fmt::Write;

use crate::rng::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    CartMark,
    Plan,
    OrderJournal,
    StockDeduct0,
    StockDeduct1,
    OrderUndo,
    StockRelease0,
    StockRelease1,
    OrderFinish,
    CartComplete,
    CartRelease,
    StockRead,
    StockCommit,
    Settle,
    OrderMove,
    ChoreRelease,
    ChoreShip,
    Resolve,
    StockAdjust,
}

impl Step {
    pub const ALL: [Self; 19] = [
        Self::CartMark,
        Self::Plan,
        Self::OrderJournal,
        Self::StockDeduct0,
        Self::StockDeduct1,
        Self::OrderUndo,
        Self::StockRelease0,
        Self::StockRelease1,
        Self::OrderFinish,
        Self::CartComplete,
        Self::CartRelease,
        Self::StockRead,
        Self::StockCommit,
        Self::Settle,
        Self::OrderMove,
        Self::ChoreRelease,
        Self::ChoreShip,
        Self::Resolve,
        Self::StockAdjust,
    ];

    /// Those that come up seldom, so that trouble has to be sent there.
    const RARE: [Self; 4] = [
        Self::OrderUndo,
        Self::StockRelease0,
        Self::StockRelease1,
        Self::Resolve,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::CartMark => "cart.mark",
            Self::Plan => "plan",
            Self::OrderJournal => "order.journal",
            Self::StockDeduct0 => "stock.deduct.0",
            Self::StockDeduct1 => "stock.deduct.1",
            Self::OrderUndo => "order.undo",
            Self::StockRelease0 => "stock.release.0",
            Self::StockRelease1 => "stock.release.1",
            Self::OrderFinish => "order.finish",
            Self::CartComplete => "cart.complete",
            Self::CartRelease => "cart.release",
            Self::StockRead => "stock.read",
            Self::StockCommit => "stock.commit",
            Self::Settle => "settle",
            Self::OrderMove => "order.move",
            Self::ChoreRelease => "chore.release",
            Self::ChoreShip => "chore.ship",
            Self::Resolve => "resolve",
            Self::StockAdjust => "stock.adjust",
        }
    }

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It fails and has not happened.
    ErrorBefore,
    /// It happened, and the caller is told that it failed.
    AnswerLost,
    /// It is performed twice, concurrently where it travels.
    Doubled,
    /// It happens after the caller has stopped waiting.
    Stalled,
    /// Caller or callee loses its memory right after it happened.
    CrashNode,
    /// Everybody does.
    CrashAll,
}

impl Fault {
    pub const ALL: [Self; 6] = [
        Self::ErrorBefore,
        Self::AnswerLost,
        Self::Doubled,
        Self::Stalled,
        Self::CrashNode,
        Self::CrashAll,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::ErrorBefore => "error-before",
            Self::AnswerLost => "answer-lost",
            Self::Doubled => "doubled",
            Self::Stalled => "stalled",
            Self::CrashNode => "crash-node",
            Self::CrashAll => "crash-all",
        }
    }
}

/// How often each fault struck at each step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table([[u64; Fault::ALL.len()]; Step::ALL.len()]);

impl Table {
    pub fn count(&mut self, step: Step, fault: Fault) {
        self.0[step as usize][fault as usize] += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            *mine += theirs;
        }
    }

    /// The pairs that never occurred.
    pub fn zeros(&self) -> Vec<(Step, Fault)> {
        Step::ALL
            .into_iter()
            .flat_map(|step| Fault::ALL.map(|fault| (step, fault)))
            .filter(|(step, fault)| self.0[*step as usize][*fault as usize] == 0)
            .collect()
    }

    pub fn render(&self) -> String {
        let mut text = format!("{:<16}", "step");
        for fault in Fault::ALL {
            let _ = write!(text, "{:>13}", fault.name());
        }
        for step in Step::ALL {
            let _ = write!(text, "\n{:<16}", step.name());
            for fault in Fault::ALL {
                let _ = write!(text, "{:>13}", self.0[step as usize][fault as usize]);
            }
        }
        text
    }
}

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
