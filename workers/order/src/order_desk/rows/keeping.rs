//! What a desk keeps of its orders beyond them, and for how long: which may be offered to
//! vendors, and which numbers were given.

use contract::Problem;
use domain::ids::desk_uuid;
use domain::limits::DESK_ROWS_TTL_MS;
use edge::sqlite::{int, text};
use serde_json::Value;

use super::Rows;

impl Rows {
    /// Rows that nobody needs any more: placements that were undone, a week after their last
    /// change, and finished, projected orders, when nothing can be brought back any more; both
    /// when nothing is left to be done for them.
    pub fn forget_old(&self, now: i64, keep_finished_ms: i64) -> Result<(), Problem> {
        let before = now.saturating_sub(DESK_ROWS_TTL_MS.min(keep_finished_ms));
        let undone = now.saturating_sub(DESK_ROWS_TTL_MS);
        let finished = now.saturating_sub(keep_finished_ms);
        // What is younger cannot be so long unchanged, and ids tell the age.
        let youngest = desk_uuid(before, 0, [0; 8]);
        let old = "order_id < ?1 AND projected = version
             AND ((phase = 'undone' AND updated_ms < ?2)
                  OR (announced = version AND status IN ('delivered', 'cancelled', 'refunded')
                      AND updated_ms < ?3))
             AND order_id NOT IN (SELECT order_id FROM chores)";
        for statement in [
            format!(
                "DELETE FROM history WHERE order_id IN (SELECT order_id FROM orders WHERE {old})"
            ),
            format!(
                "DELETE FROM amendments WHERE order_id IN (SELECT order_id FROM orders WHERE {old})"
            ),
            format!(
                "DELETE FROM offered WHERE order_id IN (SELECT order_id FROM orders WHERE {old})"
            ),
            format!(
                "DELETE FROM hails WHERE order_id IN (SELECT order_id FROM orders WHERE {old})"
            ),
            format!(
                "INSERT INTO used_numbers (number)
                 SELECT number FROM orders WHERE number IS NOT NULL AND {old}
                 ON CONFLICT DO NOTHING"
            ),
            format!("DELETE FROM orders WHERE {old}"),
        ] {
            let values = vec![text(youngest.as_str()), int(undone), int(finished)];
            self.tables.run(&statement, values)?;
        }
        // A number names its year, and no other year's orders can get it.
        let year = domain::time::year(before);
        let oldest = format!("ORD-{year}");
        self.tables.run(
            "DELETE FROM used_numbers WHERE number < ?1",
            vec![text(oldest)],
        )
    }

    /// From now on vendors may be asked about it.
    pub fn set_offered(&self, order_id: &str) -> Result<(), Problem> {
        self.tables.run(
            "INSERT INTO offered (order_id) VALUES (?1) ON CONFLICT DO NOTHING",
            vec![text(order_id)],
        )
    }

    pub fn is_offered(&self, order_id: &str) -> Result<bool, Problem> {
        let found: Option<Value> = self.tables.first(
            "SELECT 1 AS found FROM offered WHERE order_id = ?1",
            vec![text(order_id)],
        )?;
        Ok(found.is_some())
    }
}
