//! Mistakes put in on purpose, in the glue and around it, never in the rules. Each has
//! to be caught within a bounded number of schedules.

use crate::harness::named;

named! {
    pub enum Mutant {
        /// A claim is taken for closed as soon as its driver's desk was asked to close it.
        UnclosedClaim = "unclosed-claim",
        /// A driver's desk that comes back does not know which claims were closed.
        ForgottenClose = "forgotten-close",
        /// A crash takes the timer with it.
        LostAlarm = "lost-alarm",
        /// A driver's desk does not count.
        NoCapacity = "no-capacity",
        /// A report is believed, whatever its version.
        AnyVersion = "any-version",
        /// What was decided is performed before it is written.
        EffectsFirst = "effects-first",
        /// The end of an order is told to its errand once, and not again.
        FollowOnce = "follow-once",
        /// A report is taken for heard as soon as it was sent.
        ToldOnce = "told-once",
        /// A wish goes out once.
        WishOnce = "wish-once",
        /// A driver who goes says so once.
        DropOnce = "drop-once",
        /// An order that moves wishes at the new cell while the old one still has a driver.
        HastyMove = "hasty-move",
        /// The desk of a driver grants what it does not write.
        UnwrittenClaim = "unwritten-claim",
    }
}
