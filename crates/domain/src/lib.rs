//! The rules of Orderlane, and nothing else.
//!
//! Every module here is pure: time, ids and randomness come in as arguments, and
//! what has to happen outside comes out as data. The same code therefore runs on
//! workerd, in the seeded simulator and in plain unit tests. Nothing in this
//! crate knows of HTTP, SQL or the platform, and a check keeps it so.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod address;
pub mod amend;
pub mod assignment;
pub mod cart;
pub mod delivery;
pub mod dispatch;
pub mod errand;
pub mod fleet;
pub mod geo;
pub mod hail;
pub mod ids;
pub mod lifecycle;
pub mod limits;
pub mod live;
pub mod money;
pub mod notices;
pub mod outbox;
pub mod payment;
pub mod placement;
pub mod places;
pub mod plan;
pub mod set;
#[cfg(feature = "schema")]
pub mod shape;
pub mod shift;
pub mod spot;
pub mod stock;
pub mod time;
pub mod totals;
