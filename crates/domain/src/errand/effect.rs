//! What an errand asks of others. Each may be done twice.

use serde::{Deserialize, Serialize};

/// Why a claim is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    Delivered,
    Cancelled,
    Declined,
    /// The time to answer is over.
    Silent,
    /// The driver went off, or was not heard of any more.
    Gone,
    /// An admin has chosen somebody else.
    Reassigned,
    /// There was no room, or the order is wished for anew.
    Replaced,
}

/// How an errand stands, for its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Searching,
    Assigned,
    Collected,
    Delivered,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub attempt: u32,
    /// Within the attempt.
    pub version: u32,
    pub state: State,
    pub driver: Option<String>,
    pub eta_s: u32,
    pub by_hand: bool,
    pub proof: Option<String>,
    pub at_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Ask the driver's desk for room under this claim. Done when it answered.
    Take {
        driver: String,
        claim: u32,
        /// An admin's choice is granted to one who is off, too.
        forced: bool,
        /// The driver will be asked first.
        offered: bool,
    },
    /// The driver is asked. Whoever misses it finds it among the open offers.
    Offer {
        driver: String,
        claim: u32,
        until_ms: i64,
    },
    /// The driver's desk learns that its claim was accepted, or collected.
    Note {
        driver: String,
        claim: u32,
        is_collected: bool,
    },
    /// The claim is closed at the driver's desk, for ever.
    GiveBack {
        driver: String,
        claim: u32,
        why: Why,
    },
    /// The order hears how the errand stands.
    Tell(Report),
}
