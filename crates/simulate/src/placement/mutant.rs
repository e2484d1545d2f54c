//! Mistakes put in on purpose. A simulator that has not caught a mistake may as
//! well be blind; each of these must be found within a bounded number of
//! schedules. They live in the glue and in the model database, never in the rules.

use crate::harness::named;

named! {
    pub enum Mutant {
        /// The cart is not claimed before an order is made of it, and its order desk does not
        /// ask of which cart an order is made.
        NoClaim = "no-claim",
        /// It is not written that orders may be in the making, so that after a crash no cart
        /// is in doubt.
        NoMark = "no-mark",
        /// A cart of which no order was made goes on under the id that was closed.
        SameCart = "same-cart",
        /// A deduction does not look whether its hold exists, and no primary key does.
        NoHoldCheck = "no-hold-check",
        /// A release that comes again is counted again.
        DoubleRestore = "double-restore",
        /// A crash takes the timer with it.
        LostAlarm = "lost-alarm",
        /// A release deletes its hold, so a deduction that comes later finds the door open.
        LateDeduct = "late-deduct",
        /// That a placement is being undone is not written first: after a crash it goes on
        /// to its end, while a release of it may still be on its way.
        SilentUndo = "silent-undo",
        /// After a crash a placement is undone, though a buyer may have been told that it
        /// stands.
        BackwardResume = "backward-resume",
        /// After a crash a placement is undone when a shard does not answer, though a buyer
        /// may have been told that it stands.
        ImpatientResume = "impatient-resume",
        /// A shard that refused is not released, so a copy of its deduction finds the door open.
        BelievedNo = "believed-no",
        /// A cart nobody knows is called closed without being closed.
        NoTombstone = "no-tombstone",
        /// A shortage is believed at first sight.
        OneLook = "one-look",
        /// Looks for a refusal are answered from the desk's memory.
        StaleLook = "stale-look",
        /// A refusal is not kept with its key.
        ForgottenNo = "forgotten-no",
        /// A place-order does not say what it orders.
        BlindOrder = "blind-order",
    }
}
