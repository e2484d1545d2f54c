//! The states of a placed order and the edges between them (I7).
//!
//! `pending -> paid -> processing -> shipped -> delivered`, one step at a time;
//! `cancelled` from any state in which nothing has shipped. `delivered` and
//! `cancelled` absorb. Every change adds one to the version.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pending,
    Paid,
    Processing,
    Shipped,
    Delivered,
    Cancelled,
}

impl Status {
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Paid,
        Self::Processing,
        Self::Shipped,
        Self::Delivered,
        Self::Cancelled,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Processing => "processing",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// The states that may follow this one.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Paid, Self::Cancelled],
            Self::Paid => &[Self::Processing, Self::Cancelled],
            Self::Processing => &[Self::Shipped, Self::Cancelled],
            Self::Shipped => &[Self::Delivered],
            Self::Delivered | Self::Cancelled => &[],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PaymentStatus {
    Pending,
    Paid,
    Cancelled,
}

impl PaymentStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What an edge asks of the stock that the order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StockChore {
    /// Give it back to the shelf.
    Release,
    /// It has left the house.
    Ship,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    pub status: Status,
    pub payment: PaymentStatus,
    pub version: u32,
}

impl Life {
    pub const PLACED: Self = Self {
        status: Status::Pending,
        payment: PaymentStatus::Pending,
        version: 1,
    };

    /// Takes one edge. The chore is to be written down with the new state and
    /// performed, repeatedly if need be, until it is done.
    ///
    /// # Errors
    /// The states that would have been legal.
    pub fn step(self, to: Status) -> Result<(Self, Option<StockChore>), &'static [Status]> {
        let legal = self.status.next();
        if !legal.contains(&to) {
            return Err(legal);
        }
        let payment = match (to, self.payment) {
            (Status::Paid, _) => PaymentStatus::Paid,
            (Status::Cancelled, PaymentStatus::Pending) => PaymentStatus::Cancelled,
            (_, payment) => payment,
        };
        let chore = match to {
            Status::Cancelled => Some(StockChore::Release),
            Status::Shipped => Some(StockChore::Ship),
            _ => None,
        };
        let version = self.version.saturating_add(1);
        Ok((
            Self {
                status: to,
                payment,
                version,
            },
            chore,
        ))
    }

    /// Whether the time limit for paying still applies.
    pub fn awaits_payment(self) -> bool {
        self.status == Status::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_states_is_an_edge_or_refused_with_the_legal_ones() {
        let drawn = [
            ("pending", "paid"),
            ("pending", "cancelled"),
            ("paid", "processing"),
            ("paid", "cancelled"),
            ("processing", "shipped"),
            ("processing", "cancelled"),
            ("shipped", "delivered"),
        ];
        for from in Status::ALL {
            for to in Status::ALL {
                let life = Life {
                    status: from,
                    ..Life::PLACED
                };
                let legal = drawn.contains(&(from.name(), to.name()));
                match life.step(to) {
                    Ok((after, _)) => {
                        assert!(legal, "{from:?} -> {to:?}");
                        assert_eq!(after.version, 2);
                    }
                    Err(next) => {
                        assert!(!legal, "{from:?} -> {to:?}");
                        assert_eq!(next, from.next());
                    }
                }
            }
        }
    }

    #[test]
    fn stock_goes_back_on_cancel_and_out_on_shipping() {
        let (paid, none) = Life::PLACED.step(Status::Paid).unwrap();
        assert_eq!((paid.payment, none), (PaymentStatus::Paid, None));
        let (cancelled, chore) = paid.step(Status::Cancelled).unwrap();
        assert_eq!(cancelled.payment, PaymentStatus::Paid);
        assert_eq!(chore, Some(StockChore::Release));
        let (processing, _) = paid.step(Status::Processing).unwrap();
        assert_eq!(
            processing.step(Status::Shipped).unwrap().1,
            Some(StockChore::Ship)
        );
    }

    #[test]
    fn names_come_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_name(status.name()), Some(status));
        }
        assert_eq!(Status::from_name("lost"), None);
    }
}
