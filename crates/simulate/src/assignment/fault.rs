//! What may go wrong, and where. Every fault that struck is counted, so that a step
//! which no schedule ever disturbed is seen.

use domain::assignment::Effect;

use crate::harness::{self, named};

named! {
    pub enum Step {
        /// A command to the desk, and the write after it.
        Write = "desk.write",
        Find = "find",
        Push = "push",
        CancelPush = "cancel.push",
        TakePlace = "place.take",
        GivePlaceBack = "place.give",
        Won = "row.won",
        Released = "row.released",
        Failed = "tell.failed",
        Record = "record",
    }
}

impl Step {
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

named! {
    pub enum Fault {
        ErrorBefore = "error-before",
        AnswerLost = "answer-lost",
        Twice = "twice",
        /// The desk loses its memory right after.
        Crash = "crash",
        /// It arrives much later, and so does its answer.
        Late = "late",
    }
}

/// How often each fault struck at each step.
pub type Table = harness::Table<Step, Fault>;
pub type Weather = harness::Weather<Step, Fault>;
