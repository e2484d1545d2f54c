//! Which driver takes which order.
//!
//! A policy is a function over a [`Snapshot`]: the orders that nobody has been bound to,
//! the drivers with the place and the time at which each is free, and now. It changes
//! nothing and remembers nothing, so whoever calls it may call it again, on the same
//! snapshot with the same answer, and a replay of a recorded day decides as the day did.
//! Distances and minutes come from a [`Travel`], since the service measures on the globe
//! and the public benchmark on a plane.
//!
//! [`priority`] ranks the drivers for one order by a score that an admin can read, and
//! takes orders one after the other. That is enough while there are more drivers than
//! orders. [`window`] plans all open orders for all drivers of a cell at once; it is what
//! a dinner peak needs.

use serde::{Deserialize, Serialize};

pub mod matching;
pub mod priority;
mod travel;
pub mod window;

pub use travel::{Globe, Travel};

/// An order that still may go to anybody. `P` is whatever the travel model measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order<P> {
    pub id: String,
    /// Orders of one site are collected at one place and may be collected together.
    pub site: String,
    pub pickup: P,
    pub dropoff: P,
    pub placed_ms: i64,
    /// When it can be collected, as far as is known.
    pub ready_ms: i64,
    /// Drivers who are not asked for it, such as those who said no.
    pub barred: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Driver<P> {
    pub id: String,
    /// Where the driver will be when free.
    pub place: P,
    /// When all that the driver is bound to is done, or the shift begins.
    pub free_ms: i64,
    /// Nothing is collected after this, though what was collected is brought home.
    pub ends_ms: Option<i64>,
    /// Orders that fit on one trip.
    pub capacity: u32,
    /// The site at whose door the driver stands ready to collect.
    pub standing: Option<String>,
    /// Offers of late: of equal drivers the one with the fewest goes first.
    pub recent_offers: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot<P> {
    pub now_ms: i64,
    pub orders: Vec<Order<P>>,
    pub drivers: Vec<Driver<P>>,
}

const MILLIS_IN_A_MINUTE: f64 = 60_000.0;

/// Policies count in minutes, as fractions: travel is no whole number of anything.
#[allow(
    clippy::cast_precision_loss,
    reason = "moments of the next thousand centuries are exact"
)]
fn minutes(ms: i64) -> f64 {
    ms as f64 / MILLIS_IN_A_MINUTE
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the cast goes to the nearest bound, and to nought for what is no number"
)]
fn millis(minutes: f64) -> i64 {
    (minutes * MILLIS_IN_A_MINUTE).round() as i64
}

#[cfg(test)]
mod tests;
