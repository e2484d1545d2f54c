//! Offering orders to vendors under faults.
//!
//! The engine of `domain` runs in a desk that writes its state before it performs
//! anything; vendors with few places, the search and the row in D1 stand around it.
//! Time, people and trouble come from a seed. Every schedule ends with fair weather,
//! comes to rest, and is then held against the invariants.

mod check;
mod desk;
pub mod fault;
pub mod mutant;
mod outside;
mod people;
mod queue;
mod reach;
mod stats;
mod world;

pub use stats::Stats;
pub use world::{Outcome, run};

use crate::harness;

/// This world, for batches of schedules.
#[derive(Debug)]
pub struct Assigning;

impl harness::World for Assigning {
    type Step = fault::Step;
    type Fault = fault::Fault;
    type Mutant = mutant::Mutant;
    type Stats = Stats;

    fn run(seed: u64, mutant: Option<mutant::Mutant>, traced: bool) -> Outcome {
        run(seed, mutant, traced)
    }
}
