//! Mistakes put in on purpose, in the glue and around it, never in the rules. Each has
//! to be caught within a bounded number of schedules.

use crate::harness::named;

named! {
    pub enum Mutant {
        /// Whoever accepts gets the order, though somebody has it.
        NoLockCheck = "no-lock-check",
        /// A release does not begin a new epoch.
        NoEpoch = "no-epoch",
        /// The row in D1 is written without a look at its epoch.
        UnfencedRow = "unfenced-row",
        /// A crash takes the timer with it.
        LostAlarm = "lost-alarm",
        /// When somebody wins, everybody who was asked is told that it is over.
        CancelToWinner = "cancel-to-winner",
        /// Offers expire at their deadline.
        NoGrace = "no-grace",
        /// What was decided is performed, but not written with the decision.
        UnwrittenEffects = "unwritten-effects",
        /// A place that is not needed stays taken.
        KeptPlace = "kept-place",
        /// Giving a place back does not close its claim.
        OpenClaim = "open-claim",
        /// A vendor's object does not count.
        NoCapacity = "no-capacity",
    }
}
