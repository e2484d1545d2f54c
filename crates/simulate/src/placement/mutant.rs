//! Mistakes put in on purpose. A simulator that has not caught a mistake may as
//! well be blind; each of these must be found within a bounded number of
//! schedules. They live in the glue and in the model database, never in the rules.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// The cart is not claimed before an order is made of it, and its order desk does not
    /// ask of which cart an order is made.
    NoClaim,
    /// It is not written that orders may be in the making, so that after a crash no cart
    /// is in doubt.
    NoMark,
    /// A cart of which no order was made goes on under the id that was closed.
    SameCart,
    /// A deduction does not look whether its hold exists, and no primary key does.
    NoHoldCheck,
    /// A release that comes again is counted again.
    DoubleRestore,
    /// A crash takes the timer with it.
    LostAlarm,
    /// A release deletes its hold, so a deduction that comes later finds the door open.
    LateDeduct,
    /// That a placement is being undone is not written first: after a crash it goes on
    /// to its end, while a release of it may still be on its way.
    SilentUndo,
    /// After a crash a placement is undone, though a buyer may have been told that it
    /// stands.
    BackwardResume,
    /// After a crash a placement is undone when a shard does not answer, though a buyer
    /// may have been told that it stands.
    ImpatientResume,
    /// A shard that refused is not released, so a copy of its deduction finds the door open.
    BelievedNo,
    /// A cart nobody knows is called closed without being closed.
    NoTombstone,
    /// A shortage is believed at first sight.
    OneLook,
    /// Looks for a refusal are answered from the desk's memory.
    StaleLook,
    /// A refusal is not kept with its key.
    ForgottenNo,
    /// A place-order does not say what it orders.
    BlindOrder,
}

impl Mutant {
    pub const ALL: [Self; 16] = [
        Self::NoClaim,
        Self::NoMark,
        Self::SameCart,
        Self::NoHoldCheck,
        Self::DoubleRestore,
        Self::LostAlarm,
        Self::LateDeduct,
        Self::SilentUndo,
        Self::BackwardResume,
        Self::ImpatientResume,
        Self::BelievedNo,
        Self::NoTombstone,
        Self::OneLook,
        Self::StaleLook,
        Self::ForgottenNo,
        Self::BlindOrder,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::NoClaim => "no-claim",
            Self::NoMark => "no-mark",
            Self::SameCart => "same-cart",
            Self::NoHoldCheck => "no-hold-check",
            Self::DoubleRestore => "double-restore",
            Self::LostAlarm => "lost-alarm",
            Self::LateDeduct => "late-deduct",
            Self::SilentUndo => "silent-undo",
            Self::BackwardResume => "backward-resume",
            Self::ImpatientResume => "impatient-resume",
            Self::BelievedNo => "believed-no",
            Self::NoTombstone => "no-tombstone",
            Self::OneLook => "one-look",
            Self::StaleLook => "stale-look",
            Self::ForgottenNo => "forgotten-no",
            Self::BlindOrder => "blind-order",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mutant| mutant.name() == name)
    }
}
