//! What is still to be done for an order elsewhere, and by when.

use contract::Problem;
use edge::sqlite::{int, text};
use serde::Deserialize;

use super::Rows;

/// What there is to do.
pub mod kind {
    /// Of stock, a shard each.
    pub const RELEASE: &str = "release";
    pub const SHIP: &str = "ship";
    /// Vendors are to be asked.
    pub const START_OFFERS: &str = "start_offers";
    /// Nobody may take it any more.
    pub const END_OFFERS: &str = "end_offers";
    /// Whoever leads the errand has to hear that it is over, before anybody hears of another.
    pub const END_ERRAND: &str = "end_errand";
    /// A driver is wished for.
    pub const HAIL: &str = "hail";
    /// Whoever takes the money has to hear what is due.
    pub const MONEY: &str = "money";
    /// The shopper gets the cart back.
    pub const REOPEN_CART: &str = "reopen_cart";
    /// Stock has to hear of an amendment: with its number behind this.
    pub const AMEND: &str = "amend:";

    /// Whether stock moves, which goes one after the other.
    pub fn is_stock(kind: &str) -> bool {
        [RELEASE, SHIP].contains(&kind) || kind.starts_with(AMEND)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct ChoreRow {
    pub order_id: String,
    pub shard: u16,
    pub kind: String,
    pub version: u32,
    pub attempts: u32,
}

impl Rows {
    /// Asked for once more it is due anew, and what was done of it before does not count.
    pub fn add_chore(
        &self,
        order_id: &str,
        shard: u16,
        kind: &str,
        version: u32,
        due_ms: i64,
    ) -> Result<(), Problem> {
        self.tables.run(
            "INSERT INTO chores (order_id, shard, kind, version, due_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET version = excluded.version, due_ms = excluded.due_ms,
               attempts = 0",
            vec![
                text(order_id),
                int(i64::from(shard)),
                text(kind),
                int(i64::from(version)),
                int(due_ms),
            ],
        )
    }

    pub fn chores_of(&self, order_id: &str) -> Result<Vec<ChoreRow>, Problem> {
        self.tables.rows(
            "SELECT order_id, shard, kind, version, attempts FROM chores WHERE order_id = ?1
             ORDER BY kind LIKE 'amend:%' DESC, shard DESC, kind",
            vec![text(order_id)],
        )
    }

    /// Orders with chores that are due.
    pub fn chores_due(&self, now: i64) -> Result<Vec<String>, Problem> {
        let found: Vec<ChoreRow> = self.tables.rows(
            "SELECT order_id, shard, kind, version, attempts FROM chores WHERE due_ms <= ?1
             ORDER BY due_ms LIMIT 100",
            vec![int(now)],
        )?;
        let mut orders: Vec<String> = found.into_iter().map(|chore| chore.order_id).collect();
        orders.dedup();
        Ok(orders)
    }

    /// Unless it was asked for anew meanwhile.
    pub fn chore_done(&self, chore: &ChoreRow) -> Result<(), Problem> {
        self.tables.run(
            "DELETE FROM chores WHERE order_id = ?1 AND shard = ?2 AND kind = ?3 AND version = ?4",
            vec![
                text(&chore.order_id),
                int(i64::from(chore.shard)),
                text(&chore.kind),
                int(i64::from(chore.version)),
            ],
        )
    }

    pub fn chore_again(&self, chore: &ChoreRow, due_ms: i64) -> Result<(), Problem> {
        self.tables.run(
            "UPDATE chores SET attempts = attempts + 1, due_ms = ?4
             WHERE order_id = ?1 AND shard = ?2 AND kind = ?3",
            vec![
                text(&chore.order_id),
                int(i64::from(chore.shard)),
                text(&chore.kind),
                int(due_ms),
            ],
        )
    }
}
