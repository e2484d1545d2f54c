//! What is going to happen, by time and then in the order in which it was asked for.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

#[derive(Debug)]
struct Entry<E> {
    at_ms: i64,
    order: u64,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at_ms, self.order).cmp(&(other.at_ms, other.order))
    }
}

#[derive(Debug)]
pub struct Queue<E> {
    entries: BinaryHeap<Reverse<Entry<E>>>,
    order: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            entries: BinaryHeap::new(),
            order: 0,
        }
    }
}

impl<E> Queue<E> {
    pub fn push(&mut self, at_ms: i64, event: E) {
        self.order += 1;
        let order = self.order;
        self.entries.push(Reverse(Entry {
            at_ms,
            order,
            event,
        }));
    }

    pub fn pop(&mut self) -> Option<(i64, E)> {
        let Reverse(entry) = self.entries.pop()?;
        Some((entry.at_ms, entry.event))
    }
}
