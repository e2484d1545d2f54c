//! The life of a placed order (I7): its states, and who may cause which edge.
//!
//! Four things are kept apart, since people ask for each by itself: how the order stands,
//! how its payment does, what became of the goods, and where the delivery is. The order's
//! status moves along [`EDGES`]; the others follow from its steps, or from what those say
//! who have the money and the goods in their hands. What must hold: a step along no edge
//! changes nothing; every change adds one to the version; `cancelled` and `refunded` absorb.

mod drawing;
mod edges;
mod names;

pub use drawing::document;
pub use edges::{By, EDGES, Edge, When};
pub use names::{Delivery, Fulfilment, Method, Mode, PaymentStatus, Status};

use serde::{Deserialize, Serialize};

/// What an edge asks of the stock that the order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StockChore {
    /// Give it back to the shelf.
    Release,
    /// It has left the house.
    Ship,
}

/// What an edge asks of those who offer the order to vendors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffersChore {
    Start,
    /// It is over, and nobody may take it any more.
    End,
}

/// What an edge asks of the others. All of it is written down with the new state and
/// performed, repeatedly if need be, until it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chores {
    pub stock: Option<StockChore>,
    pub offers: Option<OffersChore>,
    /// What is due has changed, or may be taken now.
    pub money: bool,
    /// The shopper gets the cart back.
    pub cart: bool,
}

/// Why a step was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Illegal {
    /// Where this one may take the order now.
    pub legal: Vec<Status>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Life {
    pub status: Status,
    pub payment: PaymentStatus,
    pub fulfilment: Fulfilment,
    pub delivery: Delivery,
    pub mode: Mode,
    pub method: Method,
    pub version: u32,
}

impl Life {
    /// As it begins. Credit was reserved before the order came to stand.
    pub fn placed(method: Method, mode: Mode) -> Self {
        let payment = match method {
            Method::Card | Method::Cod => PaymentStatus::Pending,
            Method::Credit => PaymentStatus::Authorized,
        };
        Self {
            status: Status::Pending,
            payment,
            fulfilment: Fulfilment::Unfulfilled,
            delivery: Delivery::None,
            mode,
            method,
            version: 1,
        }
    }

    /// The states that somebody may take it to now; of everybody without a name.
    pub fn next(self, by: Option<By>) -> Vec<Status> {
        EDGES
            .iter()
            .filter(|edge| edge.from == self.status && edge.applies(self))
            .filter(|edge| by.is_none_or(|by| edge.by.contains(&by)))
            .map(|edge| edge.to)
            .collect()
    }

    /// Takes one edge.
    ///
    /// # Errors
    /// The states that would have been legal.
    pub fn step(self, to: Status, by: By) -> Result<(Self, Chores), Illegal> {
        let legal = self.next(Some(by));
        if !legal.contains(&to) {
            return Err(Illegal { legal });
        }
        let mut next = self;
        next.status = to;
        next.version = self.version.saturating_add(1);
        let mut chores = Chores::default();
        match to {
            Status::Pending | Status::Refunded => {}
            Status::Paid => {
                next.payment = PaymentStatus::Paid;
                if self.mode == Mode::Vendor {
                    chores.offers = Some(OffersChore::Start);
                }
            }
            Status::AwaitingAssignment => {
                next.mode = Mode::Vendor;
                next.fulfilment = Fulfilment::AwaitingAssignment;
                next.delivery = Delivery::None;
            }
            Status::Failed => next.fulfilment = Fulfilment::Failed,
            Status::VendorAccepted => {
                next.fulfilment = Fulfilment::VendorAccepted;
                next.delivery = Delivery::NewOrder;
                chores.money = self.method == Method::Credit;
            }
            Status::Preparing => next.fulfilment = Fulfilment::Preparing,
            Status::Ready => next.fulfilment = Fulfilment::Ready,
            Status::Processing => {
                next.mode = Mode::Warehouse;
                next.fulfilment = Fulfilment::Processing;
                chores.money = self.method == Method::Credit;
                chores.offers = Some(OffersChore::End);
            }
            Status::Shipped => {
                next.fulfilment = Fulfilment::Fulfilled;
                next.delivery = Delivery::OutForDelivery;
                chores.stock = Some(StockChore::Ship);
                chores.offers = Some(OffersChore::End);
            }
            Status::Delivered => {
                next.delivery = Delivery::Delivered;
                // Whoever hands it over gets the money.
                if self.method == Method::Cod {
                    next.payment = PaymentStatus::Paid;
                }
            }
            Status::Cancelled => {
                next.fulfilment = Fulfilment::Cancelled;
                next.delivery = Delivery::None;
                if matches!(
                    self.payment,
                    PaymentStatus::Pending | PaymentStatus::Authorized
                ) {
                    next.payment = PaymentStatus::Cancelled;
                }
                chores.stock = Some(StockChore::Release);
                chores.offers = Some(OffersChore::End);
                chores.money = true;
            }
        }
        Ok((next, chores))
    }

    /// What has become of its money, as those say who have it. `None` when that is known.
    /// A payment that comes in pays an order that waits for it; all else is no step.
    pub fn paid_so(self, payment: PaymentStatus) -> Option<(Self, Chores)> {
        if payment == self.payment {
            return None;
        }
        if payment == PaymentStatus::Paid
            && let Ok((mut next, chores)) = self.step(Status::Paid, By::House)
        {
            next.payment = payment;
            return Some((next, chores));
        }
        if payment == PaymentStatus::Refunded
            && let Ok((mut next, chores)) = self.step(Status::Refunded, By::House)
        {
            next.payment = payment;
            return Some((next, chores));
        }
        let mut next = self;
        next.payment = payment;
        next.version = self.version.saturating_add(1);
        Some((next, Chores::default()))
    }

    /// How its delivery stands, as those say who find drivers. `None` when that is known, and
    /// once the goods have left: from then on it follows from the steps.
    pub fn brought_so(self, delivery: Delivery) -> Option<Self> {
        let is_wanted = matches!(
            self.status,
            Status::VendorAccepted | Status::Preparing | Status::Ready | Status::Processing
        );
        if !is_wanted || delivery == self.delivery {
            return None;
        }
        let mut next = self;
        next.delivery = delivery;
        next.version = self.version.saturating_add(1);
        Some(next)
    }

    /// Whether the time limit for paying still applies.
    pub fn awaits_payment(self) -> bool {
        self.status == Status::Pending && self.method == Method::Card
    }

    /// Whether it may be offered to vendors as soon as it stands.
    pub fn starts_by_itself(self) -> bool {
        self.status == Status::Pending && self.method != Method::Card && self.mode == Mode::Vendor
    }

    /// Whether nothing of it is to be expected any more.
    pub fn is_finished(self) -> bool {
        matches!(
            self.status,
            Status::Delivered | Status::Cancelled | Status::Refunded
        )
    }
}

#[cfg(test)]
mod tests;
