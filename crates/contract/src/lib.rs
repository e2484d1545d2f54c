//! Everything that crosses a boundary: what callers send and get, what workers
//! say to each other and to their objects, and the codes of every refusal.
//!
//! Both ends of a call use the types here, so they cannot disagree. Like
//! `domain`, this crate knows nothing of the platform.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod assignment;
pub mod cart;
pub mod catalogue;
pub mod command;
#[cfg(feature = "schema")]
pub mod describe;
pub mod dispatch;
pub mod events;
pub mod figures;
pub mod fulfillment;
pub mod identity;
pub mod lists;
pub mod notices;
pub mod offers;
pub mod order;
pub mod packet;
pub mod paths;
pub mod payment;
pub mod plain;
pub mod problem;
pub mod realtime;
pub mod stock;
pub mod vendor;

pub use command::{Command, Empty};
pub use identity::{Actor, Role};
pub use problem::{Problem, code};
