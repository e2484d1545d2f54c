//! Stock: rows of what is on the shelf, holds of what orders took, movements of
//! why each counter changed.
//!
//! One desk owns the stock of a shard. It is pure: callers submit operations,
//! [`Desk::step`] says what to read or to commit next, and the answers come out
//! when the commit is known to be durable. What must hold:
//!
//! - a row changes only by compare-and-set on its stock, together with the hold
//!   and the movement that explain the change, all in one atomic batch (I1, I2);
//! - one hold row per (order, warehouse, SKU); each release or shipment carries
//!   a key and counts once; `released + shipped <= quantity` (I3);
//! - an operation takes all its lines or none (I4);
//! - a release of something that was never held leaves a closed, empty hold, so
//!   that a deduction which arrives late is refused.
//!
//! Many operations share one batch, so a desk under load makes few trips, and
//! since it is the only writer, the compare-and-set fails only when somebody
//! changed the database behind its back, or when an answer was lost. Then it
//! reads again and decides again; nothing is guessed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod desk;
mod evaluate;

pub use desk::{Desk, PLENTY, Step};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Row {
    /// On the shelf and free.
    pub stock: i64,
    /// Taken by orders that have not shipped.
    pub held: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hold {
    pub quantity: i64,
    pub released: i64,
    pub shipped: i64,
    /// The keys of the releases and shipments that were counted.
    pub keys: Vec<String>,
}

impl Hold {
    pub fn remaining(&self) -> i64 {
        self.quantity
            .saturating_sub(self.released)
            .saturating_sub(self.shipped)
    }

    fn is_untouched(&self) -> bool {
        self.released == 0 && self.shipped == 0 && self.quantity > 0
    }
}

/// A warehouse and a SKU: what a row of stock is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Place {
    pub warehouse_id: String,
    pub sku: String,
}

/// Holds of one order in this shard.
pub type OrderHolds = BTreeMap<Place, Hold>;
/// Rows of one SKU in this shard, by warehouse.
pub type SkuRows = BTreeMap<String, Row>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeductLine {
    pub place: Place,
    pub quantity: i64,
    /// Refuse at once when the row differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_stock: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreLine {
    pub place: Place,
    /// All that remains, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdjustLine {
    pub place: Place,
    pub delta: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Take every line for an order, or none.
    Deduct {
        order_id: String,
        lines: Vec<DeductLine>,
        /// False while the order may still be undone: until it is settled, others
        /// who lack just these goods may wait for its end.
        settled: bool,
        /// How long to wait for goods that an unfinished order holds.
        wait_until_ms: i64,
        /// Asked before: look for its own holds first.
        repeat: bool,
    },
    /// Give back what an order holds of these lines.
    Restore {
        order_id: String,
        lines: Vec<RestoreLine>,
        key: String,
    },
    /// What an order still holds of these lines has left the house.
    Ship {
        order_id: String,
        lines: Vec<Place>,
        key: String,
    },
    /// Goods came or went for another reason. Creates rows that are missing.
    Adjust {
        lines: Vec<AdjustLine>,
        reason: String,
        key: String,
    },
    /// What there is of these SKUs. A `fresh` look is read from the database after
    /// it arrived: only such a one is good for refusing a buyer.
    Look { skus: Vec<String>, fresh: bool },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineFact {
    pub place: Place,
    pub requested: i64,
    pub available: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRow {
    pub place: Place,
    pub stock: i64,
    pub held: i64,
    /// The part of `held` that belongs to orders not yet settled.
    pub in_flight: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Every line is held, now or since an earlier call.
    Held {
        rows: Vec<SeenRow>,
    },
    /// Some line asks for more than there is.
    Short {
        lines: Vec<LineFact>,
    },
    /// There is no such row.
    Missing {
        places: Vec<Place>,
    },
    /// A row is not what the caller expected; `requested` is what it expected.
    Changed {
        lines: Vec<LineFact>,
    },
    /// A hold of this order was given back, shipped, or is of another quantity.
    Closed,
    /// What this call asked to restore or ship is so, now or since an earlier call.
    Done {
        rows: Vec<SeenRow>,
    },
    /// A restore asks for more than is held, or an adjustment for less than nothing.
    Exceeds {
        lines: Vec<LineFact>,
    },
    Seen {
        rows: Vec<SeenRow>,
    },
    /// The database did not answer; it may or may not have happened.
    Unknown,
}

impl Answer {
    /// Nothing was done, and nothing will be by asking the same again at once.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Short { .. }
            | Self::Missing { .. }
            | Self::Changed { .. }
            | Self::Closed
            | Self::Exceeds { .. } => true,
            Self::Held { .. } | Self::Done { .. } | Self::Seen { .. } | Self::Unknown => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MovementKind {
    Hold,
    Release,
    Ship,
    Adjust,
}

impl MovementKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Ship => "ship",
            Self::Adjust => "adjust",
        }
    }
}

/// Why a counter changed. Unique by kind, cause, key and place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    pub kind: MovementKind,
    /// The order, or the reason of an adjustment.
    pub cause: String,
    pub key: String,
    pub place: Place,
    pub stock_delta: i64,
    pub held_delta: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowWrite {
    pub place: Place,
    /// What the stock must be for the write to happen; `None` creates the row.
    pub old_stock: Option<i64>,
    pub stock: i64,
    pub held_delta: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldWrite {
    pub order_id: String,
    pub place: Place,
    /// `None` creates the hold; else what it must be for the write to happen.
    pub old: Option<(i64, i64)>,
    pub hold: Hold,
}

/// Everything that one atomic batch writes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Batch {
    pub rows: Vec<RowWrite>,
    pub holds: Vec<HoldWrite>,
    pub movements: Vec<Movement>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.holds.is_empty() && self.movements.is_empty()
    }
}

/// What must be read before the taken operations can be decided.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reads {
    pub skus: Vec<String>,
    pub orders: Vec<String>,
    pub adjust_keys: Vec<String>,
}

impl Reads {
    pub fn is_empty(&self) -> bool {
        self.skus.is_empty() && self.orders.is_empty() && self.adjust_keys.is_empty()
    }
}

/// What was read. SKUs and orders that were asked for and have no entry here
/// have no rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    pub rows: BTreeMap<String, SkuRows>,
    pub holds: BTreeMap<String, OrderHolds>,
    /// Those of the asked adjustment keys that were applied before.
    pub applied_keys: Vec<String>,
}

#[cfg(test)]
mod tests;
