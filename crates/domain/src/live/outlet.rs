//! What a stream knows of one hub: which rooms it has, and how far it has been told.
//!
//! One batch is on its way to a hub at a time, so a hub hears events in their order.
//! A batch of which nobody knows whether it arrived is sent again, and says so.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::ring::Ring;

/// A batch carries as many events at most.
pub const BATCH_MAX: usize = 250;

/// What an event says of itself to the stream.
pub trait Addressed {
    fn rooms(&self) -> &[String];
}

impl<T: Addressed> Addressed for Rc<T> {
    fn rooms(&self) -> &[String] {
        self.as_ref().rooms()
    }
}

#[derive(Debug)]
pub struct Outlet<E> {
    /// The rooms that have members at the hub. While that is not known, as after a
    /// restart of the stream, the hub gets everything.
    interest: Option<BTreeSet<String>>,
    /// The hub has got everything of its rooms up to here.
    acked: u64,
    /// Something was sent of which it is not known that it arrived.
    tried: bool,
    busy: bool,
    /// Of some events only the latest counts, and it waits here.
    latest: BTreeMap<String, E>,
    fails: u32,
}

/// What is to be sent to a hub now.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch<E> {
    pub after: u64,
    pub upto: u64,
    pub events: Vec<(u64, E)>,
    pub latest: Vec<E>,
    /// This, or a part of it, was sent before, and may have arrived.
    pub repeated: bool,
    /// Some of what the hub missed is gone; its clients have to start anew.
    pub gap: bool,
}

impl<E: Addressed + Clone> Outlet<E> {
    pub fn new(acked: u64) -> Self {
        Self {
            interest: None,
            acked,
            tried: false,
            busy: false,
            latest: BTreeMap::new(),
            fails: 0,
        }
    }

    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Something is on its way to the hub, or has arrived though nobody knows.
    pub fn is_pending(&self) -> bool {
        self.busy || self.tried
    }

    /// A batch may have arrived though nobody knows: what was sent before a restart
    /// of the stream.
    pub fn doubt(&mut self) {
        self.tried = true;
    }

    pub fn set_interest(&mut self, rooms: BTreeSet<String>) {
        self.interest = Some(rooms);
    }

    pub fn interest(&self) -> Option<&BTreeSet<String>> {
        self.interest.as_ref()
    }

    pub fn add_room(&mut self, room: &str) {
        if let Some(rooms) = &mut self.interest {
            rooms.insert(room.to_owned());
        }
    }

    pub fn remove_room(&mut self, room: &str) {
        if let Some(rooms) = &mut self.interest {
            rooms.remove(room);
        }
    }

    fn wants(&self, event: &E) -> bool {
        let Some(rooms) = &self.interest else {
            return true;
        };
        event.rooms().iter().any(|room| rooms.contains(room))
    }

    /// An event of which only the latest counts, under a name for its kind. The old
    /// one is dropped if it still waits: a slow hub is not sent yesterday's news.
    pub fn put_latest(&mut self, name: &str, event: &E) {
        if self.wants(event) {
            self.latest.insert(name.to_owned(), event.clone());
        }
    }

    /// What to send now, if anything, and if nothing is on its way.
    pub fn next(&mut self, ring: &Ring<E>) -> Option<Batch<E>> {
        if self.busy {
            return None;
        }
        let after = self.acked;
        let Some(rest) = ring.since(after) else {
            self.busy = true;
            return Some(Batch {
                after,
                upto: ring.head(),
                events: Vec::new(),
                latest: Vec::new(),
                repeated: self.tried,
                gap: true,
            });
        };
        let mut upto = ring.head();
        let mut events = Vec::new();
        for (seq, event) in rest {
            if !self.wants(event) {
                continue;
            }
            if events.len() >= BATCH_MAX {
                upto = seq.saturating_sub(1);
                break;
            }
            events.push((seq, event.clone()));
        }
        if events.is_empty() && self.latest.is_empty() {
            // Nothing for this hub: it need not be told.
            self.acked = upto;
            self.tried = false;
            return None;
        }
        self.busy = true;
        let repeated = std::mem::replace(&mut self.tried, true);
        Some(Batch {
            after,
            upto,
            events,
            latest: std::mem::take(&mut self.latest).into_values().collect(),
            repeated,
            gap: false,
        })
    }

    /// The hub has got the batch that ended there.
    pub fn arrived(&mut self, upto: u64) {
        self.acked = self.acked.max(upto);
        self.tried = false;
        self.busy = false;
        self.fails = 0;
    }

    /// Nobody knows what became of the batch. How often in a row by now.
    pub fn lost(&mut self) -> u32 {
        self.busy = false;
        self.fails = self.fails.saturating_add(1);
        self.fails
    }
}
