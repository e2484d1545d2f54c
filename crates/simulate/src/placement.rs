//! Placing orders under faults.
//!
//! The rules of `domain` run here with the same glue as in the workers (a cart
//! desk, an order desk, a stock desk and a database a shard), but time, messages
//! and trouble come from a seed. Every schedule ends with a while of fair weather,
//! comes to rest, and is then held against the invariants.

mod cart_desk;
mod check;
mod claims;
mod crash;
mod database;
mod drawer;
mod event;
pub mod fault;
mod flow;
mod house;
mod journal;
pub mod ledger;
mod message;
pub mod mutant;
mod net;
mod order_desk;
mod order_life;
mod placing;
mod scene;
mod shopper;
mod stock_desk;
mod stock_ops;
mod trace;
mod world;

pub use world::{Outcome, run};

use crate::harness;

/// This world, for batches of schedules.
#[derive(Debug)]
pub struct Placing;

impl harness::World for Placing {
    type Step = fault::Step;
    type Fault = fault::Fault;
    type Mutant = mutant::Mutant;
    type Stats = ledger::Stats;

    fn run(seed: u64, mutant: Option<mutant::Mutant>, traced: bool) -> Outcome {
        run(seed, mutant, traced)
    }
}
