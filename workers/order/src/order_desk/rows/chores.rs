//! What is still to be done for an order elsewhere, and by when.

use contract::Problem;
use edge::sqlite::{int, rows, run, text};
use serde::Deserialize;

use super::{Rows, broken};

#[derive(Debug, Clone, Deserialize)]
pub struct ChoreRow {
    pub order_id: String,
    pub shard: u16,
    pub kind: String,
    pub attempts: u32,
}

impl Rows {
    pub fn add_chore(
        &self,
        order_id: &str,
        shard: u16,
        kind: &str,
        due_ms: i64,
    ) -> Result<(), Problem> {
        run(
            self.sql()?,
            "INSERT INTO chores (order_id, shard, kind, due_ms) VALUES (?1, ?2, ?3, ?4)",
            vec![
                text(order_id),
                int(i64::from(shard)),
                text(kind),
                int(due_ms),
            ],
        )
        .map_err(broken)
    }

    pub fn chores_of(&self, order_id: &str) -> Result<Vec<ChoreRow>, Problem> {
        rows(
            self.sql()?,
            "SELECT order_id, shard, kind, attempts FROM chores WHERE order_id = ?1
             ORDER BY shard DESC",
            vec![text(order_id)],
        )
        .map_err(broken)
    }

    /// Orders with chores that are due.
    pub fn chores_due(&self, now: i64) -> Result<Vec<String>, Problem> {
        let found: Vec<ChoreRow> = rows(
            self.sql()?,
            "SELECT order_id, shard, kind, attempts FROM chores WHERE due_ms <= ?1
             ORDER BY due_ms LIMIT 100",
            vec![int(now)],
        )
        .map_err(broken)?;
        let mut orders: Vec<String> = found.into_iter().map(|chore| chore.order_id).collect();
        orders.dedup();
        Ok(orders)
    }

    pub fn chore_done(&self, chore: &ChoreRow) -> Result<(), Problem> {
        run(
            self.sql()?,
            "DELETE FROM chores WHERE order_id = ?1 AND shard = ?2 AND kind = ?3",
            vec![
                text(&chore.order_id),
                int(i64::from(chore.shard)),
                text(&chore.kind),
            ],
        )
        .map_err(broken)
    }

    pub fn chore_again(&self, chore: &ChoreRow, due_ms: i64) -> Result<(), Problem> {
        run(
            self.sql()?,
            "UPDATE chores SET attempts = attempts + 1, due_ms = ?4
             WHERE order_id = ?1 AND shard = ?2 AND kind = ?3",
            vec![
                text(&chore.order_id),
                int(i64::from(chore.shard)),
                text(&chore.kind),
                int(due_ms),
            ],
        )
        .map_err(broken)
    }
}
