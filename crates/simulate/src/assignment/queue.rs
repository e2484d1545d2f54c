//! What may be going to happen.

use domain::assignment::{Command, Effect};

use crate::harness;

#[derive(Debug, Clone)]
pub enum Event {
    /// Reaches the desk. `from` is the vendor who waits for an answer.
    Command {
        order: usize,
        command: Command,
        from: Option<usize>,
    },
    /// The desk is about to do it, if it has not lost its memory since.
    Perform {
        order: usize,
        effect: Effect,
        life: u32,
    },
    /// It reaches whom it is for. Answers are heard by the life of the desk that asked.
    Arrive {
        order: usize,
        effect: Effect,
        heard_by: Option<u32>,
    },
    Done {
        order: usize,
        id: String,
        life: u32,
    },
    Alarm {
        at_ms: i64,
    },
    /// Somebody of the house interferes, according to how things stand then.
    House {
        order: usize,
        whim: Whim,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whim {
    Cancel,
    Force(usize),
    Release,
    Close,
    Timeout,
    Retry,
}

pub type Queue = harness::Queue<Event>;
