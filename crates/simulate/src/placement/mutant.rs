//! Mistakes put in on purpose. A simulator that has not caught a mistake may as
//! well be blind; each of these must be found within a bounded number of
//! schedules. They live in the glue and in the model database, never in the rules.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// The cart is not claimed before an order is made of it.
    NoClaim,
    /// A deduction does not look whether its hold exists, and no primary key does.
    NoHoldCheck,
    /// A release that comes again is counted again.
    DoubleRestore,
    /// A crash takes the timer with it.
    LostAlarm,
    /// A release deletes its hold, so a deduction that comes later finds the door open.
    LateDeduct,
    /// After a crash a placement goes on to its end, though it may have been undoing
    /// and a release of it may still be on its way.
    ForwardResume,
    /// A shard that refused is not released, so a copy of its deduction finds the door open.
    BelievedNo,
    /// A placement nobody knows is called undone without being closed.
    NoTombstone,
    /// A shortage is believed at first sight.
    OneLook,
    /// Looks for a refusal are answered from the desk's memory.
    StaleLook,
    /// A place-order does not say what it orders.
    BlindOrder,
    /// The buyer is told before the end is written.
    EarlyAnswer,
}

impl Mutant {
    pub const ALL: [Self; 12] = [
        Self::NoClaim,
        Self::NoHoldCheck,
        Self::DoubleRestore,
        Self::LostAlarm,
        Self::LateDeduct,
        Self::ForwardResume,
        Self::BelievedNo,
        Self::NoTombstone,
        Self::OneLook,
        Self::StaleLook,
        Self::BlindOrder,
        Self::EarlyAnswer,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::NoClaim => "no-claim",
            Self::NoHoldCheck => "no-hold-check",
            Self::DoubleRestore => "double-restore",
            Self::LostAlarm => "lost-alarm",
            Self::LateDeduct => "late-deduct",
            Self::ForwardResume => "forward-resume",
            Self::BelievedNo => "believed-no",
            Self::NoTombstone => "no-tombstone",
            Self::OneLook => "one-look",
            Self::StaleLook => "stale-look",
            Self::BlindOrder => "blind-order",
            Self::EarlyAnswer => "early-answer",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mutant| mutant.name() == name)
    }
}
