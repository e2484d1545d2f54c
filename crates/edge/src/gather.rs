//! What many objects have for one place, in one trip.
//!
//! Objects of a class often live in one isolate. What they have for the database, or
//! for the sockets, gathers here, and the first of them that finds nobody at it
//! carries everything. This spares trips, and nothing hangs on it: an object keeps
//! what it gave as lacking there until it learns that it was carried. Should the
//! isolate go, the trip fail or there be too much waiting, the object's own alarm sees
//! to it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::thread::LocalKey;

use contract::realtime::Event;

/// More than that nobody gathers: what comes then is left to its object.
const WAITING_MAX: usize = 5_000;
/// A value may have 2 MB; one trip carries half of that.
const TRIP_BYTES: usize = 1_000_000;
/// One who did not come back by then is taken for dead.
const DEAD_AFTER_MS: i64 = 15_000;

/// What a parcel holds.
pub trait Weighs {
    fn bytes(&self) -> usize;
}

impl Weighs for String {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl Weighs for Rc<Event> {
    fn bytes(&self) -> usize {
        self.payload.len()
    }
}

/// Rows as text by the statements that they are for, or events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel<R = String> {
    /// Names this state of this thing, and no other.
    pub id: String,
    pub rows: Vec<R>,
    pub more: Vec<R>,
    /// What is to be said to the outside of it.
    pub notices: Vec<R>,
}

impl<R: Weighs> Parcel<R> {
    fn bytes(&self) -> usize {
        let all = self.rows.iter().chain(&self.more).chain(&self.notices);
        all.fold(0, |sum, row| sum.saturating_add(row.bytes()))
    }
}

/// What an object gave to be carried, as it names it itself, until it learns that it
/// was.
#[derive(Debug)]
pub struct Given<S, R: 'static = String> {
    gather: &'static LocalKey<Gather<R>>,
    sent: RefCell<Vec<(String, S)>>,
}

impl<S, R: Weighs> Given<S, R> {
    pub fn to(gather: &'static LocalKey<Gather<R>>) -> Self {
        Self {
            gather,
            sent: RefCell::default(),
        }
    }

    /// True when the caller is the one to carry what gathered.
    pub fn give(&self, name: S, parcel: Parcel<R>, now_ms: i64) -> bool {
        self.sent.borrow_mut().push((parcel.id.clone(), name));
        self.gather.with(|gather| gather.add(parcel, now_ms))
    }

    /// What has arrived since it was asked last.
    pub fn arrived(&self) -> Vec<S> {
        let mut sent = self.sent.borrow_mut();
        let (arrived, left) = sent
            .drain(..)
            .partition(|(id, _)| self.gather.with(|gather| gather.was_carried(id)));
        *sent = left;
        let arrived: Vec<(String, S)> = arrived;
        arrived.into_iter().map(|(_, name)| name).collect()
    }

    /// It got there otherwise.
    pub fn forget(&self, is_there: impl Fn(&S) -> bool) {
        self.sent.borrow_mut().retain(|(_, name)| !is_there(name));
    }
}

#[derive(Debug)]
pub struct Gather<R = String> {
    waiting: RefCell<VecDeque<Parcel<R>>>,
    carried: RefCell<BTreeSet<String>>,
    since: Cell<i64>,
}

impl<R: Weighs> Gather<R> {
    pub const fn new() -> Self {
        Self {
            waiting: RefCell::new(VecDeque::new()),
            carried: RefCell::new(BTreeSet::new()),
            since: Cell::new(0),
        }
    }

