//! Whether a vendor's desk grants a place.
//!
//! A claim (a vendor, an order and a number) is never known, held or closed, and goes that
//! way only: who held it stays granted however often it is asked, and a closed one is
//! refused for ever, so a copy of the question that comes late takes nothing. Between the
//! two stands the capacity, of which the database is the truth and the desk knows what it
//! saw last. That may say yes while it is fresh, never no: "full" is only said after a
//! look that began when the question was there already. Whoever asks performs the look
//! and decides anew, and writes what was granted in the same stretch as it was decided.

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    Held,
    Closed,
}

impl Claim {
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Closed => "closed",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Held, Self::Closed]
            .into_iter()
            .find(|claim| claim.name() == name)
    }
}

/// A capacity as a look at the database found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Orders at once; none for any number.
    pub capacity: Option<i64>,
    /// Looks are numbered as they begin, from 1.
    pub look: u64,
    pub at_ms: i64,
}

/// A question for a place, and all that its answer depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    pub claim: Option<Claim>,
    /// An admin puts the order there, whatever the capacity.
    pub forced: bool,
    /// Places that the vendor's orders hold.
    pub held: i64,
    pub seen: Option<Seen>,
    /// Looks that had begun when the question came.
    pub looks_before: u64,
    pub now_ms: i64,
    /// How long what was seen may say yes.
    pub fresh_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds the place already.
    Stands,
    /// It gets the place: to be written before anybody is told.
    Granted,
    Closed,
    Full,
    /// The capacity has to be looked at first.
    Look,
}

impl Question {
    pub fn decide(self) -> Verdict {
        match self.claim {
            Some(Claim::Held) => return Verdict::Stands,
            Some(Claim::Closed) => return Verdict::Closed,
            None if self.forced => return Verdict::Granted,
            None => {}
        }
        let Some(seen) = self.seen else {
            return Verdict::Look;
        };
        let proves = seen.look > self.looks_before;
        let is_fresh = self.now_ms.saturating_sub(seen.at_ms) < self.fresh_ms;
        let is_free = seen.capacity.is_none_or(|capacity| self.held < capacity);
        match (is_free, proves) {
            (true, _) if proves || is_fresh => Verdict::Granted,
            (false, true) => Verdict::Full,
            _ => Verdict::Look,
        }
    }
}

/// The version that follows, of what is told of a vendor. It is the time where that is
/// later, so a desk that never had the vendor is not taken for one that is behind.
pub fn next_version(version: i64, now_ms: i64) -> i64 {
    version.saturating_add(1).max(now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Question = Question {
        claim: None,
        forced: false,
        held: 2,
        seen: None,
        looks_before: 7,
        now_ms: 100_000,
        fresh_ms: 30_000,
    };

    fn seen(capacity: Option<i64>, look: u64, at_ms: i64) -> Seen {
        Seen {
            capacity,
            look,
            at_ms,
        }
    }

    fn with(seen: Seen) -> Verdict {
        let seen = Some(seen);
        Question { seen, ..ASKED }.decide()
    }

    #[test]
    fn what_is_written_decides_before_everything_else() {
        for (forced, capacity) in [
            (false, Some(0)),
            (true, None),
            (false, None),
            (true, Some(0)),
        ] {
            let asked = Question {
                forced,
                seen: Some(seen(capacity, 8, 100_000)),
                ..ASKED
            };
            let of = |claim| Question {
                claim: Some(claim),
                ..asked
            };
            assert_eq!(of(Claim::Held).decide(), Verdict::Stands);
            assert_eq!(of(Claim::Closed).decide(), Verdict::Closed);
        }
    }

    #[test]
    fn nothing_is_granted_before_the_capacity_was_seen_unless_an_admin_forces_it() {
        assert_eq!(ASKED.decide(), Verdict::Look);
        let forced = Question {
            forced: true,
            held: i64::MAX,
            ..ASKED
        };
        assert_eq!(forced.decide(), Verdict::Granted);
    }

    #[test]
    fn what_was_seen_says_yes_while_it_is_fresh() {
        assert_eq!(with(seen(Some(3), 1, 70_001)), Verdict::Granted);
        assert_eq!(with(seen(Some(3), 1, 70_000)), Verdict::Look);
        assert_eq!(with(seen(None, 1, 70_001)), Verdict::Granted);
        assert_eq!(with(seen(None, 1, 70_000)), Verdict::Look);
    }

    #[test]
    fn full_is_said_after_a_look_that_began_after_the_question() {
        for held in [2, 3] {
            let asked = |look| {
                let seen = Some(seen(Some(2), look, 100_000));
                Question {
                    held,
                    seen,
                    ..ASKED
                }
                .decide()
            };
            assert_eq!(
                asked(7),
                Verdict::Look,
                "the admin may have raised it since"
            );
            assert_eq!(asked(8), Verdict::Full);
        }
    }

    #[test]
    fn a_look_of_ones_own_ends_the_looking_however_long_it_took() {
        for capacity in [Some(0), Some(2), Some(3), None] {
            assert_ne!(with(seen(capacity, 8, 0)), Verdict::Look);
        }
    }

    #[test]
    fn versions_only_rise() {
        assert_eq!(next_version(0, 5), 5);
        assert_eq!(next_version(5, 5), 6);
        assert_eq!(next_version(9, 5), 10, "clocks may go backwards");
    }

    #[test]
    fn names_of_claims_are_read_back() {
        for claim in [Claim::Held, Claim::Closed] {
            assert_eq!(Claim::from_name(claim.name()), Some(claim));
        }
        assert_eq!(Claim::from_name("open"), None);
    }
}
