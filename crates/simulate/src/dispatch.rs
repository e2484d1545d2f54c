//! Days of deliveries, replayed through the policies of `domain::dispatch`.
//!
//! Days come in the text format of the public meal delivery benchmark (`instance`) or are
//! made up (`generate`). `replay` lets a policy decide minute by minute, knowing no more
//! than had happened by then; `check` holds what came of it against the benchmark's rules
//! with arithmetic of its own, and `figures` sums it up.

pub mod bench;
pub mod check;
pub mod figures;
pub mod folder;
pub mod generate;
pub mod instance;
pub mod replay;
pub mod report;
pub mod search;

/// What became of an order that was picked up, in minutes of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    pub order: usize,
    pub courier: usize,
    pub assigned: i64,
    pub pickup: i64,
    pub dropoff: i64,
}
