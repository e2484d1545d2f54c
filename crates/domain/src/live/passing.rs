//! Events that stop to matter: called off by a later one, or past their time.
//!
//! What must hold: who comes back does not hear of what is over, and hears everything
//! else, the event too by which another is over. Only what comes *later* in the same
//! stream calls off, so whoever was there heard both in that order. Those who are there
//! hear of everything: nothing here holds up what is live.

use std::collections::BTreeMap;
use std::rc::Rc;

/// What an event says of how long it matters.
pub trait Passing {
    fn id(&self) -> &str;
    /// The id of the event that is over with this one.
    fn voids(&self) -> Option<&str>;
    /// When it is over by itself.
    fn until_ms(&self) -> Option<i64>;

    fn is_past(&self, now_ms: i64) -> bool {
        self.until_ms().is_some_and(|until| until <= now_ms)
    }
}

impl<T: Passing> Passing for Rc<T> {
    fn id(&self) -> &str {
        self.as_ref().id()
    }

    fn voids(&self) -> Option<&str> {
        self.as_ref().voids()
    }

    fn until_ms(&self) -> Option<i64> {
        self.as_ref().until_ms()
    }
}

/// What was called off by the events that are kept. It grows and shrinks with them, so
/// nobody who comes back has to look for it.
#[derive(Debug, Default)]
pub struct Voided {
    /// By id, the number of the last event that called it off.
    by: BTreeMap<String, u64>,
}

impl Voided {
    pub fn came(&mut self, seq: u64, event: &impl Passing) {
        if let Some(id) = event.voids() {
            self.by.insert(id.to_owned(), seq);
        }
    }

    /// An event is not kept any more, and neither is any before it.
    pub fn went(&mut self, seq: u64, event: &impl Passing) {
        if let Some(id) = event.voids()
            && self.by.get(id) == Some(&seq)
        {
            self.by.remove(id);
        }
    }

    pub fn is_over(&self, seq: u64, event: &impl Passing, now_ms: i64) -> bool {
        let is_void = || self.by.get(event.id()).is_some_and(|by| *by > seq);
        event.is_past(now_ms) || (!self.by.is_empty() && is_void())
    }

    pub fn len(&self) -> usize {
        self.by.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ring::{Bounds, Ring};
    use super::*;

    #[derive(Debug, Clone)]
    struct One {
        id: String,
        voids: Option<String>,
        until_ms: Option<i64>,
    }

    impl Passing for One {
        fn id(&self) -> &str {
            &self.id
        }

        fn voids(&self) -> Option<&str> {
            self.voids.as_deref()
        }

        fn until_ms(&self) -> Option<i64> {
            self.until_ms
        }
    }

    const BOUNDS: Bounds = Bounds {
        window_ms: 100,
        count: 6,
        bytes: usize::MAX,
    };

    fn one(id: &str, voids: Option<&str>, until_ms: Option<i64>) -> One {
        One {
            id: id.to_owned(),
            voids: voids.map(str::to_owned),
            until_ms,
        }
    }

    /// Those that still matter, by id.
    fn standing(ring: &Ring<One>, now_ms: i64) -> Vec<String> {
        let all = ring.since(ring.tail()).expect("from the tail on");
        let standing = all.filter(|(seq, one)| !ring.is_over(*seq, *one, now_ms));
        standing.map(|(_, one)| one.id.clone()).collect()
    }

    #[test]
    fn what_was_called_off_is_over_and_what_called_it_off_is_not() {
        let mut ring = Ring::new(0, BOUNDS);
        for event in [
            one("offer", None, None),
            one("other", None, None),
            one("off", Some("offer"), None),
        ] {
            ring.push(0, 1, event);
        }
        assert_eq!(standing(&ring, 0), ["other", "off"]);
    }

    #[test]
    fn nothing_is_called_off_before_it_is_there() {
        let mut ring = Ring::new(0, BOUNDS);
        ring.push(0, 1, one("off", Some("offer"), None));
        ring.push(0, 1, one("offer", None, None));
        assert_eq!(standing(&ring, 0), ["off", "offer"]);
        // Nor by itself.
        ring.push(0, 1, one("self", Some("self"), None));
        assert_eq!(standing(&ring, 0), ["off", "offer", "self"]);
    }

    #[test]
    fn what_has_a_time_is_over_with_it() {
        let mut ring = Ring::new(0, BOUNDS);
        ring.push(0, 1, one("offer", None, Some(50)));
        assert_eq!(standing(&ring, 49), ["offer"]);
        assert!(standing(&ring, 50).is_empty());
    }

    proptest! {
        #[test]
        fn the_rule_is_its_own_definition_whatever_was_let_go(
            steps in prop::collection::vec((0_i64..40, 0_u64..30, prop::option::of(0_i64..150)), 0..30),
        ) {
            let mut ring = Ring::new(0, BOUNDS);
            let mut now = 0;
            for (number, (later, voids, until)) in (1_u64..).zip(&steps) {
                now += later;
                // Some name what was, some what will be, some nothing that ever is.
                let voids = (*voids < 20).then(|| voids.to_string());
                let until = until.map(|until| now + until);
                ring.push(now, 1, one(&number.to_string(), voids.as_deref(), until));
            }
            ring.trim(now);
            let kept: Vec<(u64, &One)> = ring.since(ring.tail()).unwrap().collect();
            for (seq, event) in &kept {
                let is_void = kept.iter().any(|(later, by)| {
                    later > seq && by.voids.as_deref() == Some(event.id.as_str())
                });
                let is_past = event.until_ms.is_some_and(|until| until <= now);
                prop_assert_eq!(ring.is_over(*seq, *event, now), is_void || is_past);
            }
            // Nothing is remembered of what is gone.
            let voiding = kept.iter().filter(|(_, event)| event.voids.is_some()).count();
            prop_assert!(ring.voided().len() <= voiding);
        }
    }
}
