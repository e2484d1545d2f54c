//! Offering orders to vendors under faults.
//!
//! The engine of `domain` runs in a desk that writes its state before it performs
//! anything; vendors with few places, the search and the row in D1 stand around it.
//! Time, people and trouble come from a seed. Every schedule ends with fair weather,
//! comes to rest, and is then held against the invariants.

pub mod batch;
mod check;
mod desk;
pub mod fault;
pub mod mutant;
mod outside;
mod people;
mod queue;
mod reach;
mod world;

pub use world::{Outcome, Stats, run};
