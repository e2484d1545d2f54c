//! What a stream remembers: the latest events, bounded in age, count and bytes.
//!
//! What must hold: [`Ring::since`] gives everything after a number or nothing at
//! all, so a replay is never partial.

use std::collections::VecDeque;

use super::passing::{Passing, Voided};

#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub window_ms: i64,
    pub count: usize,
    pub bytes: usize,
}

#[derive(Debug)]
struct Kept<E> {
    at_ms: i64,
    bytes: usize,
    event: E,
}

#[derive(Debug)]
pub struct Ring<E> {
    kept: VecDeque<Kept<E>>,
    /// The number of the last event there ever was.
    head: u64,
    bytes: usize,
    voided: Voided,
    bounds: Bounds,
}

impl<E> Ring<E> {
    /// Empty, after an event of that number.
    pub fn new(head: u64, bounds: Bounds) -> Self {
        Self {
            kept: VecDeque::new(),
            head,
            bytes: 0,
            voided: Voided::default(),
            bounds,
        }
    }

    pub fn head(&self) -> u64 {
        self.head
    }

    /// The number after which everything is here.
    pub fn tail(&self) -> u64 {
        let kept = u64::try_from(self.kept.len()).unwrap_or(u64::MAX);
        self.head.saturating_sub(kept)
    }

    /// What is here of the time since then, oldest first.
    pub fn recent(&self, since_ms: i64) -> impl Iterator<Item = (u64, &E)> {
        let numbered = self.kept.iter().zip(self.tail().saturating_add(1)..);
        numbered
            .filter(move |(kept, _)| kept.at_ms >= since_ms)
            .map(|(kept, seq)| (seq, &kept.event))
    }

    /// Everything after that number, oldest first, or `None` when some of it is gone.
    pub fn since(&self, seq: u64) -> Option<impl Iterator<Item = (u64, &E)>> {
        let tail = self.tail();
        if seq < tail || seq > self.head {
            return None;
        }
        let skipped = usize::try_from(seq.saturating_sub(tail)).unwrap_or(usize::MAX);
        let rest = self.kept.iter().skip(skipped);
        Some(
            rest.zip(seq.saturating_add(1)..)
                .map(|(kept, seq)| (seq, &kept.event)),
        )
    }
}

impl<E: Passing> Ring<E> {
    pub fn push(&mut self, at_ms: i64, bytes: usize, event: E) -> u64 {
        self.head = self.head.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.voided.came(self.head, &event);
        self.kept.push_back(Kept {
            at_ms,
            bytes,
            event,
        });
        self.trim(at_ms);
        self.head
    }

    /// Lets go of what is too old, or too much.
    pub fn trim(&mut self, now_ms: i64) {
        let oldest = now_ms.saturating_sub(self.bounds.window_ms);
        while let Some(first) = self.kept.front() {
            let fits = self.kept.len() <= self.bounds.count && self.bytes <= self.bounds.bytes;
            if fits && first.at_ms >= oldest {
                return;
            }
            self.bytes = self.bytes.saturating_sub(first.bytes);
            let seq = self.tail().saturating_add(1);
            if let Some(gone) = self.kept.pop_front() {
                self.voided.went(seq, &gone.event);
            }
        }
    }

    /// Whether one of the events that are here need not be heard any more by who comes
    /// back.
    pub fn is_over(&self, seq: u64, event: &E, now_ms: i64) -> bool {
        self.voided.is_over(seq, event, now_ms)
    }

    #[cfg(test)]
    pub fn voided(&self) -> &Voided {
        &self.voided
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Passing for u64 {
        fn id(&self) -> &'static str {
            ""
        }

        fn voids(&self) -> Option<&str> {
            None
        }

        fn until_ms(&self) -> Option<i64> {
            None
        }
    }

    const BOUNDS: Bounds = Bounds {
        window_ms: 100,
        count: 5,
        bytes: 50,
    };

    proptest! {
        #[test]
        fn a_replay_is_whole_or_refused(
            steps in prop::collection::vec((0_i64..60, 1_usize..30), 0..40),
            seq in 0_u64..60,
        ) {
            let mut ring = Ring::new(10, BOUNDS);
            let mut now = 0;
            for (later, bytes) in &steps {
                now += later;
                let head = ring.head();
                let pushed = ring.push(now, *bytes, head + 1);
                prop_assert_eq!(pushed, head + 1);
            }
            prop_assert!(ring.kept.len() <= BOUNDS.count && ring.bytes <= BOUNDS.bytes);
            prop_assert!(ring.kept.iter().all(|kept| kept.at_ms >= now - BOUNDS.window_ms));
            match ring.since(seq) {
                Some(rest) => {
                    let rest: Vec<_> = rest.collect();
                    let wanted: Vec<_> = (seq + 1..=ring.head()).collect();
                    prop_assert_eq!(rest.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), wanted);
                    prop_assert!(rest.iter().all(|(seq, event)| seq == *event));
                }
                None => prop_assert!(seq < ring.tail() || seq > ring.head()),
            }
        }
    }

    #[test]
    fn nothing_missed_is_a_whole_replay_even_when_all_is_forgotten() {
        let mut ring: Ring<u64> = Ring::new(0, BOUNDS);
        ring.push(0, 1, 1);
        ring.trim(1_000);
        assert_eq!(ring.since(1).map(Iterator::count), Some(0));
        assert!(ring.since(0).is_none() && ring.since(2).is_none());
    }
}
