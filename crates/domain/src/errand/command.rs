//! What an errand is told.

use serde::{Deserialize, Serialize};

use super::Wish;

/// What the order says of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It has left the house, with a driver or without.
    Collected,
    Delivered,
    Cancelled,
}

/// What a driver's desk says to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granted {
    Yes,
    Full,
    /// Not on a shift, or the claim is closed.
    Away,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A driver is wanted.
    Wish(Wish),
    /// A policy has chosen somebody.
    Choose {
        driver: String,
        eta_s: u32,
    },
    /// An admin has.
    Force {
        driver: String,
        eta_s: u32,
    },
    /// The driver's desk has answered.
    Took {
        claim: u32,
        granted: Granted,
    },
    Accept {
        driver: String,
    },
    Reject {
        driver: String,
    },
    /// The driver went off, or is not heard of any more.
    Drop {
        driver: String,
        claim: u32,
    },
    Collect {
        driver: String,
    },
    Deliver {
        driver: String,
        proof: String,
    },
    /// The order has gone on.
    Follow {
        attempt: u32,
        stage: Stage,
    },
    /// The offer is on its way to the driver.
    Sent {
        claim: u32,
    },
    /// The driver's desk has closed the claim.
    Closed {
        claim: u32,
    },
    /// The driver's desk knows that the claim is so far.
    Noted {
        claim: u32,
        is_collected: bool,
    },
    /// The order knows the report of that version.
    Heard {
        attempt: u32,
        version: u32,
    },
    /// Time has passed.
    Due,
}

/// Why a command changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Nobody can be chosen now.
    NotOpen,
    /// Somebody else brings it.
    Another,
    /// It is not offered to this driver, or no longer.
    NotYours,
    /// The driver's room is not certain yet: ask again.
    NotYet,
    NotCollected,
    Collected,
    Over,
}
