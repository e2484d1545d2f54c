//! The end of an order, as its offers hear of it.
//!
//! Whether an order lives is known elsewhere than who has it, and the news takes time.
//! What must hold: the order's life has the last word. No order is offered whose end is
//! known, and whoever took one that was over already does not keep it.

use serde::{Deserialize, Serialize};

use super::Assignment;
use super::command::{Command, Refusal};
use crate::lifecycle::{Life, Status};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Over {
    /// It has left the house, and otherwise it was cancelled.
    pub left: bool,
    pub at_ms: i64,
    /// Why it was cancelled.
    pub reason: String,
}

/// Whether an order that stands so may be offered to anybody.
///
/// # Errors
/// Why not.
pub fn may_offer(life: Life) -> Result<(), Refusal> {
    match life.status {
        Status::Cancelled | Status::Refunded => Err(Refusal::OrderCancelled),
        Status::Processing | Status::Shipped | Status::Delivered => Err(Refusal::Closed),
        Status::Pending if life.awaits_payment() => Err(Refusal::NotPaid),
        Status::Pending
        | Status::Paid
        | Status::AwaitingAssignment
        | Status::VendorAccepted
        | Status::Preparing
        | Status::Ready
        | Status::Failed => Ok(()),
    }
}

/// Whether offers have to hear of an edge to that state.
pub fn is_end(status: Status) -> bool {
    matches!(
        status,
        Status::Cancelled | Status::Shipped | Status::Processing
    )
}

impl Assignment {
    /// What the end of its order asks of it. The same again when it is told again; a
    /// refusal says that it had ended before.
    pub fn ending(&self, over: Over) -> Command {
        let lock = self.lock.as_ref();
        let had_vendor = lock.is_some_and(|lock| lock.at_ms <= over.at_ms);
        match over.left {
            true if had_vendor => Command::Close,
            true => Command::Cancel {
                reason: "the order left without a vendor".into(),
            },
            false => Command::Cancel {
                reason: over.reason,
            },
        }
    }
}
