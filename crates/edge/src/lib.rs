//! The one thin layer over the platform.
//!
//! Workers speak to the outside only through here: one way to read a request and
//! to answer it, one way to call an object or a service, one D1 helper, one log.
//! What must hold: every call names its step, counts its trip, and can fail
//! without a panic; nothing that goes wrong inside is shown to a caller.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod alarm;
pub mod announce;
pub mod call;
pub mod clock;
pub mod config;
pub mod d1;
pub mod faults;
pub mod gather;
pub mod http;
pub mod identity;
pub mod json;
pub mod mac;
pub mod mail;
pub mod outside;
pub mod queue;
mod rows;
pub mod socket;
pub mod sqlite;
pub mod subtle;
pub mod telemetry;

pub use call::{CallError, Scope};
pub use http::{Incoming, Outcome};
