//! Finding a driver under faults.
//!
//! The rules of `domain` run here in desks that write before they perform anything: one an
//! order, with what it has asked for and heard; one a cell, which leads the errands of what
//! is collected there; one a driver, with the shift and its claims. Wishes and reports
//! travel over queues. Time, people and trouble come from a seed. Every schedule ends with
//! fair weather, comes to rest, and is then held against the invariants.

mod cell;
mod check;
mod desk;
mod driver;
mod event;
pub mod fault;
mod ledger;
pub mod mutant;
mod obey;
mod order;
mod people;
mod rest;
mod stats;
mod travel;
mod world;

pub use stats::Stats;
pub use world::{Outcome, run};

use crate::harness;

/// This world, for batches of schedules.
#[derive(Debug)]
pub struct Finding;

impl harness::World for Finding {
    type Step = fault::Step;
    type Fault = fault::Fault;
    type Mutant = mutant::Mutant;
    type Stats = Stats;

    fn run(seed: u64, mutant: Option<mutant::Mutant>, traced: bool) -> Outcome {
        run(seed, mutant, traced)
    }
}
