//! What the shop says to the outside about orders: webhooks to merchants, mails to
//! customers.
//!
//! Both are *sendings* under one rule ([`delivery`]): due, sent, tried again after a
//! growing time, and in the end delivered or dead. [`lanes`] says how many are on their way
//! at once, so that one receiver who does not answer holds up nobody else. [`kinds`] are the
//! events there are, [`endpoint`] the addresses that may be posted to, [`mail`] what a
//! customer reads.

pub mod delivery;
pub mod endpoint;
pub mod kinds;
pub mod lanes;
pub mod mail;
pub mod schedule;
mod texts;
