//! What may go wrong, and where. Every fault that struck is counted, so that a step
//! which no schedule ever disturbed is seen.

use std::fmt::Write;

use domain::assignment::Effect;

use crate::rng::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A command to the desk, and the write after it.
    Write,
    Find,
    Push,
    CancelPush,
    TakePlace,
    GivePlaceBack,
    Won,
    Released,
    Failed,
    Record,
}

impl Step {
    pub const ALL: [Self; 10] = [
        Self::Write,
        Self::Find,
        Self::Push,
        Self::CancelPush,
        Self::TakePlace,
        Self::GivePlaceBack,
        Self::Won,
        Self::Released,
        Self::Failed,
        Self::Record,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "desk.write",
            Self::Find => "find",
            Self::Push => "push",
            Self::CancelPush => "cancel.push",
            Self::TakePlace => "place.take",
            Self::GivePlaceBack => "place.give",
            Self::Won => "row.won",
            Self::Released => "row.released",
            Self::Failed => "tell.failed",
            Self::Record => "record",
        }
    }

    pub fn of(effect: &Effect) -> Option<Self> {
        Some(match effect {
            Effect::Find { .. } => Self::Find,
            Effect::Push { .. } => Self::Push,
            Effect::CancelPush { .. } => Self::CancelPush,
            Effect::TakePlace { .. } => Self::TakePlace,
            Effect::GivePlaceBack { .. } => Self::GivePlaceBack,
            Effect::Won { .. } => Self::Won,
            Effect::Released { .. } => Self::Released,
            Effect::Failed { .. } | Effect::Attention { .. } => Self::Failed,
            Effect::RecordOffer { .. } | Effect::RecordEvent { .. } => Self::Record,
            Effect::WakeAt { .. } => return None,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    ErrorBefore,
    AnswerLost,
    Twice,
    /// The desk loses its memory right after.
    Crash,
    /// It arrives much later, and so does its answer.
    Late,
}

impl Fault {
    pub const ALL: [Self; 5] = [
        Self::ErrorBefore,
        Self::AnswerLost,
        Self::Twice,
        Self::Crash,
        Self::Late,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::ErrorBefore => "error-before",
            Self::AnswerLost => "answer-lost",
            Self::Twice => "twice",
            Self::Crash => "crash",
            Self::Late => "late",
        }
    }
}

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

/// How bad it is, and until when.
#[derive(Debug, Clone)]
pub struct Weather {
    kinds: Vec<Fault>,
    per_mille: u64,
    focus: (Step, u64),
    until_ms: i64,
}

impl Weather {
    pub fn draw(rng: &mut Rng) -> Self {
        let mut kinds: Vec<Fault> = Fault::ALL.into_iter().filter(|_| rng.chance(600)).collect();
        if kinds.is_empty() {
            kinds = Fault::ALL.to_vec();
        }
        Self {
            kinds,
            per_mille: rng.pick(&[0, 10, 40, 120], 40),
            focus: (
                rng.pick(&Step::ALL, Step::Write),
                rng.pick(&[0, 250, 500], 250),
            ),
            until_ms: rng.between(1_000, 900_000),
        }
    }

    pub fn strike(&self, step: Step, now_ms: i64, rng: &mut Rng) -> Option<Fault> {
        let crowded = if self.focus.0 == step {
            self.focus.1
        } else {
            0
        };
        let strikes = now_ms < self.until_ms && rng.chance(self.per_mille.max(crowded));
        strikes.then(|| rng.pick(&self.kinds, Fault::ErrorBefore))
    }
}
