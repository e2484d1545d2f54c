//! What may go wrong, and where: at each write of a desk, and at each thing that a desk
//! does afterwards.

use domain::errand::Effect;

use super::event::{Node, Task};
use crate::harness::{self, named};

named! {
    pub enum Step {
        /// A command to a desk, and the write after it.
        OrderWrite = "order.write",
        CellWrite = "cell.write",
        DriverWrite = "driver.write",
        Wish = "wish",
        Follow = "follow",
        Heard = "heard",
        Take = "take",
        Offer = "offer",
        Note = "note",
        GiveBack = "give.back",
        Tell = "tell",
        Drop = "drop",
    }
}

impl Step {
    pub fn write(at: Node) -> Self {
        match at {
            Node::Order(_) => Self::OrderWrite,
            Node::Cell(_) => Self::CellWrite,
            Node::Driver(_) => Self::DriverWrite,
        }
    }

    pub fn of(task: &Task) -> Self {
        match task {
            Task::Wish { .. } => Self::Wish,
            Task::Follow(_) => Self::Follow,
            Task::Heard { .. } => Self::Heard,
            Task::Drop { .. } => Self::Drop,
            Task::Errand { effect, .. } => match effect {
                Effect::Take { .. } => Self::Take,
                Effect::Offer { .. } => Self::Offer,
                Effect::Note { .. } => Self::Note,
                Effect::GiveBack { .. } => Self::GiveBack,
                Effect::Tell(_) => Self::Tell,
            },
        }
    }
}

named! {
    pub enum Fault {
        /// It fails and has not happened.
        ErrorBefore = "error-before",
        /// It happened, and nobody hears so. What a queue had taken is lost.
        AnswerLost = "answer-lost",
        Twice = "twice",
        /// It happens long after nobody waits for it any more.
        Late = "late",
        /// The desk loses its memory before it writes, or between two things it has to do.
        CrashBefore = "crash-before",
        /// It loses it after the write, or before it notes what was done.
        CrashAfter = "crash-after",
    }
}

/// How often each fault struck at each step.
pub type Table = harness::Table<Step, Fault>;
pub type Weather = harness::Weather<Step, Fault>;
