//! Host programs over the rules: they drive the state machines of `domain`
//! natively, through more trouble than any real platform makes in a year.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "it runs on the host only, where an overflow or a bad index should stop it at once"
)]

pub mod assignment;
pub mod dispatch;
pub mod errands;
pub mod harness;
pub mod placement;
pub mod rng;