    /// Adds to what waits. True when the caller is the one to carry it.
    pub fn add(&self, parcel: Parcel<R>, now_ms: i64) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() < WAITING_MAX {
            waiting.push_back(parcel);
        }
        let since = self.since.get();
        if since > 0 && now_ms.saturating_sub(since) < DEAD_AFTER_MS {
            return false;
        }
        self.since.set(now_ms);
        true
    }

    /// What the next trip takes. Empty when everything was taken, and then the next
    /// one to add something carries it.
    pub fn take(&self, now_ms: i64) -> Vec<Parcel<R>> {
        let mut waiting = self.waiting.borrow_mut();
        let mut bytes = 0_usize;
        let mut taken = Vec::new();
        while let Some(next) = waiting.front() {
            bytes = bytes.saturating_add(next.bytes());
            if bytes > TRIP_BYTES && !taken.is_empty() {
                break;
            }
            taken.extend(waiting.pop_front());
        }
        self.since.set(if taken.is_empty() { 0 } else { now_ms });
        taken
    }

    /// These are in the database.
    pub fn carried(&self, parcels: &[Parcel<R>]) {
        let mut carried = self.carried.borrow_mut();
        if carried.len() > WAITING_MAX {
            // Their objects went away without asking, and look for themselves.
            carried.clear();
        }
        carried.extend(parcels.iter().map(|parcel| parcel.id.clone()));
    }

    /// Whether it is in the database. Says so once.
    pub fn was_carried(&self, id: &str) -> bool {
        self.carried.borrow_mut().remove(id)
    }
}

impl<R: Weighs> Default for Gather<R> {
    fn default() -> Self {
        Self::new()
    }
}

/// The rows of some parcels as one JSON list, for `json_each`.
pub fn list<'a>(rows: impl Iterator<Item = &'a String>) -> String {
    let rows: Vec<&str> = rows.map(String::as_str).collect();
    format!("[{}]", rows.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(id: usize, bytes: usize) -> Parcel {
        Parcel {
            id: id.to_string(),
            rows: vec!["x".repeat(bytes)],
            more: Vec::new(),
            notices: Vec::new(),
        }
    }

    fn ids(parcels: &[Parcel]) -> Vec<&str> {
        parcels.iter().map(|parcel| parcel.id.as_str()).collect()
    }

    #[test]
    fn one_carries_for_all_until_nothing_is_left() {
        let gather: Gather = Gather::new();
        assert!(gather.add(parcel(1, 1), 1));
        assert!(!gather.add(parcel(2, 1), 2));
        assert_eq!(ids(&gather.take(3)), ["1", "2"]);
        assert!(
            !gather.add(parcel(3, 1), 4),
            "its carrier comes back for more"
        );
        assert_eq!(ids(&gather.take(5)), ["3"]);
        assert!(gather.take(6).is_empty());
        assert!(gather.add(parcel(4, 1), 7));
    }

    #[test]
    fn a_carrier_who_does_not_come_back_is_replaced() {
        let gather: Gather = Gather::new();
        assert!(gather.add(parcel(1, 1), 1));
        assert!(!gather.add(parcel(2, 1), DEAD_AFTER_MS));
        assert!(gather.add(parcel(3, 1), DEAD_AFTER_MS + 1));
        assert_eq!(gather.take(DEAD_AFTER_MS + 2).len(), 3);
    }

    #[test]
    fn a_trip_is_bounded_and_takes_at_least_one() {
        let gather: Gather = Gather::new();
        for id in 0..3 {
            gather.add(parcel(id, TRIP_BYTES / 2 + 1), 1);
        }
        gather.add(parcel(3, TRIP_BYTES * 2), 1);
        let trips: Vec<usize> = (0..5).map(|_| gather.take(2).len()).collect();
        assert_eq!(trips, [1, 1, 1, 1, 0]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let gather: Gather = Gather::new();
        for id in 0..WAITING_MAX + 10 {
            gather.add(parcel(id, 0), 1);
        }
        assert_eq!(gather.take(2).len(), WAITING_MAX);
    }

    #[test]
    fn that_it_was_carried_is_said_once() {
        let gather: Gather = Gather::new();
        gather.carried(&[parcel(1, 1)]);
        assert!(gather.was_carried("1"));
        assert!(!gather.was_carried("1"));
        assert!(!gather.was_carried("2"));
    }

    #[test]
    fn rows_become_one_list() {
        let rows = ["{\"a\":1}".to_owned(), "{}".to_owned()];
        assert_eq!(list(rows.iter()), "[{\"a\":1},{}]");
        assert_eq!(list([].iter()), "[]");
    }
}
