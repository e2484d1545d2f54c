//! What may happen, and in which order.

use std::cmp::Ordering;

use super::message::{CallId, Failed, Node, Reply, Request};

#[derive(Debug)]
pub enum Event {
    Deliver {
        call: CallId,
        to: Node,
        request: Request,
    },
    Answer {
        call: CallId,
        to: Node,
        epoch: u32,
        result: Result<Reply, Failed>,
    },
    Deadline {
        call: CallId,
    },
    /// The platform's timer of a node. It outlives the node's memory.
    Alarm {
        node: Node,
        at_ms: i64,
    },
    /// A timer in a node's memory.
    Wake {
        node: Node,
        epoch: u32,
        token: u64,
    },
}

/// An event in its place: by time, then in the order of sending.
#[derive(Debug)]
pub struct Entry {
    pub at_ms: i64,
    pub order: u64,
    pub event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at_ms, self.order) == (other.at_ms, other.order)
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
