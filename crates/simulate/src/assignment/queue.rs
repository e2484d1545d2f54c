//! What is going to happen, by time and then in the order in which it was asked for.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use domain::assignment::{Command, Effect};

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

#[derive(Debug)]
struct Entry {
    at_ms: i64,
    order: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at_ms, self.order).cmp(&(other.at_ms, other.order))
    }
}

#[derive(Debug, Default)]
pub struct Queue {
    entries: BinaryHeap<Reverse<Entry>>,
    order: u64,
}

impl Queue {
    pub fn push(&mut self, at_ms: i64, event: Event) {
        self.order += 1;
        let order = self.order;
        self.entries.push(Reverse(Entry {
            at_ms,
            order,
            event,
        }));
    }

    pub fn pop(&mut self) -> Option<(i64, Event)> {
        let Reverse(entry) = self.entries.pop()?;
        Some((entry.at_ms, entry.event))
    }
}
