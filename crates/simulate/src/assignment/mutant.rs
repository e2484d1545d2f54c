//! Mistakes put in on purpose, in the glue and around it, never in the rules. Each has
//! to be caught within a bounded number of schedules.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// Whoever accepts gets the order, though somebody has it.
    NoLockCheck,
    /// A release does not begin a new epoch.
    NoEpoch,
    /// The row in D1 is written without a look at its epoch.
    UnfencedRow,
    /// A crash takes the timer with it.
    LostAlarm,
    /// When somebody wins, everybody who was asked is told that it is over.
    CancelToWinner,
    /// Offers expire at their deadline.
    NoGrace,
    /// What was decided is performed, but not written with the decision.
    UnwrittenEffects,
    /// A place that is not needed stays taken.
    KeptPlace,
    /// Giving a place back does not close its claim.
    OpenClaim,
    /// A vendor's object does not count.
    NoCapacity,
}

impl Mutant {
    pub const ALL: [Self; 10] = [
        Self::NoLockCheck,
        Self::NoEpoch,
        Self::UnfencedRow,
        Self::LostAlarm,
        Self::CancelToWinner,
        Self::NoGrace,
        Self::UnwrittenEffects,
        Self::KeptPlace,
        Self::OpenClaim,
        Self::NoCapacity,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::NoLockCheck => "no-lock-check",
            Self::NoEpoch => "no-epoch",
            Self::UnfencedRow => "unfenced-row",
            Self::LostAlarm => "lost-alarm",
            Self::CancelToWinner => "cancel-to-winner",
            Self::NoGrace => "no-grace",
            Self::UnwrittenEffects => "unwritten-effects",
            Self::KeptPlace => "kept-place",
            Self::OpenClaim => "open-claim",
            Self::NoCapacity => "no-capacity",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mutant| mutant.name() == name)
    }
}
