//! How many sendings are on their way at once, and which have to wait.
//!
//! A lane is a receiver: an endpoint, or the mail. A desk has [`AT_ONCE`] on their way, of
//! one lane [`LANE_AT_ONCE`] at most. A lane whose last sending failed gets one at a time
//! until one gets through, and all of these together get half of the desk, so receivers who
//! let every request hang leave the other half to those who answer.
//!
//! The first tries of one order go to one receiver one after the other, as they happened.
//! That one hangs holds up its order there for as long as a try may take, and nothing else;
//! when it failed, the next goes ahead of its repeats. A receiver that has to know the order
//! of things goes by the time inside the event.

use std::collections::{BTreeMap, BTreeSet};

use crate::set::set_of;

pub const AT_ONCE: usize = 16;
pub const LANE_AT_ONCE: usize = 4;
/// Of lanes that failed last, together.
pub const FAILING_AT_ONCE: usize = 8;

/// One that may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub id: String,
    pub lane: String,
    pub order: String,
    /// It was never tried.
    pub is_first: bool,
}

/// What is on its way. It is kept in memory: after a crash nothing is.
#[derive(Debug, Default)]
pub struct Lanes {
    under_way: BTreeMap<String, Candidate>,
    failing: BTreeSet<String>,
}

impl Lanes {
    /// How many more may start in a lane.
    pub fn room(&self, lane: &str) -> usize {
        let of_lane = self.count(|one| one.lane == lane);
        let all = AT_ONCE.saturating_sub(self.under_way.len());
        if !self.failing.contains(lane) {
            return all.min(LANE_AT_ONCE.saturating_sub(of_lane));
        }
        let failing = self.count(|one| self.failing.contains(&one.lane));
        let left = FAILING_AT_ONCE.saturating_sub(failing);
        all.min(left).min(1_usize.saturating_sub(of_lane))
    }

    fn count(&self, which: impl Fn(&Candidate) -> bool) -> usize {
        self.under_way.values().filter(|one| which(one)).count()
    }

    /// Starts one, unless it is on its way already, there is no room, or an earlier event of
    /// its order is on its way to the same receiver for the first time.
    pub fn start(&mut self, one: Candidate) -> bool {
        let is_behind = one.is_first
            && self.count(|other| {
                other.is_first && other.lane == one.lane && other.order == one.order
            }) > 0;
        if is_behind || self.is_under_way(&one.id) || self.room(&one.lane) == 0 {
            return false;
        }
        self.under_way.insert(one.id.clone(), one);
        true
    }

    pub fn is_under_way(&self, id: &str) -> bool {
        self.under_way.contains_key(id)
    }

    /// The orders whose first tries in a lane have to wait.
    pub fn orders_under_way(&self, lane: &str) -> BTreeSet<String> {
        let of_lane = self.under_way.values().filter(|one| one.lane == lane);
        set_of(
            of_lane
                .filter(|one| one.is_first)
                .map(|one| one.order.clone()),
        )
    }

    /// It has come back. What its receiver is like follows from how that went, where it is
    /// known.
    pub fn end(&mut self, id: &str, went_well: Option<bool>) {
        let Some(one) = self.under_way.remove(id) else {
            return;
        };
        match went_well {
            Some(true) => {
                self.failing.remove(&one.lane);
            }
            Some(false) => {
                self.failing.insert(one.lane);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(id: usize, lane: &str, order: usize) -> Candidate {
        Candidate {
            id: id.to_string(),
            lane: lane.to_owned(),
            order: order.to_string(),
            is_first: true,
        }
    }

    #[test]
    fn a_lane_has_a_few_at_once_and_leaves_room_for_others() {
        let mut lanes = Lanes::default();
        let started = (0..10).filter(|n| lanes.start(one(*n, "a", *n))).count();
        assert_eq!((started, lanes.room("a"), lanes.room("b")), (4, 0, 4));
        lanes.end("0", Some(true));
        assert_eq!(lanes.room("a"), 1);
        lanes.end("0", Some(true));
        assert_eq!(lanes.room("a"), 1, "an end counts once");
    }

    #[test]
    fn first_tries_of_an_order_go_one_after_the_other() {
        let mut lanes = Lanes::default();
        assert!(lanes.start(one(1, "a", 7)));
        assert!(!lanes.start(one(1, "a", 7)), "it is on its way");
        assert!(!lanes.start(one(2, "a", 7)));
        assert!(lanes.start(one(3, "a", 8)) && lanes.start(one(4, "b", 7)));
        let repeat = Candidate {
            is_first: false,
            ..one(5, "a", 7)
        };
        assert!(lanes.start(repeat), "a repeat waits for nobody");
        assert_eq!(
            lanes.orders_under_way("a"),
            set_of(["7".to_owned(), "8".to_owned()])
        );
        lanes.end("1", Some(true));
        assert_eq!(lanes.orders_under_way("a"), set_of(["8".to_owned()]));
        assert!(lanes.start(one(2, "a", 7)), "and nobody waits for it");
    }

    #[test]
    fn who_failed_gets_one_at_a_time_until_one_gets_through() {
        let mut lanes = Lanes::default();
        lanes.start(one(1, "a", 1));
        lanes.end("1", Some(false));
        assert!(lanes.start(one(2, "a", 2)) && !lanes.start(one(3, "a", 3)));
        lanes.end("2", None);
        assert_eq!(lanes.room("a"), 1, "nothing was learnt");
        lanes.start(one(2, "a", 2));
        lanes.end("2", Some(true));
        assert_eq!(lanes.room("a"), 4);
    }

    #[test]
    fn those_who_let_everything_hang_leave_half_of_the_desk() {
        let mut lanes = Lanes::default();
        for n in 0..20 {
            lanes.start(one(n, &format!("bad-{n}"), n));
            lanes.end(&n.to_string(), Some(false));
        }
        let hanging = (0..20).filter(|n| lanes.start(one(*n, &format!("bad-{n}"), *n)));
        assert_eq!(hanging.count(), FAILING_AT_ONCE);
        let good = (100..200).filter(|n| lanes.start(one(*n, &format!("good-{}", n % 3), *n)));
        assert_eq!(good.count(), AT_ONCE - FAILING_AT_ONCE);
    }

    proptest! {
        #[test]
        fn no_bound_is_ever_passed(steps in prop::collection::vec((0..40_usize, 0..5_usize, 0..4_usize, any::<Option<bool>>(), any::<bool>()), 0..200)) {
            let mut lanes = Lanes::default();
            for (id, lane, order, went_well, starts) in steps {
                if starts {
                    lanes.start(one(id, &lane.to_string(), order));
                } else {
                    lanes.end(&id.to_string(), went_well);
                }
                prop_assert!(lanes.under_way.len() <= AT_ONCE);
                for lane in 0..5_usize {
                    let lane = lane.to_string();
                    let all = lanes.count(|one| one.lane == lane);
                    prop_assert!(all <= LANE_AT_ONCE);
                    for order in 0..4_usize {
                        let order = order.to_string();
                        prop_assert!(lanes.count(|one| one.lane == lane && one.order == order) <= 1);
                    }
                }
            }
        }
    }
}
