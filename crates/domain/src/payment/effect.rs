//! What a payment asks of others, now. It follows from the state alone, so a crash loses
//! none of it; each may be performed any number of times.

use serde::{Deserialize, Serialize};

use super::{Intent, Payment, Refund};
use crate::lifecycle::PaymentStatus;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Make the intent of this attempt, under its name, or be given it again.
    Make { attempt: u32, minor: i64 },
    /// End this intent; if the provider says that its money was taken, so it was.
    End { id: String },
    /// Give back under the refund's number, or hear again that it was.
    GiveBack { id: String, refund: Refund },
    /// Tell the order how its money stands.
    Tell(Told),
}

/// How the money of an order stands. The one of the higher version is the newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub status: PaymentStatus,
    pub captured_minor: i64,
    pub refunded_minor: i64,
    pub version: u32,
}

impl Payment {
    pub fn told(&self) -> Told {
        Told {
            status: self.status(),
            captured_minor: self.captured_minor,
            refunded_minor: self.refunded_minor,
            version: self.version,
        }
    }

    pub fn effects(&self) -> Vec<Effect> {
        let mut effects = Vec::new();
        match &self.intent {
            Intent::Asked => effects.push(Effect::Make {
                attempt: self.attempt,
                minor: self.asked_minor,
            }),
            Intent::Ending { id, .. } => effects.push(Effect::End { id: id.clone() }),
            Intent::Taken { id } => {
                if let Some(refund) = self.refund {
                    let id = id.clone();
                    effects.push(Effect::GiveBack { id, refund });
                }
            }
            Intent::None | Intent::Open { .. } | Intent::Dead { .. } => {}
        }
        if self.told < self.version {
            effects.push(Effect::Tell(self.told()));
        }
        effects
    }

    /// Whether nothing is left to be done.
    pub fn is_at_rest(&self) -> bool {
        self.effects().is_empty()
    }
}
