//! The payment of one order through a provider: asked for, taken, given back (P1).
//!
//! An order says what is due for it, and the payment follows: while something is due one
//! intent is open at the provider; what was taken beyond it goes back. What must hold: an
//! intent is asked for under a name of its own, and another only when the one before it
//! is dead at the provider; an order is told that its payment was declined only when the
//! intent can take no money any more; a refund is written with its number and amount before
//! it is asked for, so that asking again is the same refund. What the provider tells may
//! come late, doubled and in any order: only what cannot be undone there is believed, and
//! a decline leads to the question that ends it. Every change adds one to the version.

mod effect;

pub use effect::{Effect, Told};

use serde::{Deserialize, Serialize};

use crate::lifecycle::PaymentStatus;

/// What there is at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    #[default]
    None,
    /// Asked for, and not answered.
    Asked,
    Open {
        id: String,
        secret: String,
    },
    /// No money will be taken under it, once the provider agrees.
    Ending {
        id: String,
        declined: bool,
    },
    Dead {
        declined: bool,
    },
    /// The money was taken.
    Taken {
        id: String,
    },
}

/// Money on its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub number: u32,
    pub minor: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// What the order says is due, and the version of it that said so.
    pub due_minor: i64,
    pub due_version: u32,
    pub currency: String,
    /// Counts the intents, which have it in their names.
    pub attempt: u32,
    /// For how much the intent is.
    pub asked_minor: i64,
    pub intent: Intent,
    pub captured_minor: i64,
    pub refunded_minor: i64,
    pub refund: Option<Refund>,
    /// Refunds that were made.
    pub refunds: u32,
    pub version: u32,
    /// The version that the order knows.
    pub told: u32,
}

/// What happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The shopper wants to pay.
    Start,
    /// This much is due from that version of the order on.
    Due { minor: i64, version: u32 },
    /// The provider has made the intent of that attempt.
    Made {
        attempt: u32,
        id: String,
        secret: String,
    },
    /// The provider says that the money was taken under an intent.
    Succeeded { id: String, minor: i64 },
    /// The provider says that a card was declined.
    Declined { id: String },
    /// The provider says that an intent is dead.
    Died { id: String },
    /// The provider has made the refund of that number.
    Refunded { number: u32 },
    /// The order knows that version.
    Heard { version: u32 },
}

impl Payment {
    pub fn new(due_minor: i64, due_version: u32, currency: &str) -> Self {
        Self {
            due_minor,
            due_version,
            currency: currency.to_owned(),
            attempt: 0,
            asked_minor: 0,
            intent: Intent::None,
            captured_minor: 0,
            refunded_minor: 0,
            refund: None,
            refunds: 0,
            version: 0,
            told: 0,
        }
    }

    pub fn status(&self) -> PaymentStatus {
        if self.captured_minor > 0 {
            return match self.refunded_minor {
                0 => PaymentStatus::Paid,
                part if part < self.captured_minor => PaymentStatus::PartiallyRefunded,
                _ => PaymentStatus::Refunded,
            };
        }
        match self.intent {
            Intent::Dead { declined: true } => PaymentStatus::Failed,
            _ if self.due_minor == 0 => PaymentStatus::Cancelled,
            _ => PaymentStatus::Pending,
        }
    }

    /// True when something changed. What is to be done follows from what it is then: see
    /// [`Payment::effects`].
    pub fn apply(&mut self, event: Event) -> bool {
        let before = self.clone();
        match event {
            Event::Start => self.start(),
            Event::Due { minor, version } => {
                if version > self.due_version {
                    (self.due_minor, self.due_version) = (minor.max(0), version);
                }
            }
            Event::Made {
                attempt,
                id,
                secret,
            } => {
                if attempt == self.attempt && self.intent == Intent::Asked {
                    self.intent = Intent::Open { id, secret };
                }
            }
            // An intent takes money once, and what it took stays taken.
            Event::Succeeded { id, minor } => {
                if self.is_of_ours(&id) && self.captured_minor == 0 {
                    self.captured_minor = minor.max(0);
                    self.intent = Intent::Taken { id };
                }
            }
            Event::Declined { id } => {
                if matches!(&self.intent, Intent::Open { id: open, .. } if *open == id) {
                    let declined = true;
                    self.intent = Intent::Ending { id, declined };
                }
            }
            Event::Died { id } => match &self.intent {
                Intent::Open { id: open, .. } if *open == id => {
                    self.intent = Intent::Dead { declined: false };
                }
                Intent::Ending { id: ours, declined } if *ours == id => {
                    let declined = *declined;
                    self.intent = Intent::Dead { declined };
                }
                _ => {}
            },
            Event::Refunded { number } => {
                if let Some(refund) = self.refund.filter(|refund| refund.number == number) {
                    self.refunded_minor = self.refunded_minor.saturating_add(refund.minor);
                    self.refunds = number;
                    self.refund = None;
                }
            }
            Event::Heard { version } => self.told = self.told.max(version.min(self.version)),
        }
        self.settle();
        let changed = *self != before;
        if changed && self.told == before.told {
            self.version = self.version.saturating_add(1);
        }
        changed
    }

    fn start(&mut self) {
        let may = matches!(self.intent, Intent::None | Intent::Dead { declined: false });
        if may && self.due_minor > 0 && self.captured_minor == 0 {
            self.attempt = self.attempt.saturating_add(1);
            self.asked_minor = self.due_minor;
            self.intent = Intent::Asked;
        }
    }

    /// An event names an intent that this payment knows nothing of when it overtakes the
    /// answer that made it. The name is only given to who asked, so it is ours.
    fn is_of_ours(&self, id: &str) -> bool {
        match &self.intent {
            Intent::Asked => true,
            Intent::Open { id: ours, .. }
            | Intent::Ending { id: ours, .. }
            | Intent::Taken { id: ours } => ours == id,
            Intent::None | Intent::Dead { .. } => false,
        }
    }

    /// Brings what there is in line with what is due.
    fn settle(&mut self) {
        if self.due_minor == 0
            && let Intent::Open { id, .. } = &self.intent
        {
            self.intent = Intent::Ending {
                id: id.clone(),
                declined: false,
            };
        }
        let kept = self.captured_minor.saturating_sub(self.refunded_minor);
        let beyond = kept.saturating_sub(self.due_minor);
        if self.refund.is_none() && beyond > 0 {
            self.refund = Some(Refund {
                number: self.refunds.saturating_add(1),
                minor: beyond,
            });
        }
    }
}

#[cfg(test)]
mod tests;
