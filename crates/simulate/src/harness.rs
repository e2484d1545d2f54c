//! What the simulated worlds share: names of steps, faults and mistakes; the table of what
//! struck where; the weather; what is going to happen; and batches of schedules.
//!
//! A world is a scene, people and glue around the rules, played from a seed. The same seed
//! has to be the same schedule for ever, so nothing here asks chance in another order than
//! it did when a seed was kept.

use std::fmt::Debug;

mod batch;
mod named;
mod queue;
mod table;
mod weather;

pub use batch::{Batch, caught_after, complaints_of_kept, run_many};
pub(crate) use named::named;
pub use queue::Queue;
pub use table::Table;
pub use weather::Weather;

/// One of a few kinds of which each has a name.
pub trait Named: Copy + Eq + Ord + Debug + Send + Sync + 'static {
    fn all() -> &'static [Self];
    fn name(self) -> &'static str;
    /// Its place in `all`.
    fn index(self) -> usize;

    fn named(name: &str) -> Option<Self> {
        let mut all = Self::all().iter().copied();
        all.find(|one| one.name() == name)
    }
}

/// Figures of one schedule, or of many.
pub trait Figures: Debug + Default + Send {
    fn merge(&mut self, other: &Self);
    /// What there is to say of them after "N schedules in T s (R a second), ".
    fn tell(&self) -> String;
}

/// How a schedule went.
#[derive(Debug)]
pub struct Outcome<S, F, T> {
    pub violations: Vec<String>,
    pub table: Table<S, F>,
    pub stats: T,
    pub trace: Vec<String>,
}

pub trait World {
    /// Where something may go wrong.
    type Step: Named;
    /// What may go wrong there.
    type Fault: Named;
    /// Mistakes that have to be caught.
    type Mutant: Named;
    type Stats: Figures;

    /// Runs the schedule that a seed is.
    fn run(
        seed: u64,
        mutant: Option<Self::Mutant>,
        traced: bool,
    ) -> Outcome<Self::Step, Self::Fault, Self::Stats>;
}
