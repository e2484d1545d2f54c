//! From the desk to the database: many orders in one trip, a moment later.
//!
//! Safe to repeat: a row is written only over a lower version, history only when
//! it is not there. What a crash left behind is found by `projected <> version`.

use std::rc::Rc;

use contract::Problem;
use domain::time::rfc3339;
use edge::d1::{Db, Sql};
use edge::{clock, telemetry};
use serde_json::{Value, json};

use super::rows::OrderRow;
use super::{Desk, no_scope};

const BATCH_MAX: i64 = 100;

impl Desk {
    /// Soon, unless it is about to happen anyway. The alarm stands behind it.
    pub(super) fn project_soon(self: &Rc<Self>) {
        if self.projecting.replace(true) {
            return;
        }
        let desk = Rc::clone(self);
        self.background(async move {
            clock::pause(desk.gather_ms).await;
            desk.projecting.set(false);
            desk.project().await;
            telemetry::flush_soon(&desk.env, &desk.state);
        });
    }

    pub(super) async fn project(&self) {
        loop {
            // Marks what was projected before, so that it is not read again.
            if let Err(problem) = self.write_late() {
                telemetry::error("projection_failed", &[("reason", &problem.detail)]);
                return;
            }
            let behind = self.rows.behind(BATCH_MAX).unwrap_or_default();
            if behind.is_empty() {
                return;
            }
            if let Err(problem) = self.project_rows(&behind).await {
                telemetry::error("projection_failed", &[("reason", &problem.detail)]);
                return;
            }
            if i64::try_from(behind.len()).is_ok_and(|count| count < BATCH_MAX) {
                return;
            }
        }
    }

    async fn project_rows(&self, behind: &[OrderRow]) -> Result<(), Problem> {
        let (orders, others): (Vec<&OrderRow>, Vec<&OrderRow>) =
            behind.iter().partition(|row| row.is_order());
        let mut statements = Vec::with_capacity(4);
        if !orders.is_empty() {
            statements.extend(self.order_statements(&orders)?);
        }
        if !others.is_empty() {
            statements.extend(stuck_statements(&others));
        }
        Db::open(&self.env, "DB")?
            .batch(&no_scope(), "orders.project", &statements)
            .await?;
        let versions = behind
            .iter()
            .map(|row| json!({ "i": row.order_id, "v": row.version }));
        self.projected.borrow_mut().extend(versions);
        Ok(())
    }

    fn order_statements(&self, orders: &[&OrderRow]) -> Result<[Sql; 2], Problem> {
        let mut rows = Vec::with_capacity(orders.len());
        let mut history = Vec::new();
        for row in orders {
            rows.push(order_json(row)?);
            for entry in self.rows.history(&row.order_id)? {
                history.push(json!({
                    "h": entry.history_id, "i": row.order_id,
                    "o": entry.old_status.map(domain::lifecycle::Status::name),
                    "n": entry.new_status.name(), "b": entry.changed_by, "r": entry.reason,
                    "t": entry.created_at,
                }));
            }
        }
        Ok([
            Sql::new(WRITE_ORDERS).json(&rows),
            Sql::new(
                "INSERT INTO order_status_history
                   (history_id, order_id, old_status, new_status, changed_by, reason, created_at)
                 SELECT value ->> 'h', value ->> 'i', value ->> 'o', value ->> 'n', value ->> 'b',
                        value ->> 'r', value ->> 't'
                 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
            )
            .json(&history),
        ])
    }
}

/// Shows stuck placements to admins, and takes those from the list that have ended.
fn stuck_statements(placements: &[&OrderRow]) -> [Sql; 2] {
    let (stuck, ended): (Vec<&OrderRow>, Vec<&OrderRow>) =
        placements.iter().partition(|row| row.phase == "stuck");
    let shown: Vec<Value> = stuck
        .iter()
        .map(|row| {
            let cause = row.placement().ok().and_then(|placement| placement.cause);
            json!({ "i": row.order_id, "u": row.customer_id, "c": json!(cause).to_string(),
                    "t": rfc3339(row.updated_ms) })
        })
        .collect();
    let ended: Vec<&str> = ended.iter().map(|row| row.order_id.as_str()).collect();
    [
        Sql::new(
            "INSERT INTO stuck_placements (order_id, customer_id, cause, since)
             SELECT value ->> 'i', value ->> 'u', value ->> 'c', value ->> 't'
             FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
        )
        .json(&shown),
        Sql::new(
            "DELETE FROM stuck_placements WHERE order_id IN (SELECT value FROM json_each(?1))",
        )
        .json(&ended),
    ]
}

const WRITE_ORDERS: &str = "
    INSERT INTO orders
      (order_id, order_number, user_id, cart_id, products, address, delivery_mode, delivery_tier,
       currency, subtotal_minor, delivery_minor, tax_minor, total_minor, status, payment_status,
       estimated_delivery_date, tracking_number, special_instructions, version, created_at, updated_at)
    SELECT value ->> 'i', value ->> 'n', value ->> 'u', value ->> 'c', value ->> 'p', value ->> 'a',
           value ->> 'm', value ->> 't', value ->> 'y', value ->> 's', value ->> 'd', value ->> 'x',
           value ->> 'o', value ->> 'st', value ->> 'ps', value ->> 'e', value ->> 'tn',
           value ->> 'si', value ->> 'v', value ->> 'ca', value ->> 'ua'
    FROM json_each(?1) WHERE true
    ON CONFLICT (order_id) DO UPDATE SET status = excluded.status,
      payment_status = excluded.payment_status, tracking_number = excluded.tracking_number,
      version = excluded.version, updated_at = excluded.updated_at
    WHERE excluded.version > orders.version";

fn order_json(row: &OrderRow) -> Result<Value, Problem> {
    let content = row.content()?;
    let products: Vec<Value> = content
        .lines
        .iter()
        .map(|line| {
            let allocations: Vec<_> = content
                .allocations
                .iter()
                .filter(|allocation| allocation.sku == line.sku)
                .collect();
            json!({
                "sku": line.sku, "product_id": line.product_id, "title": line.title,
                "size": line.size, "price_minor": line.price_minor, "quantity": line.quantity,
                "allocations": allocations,
            })
        })
        .collect();
    Ok(json!({
        "i": row.order_id, "n": row.number, "u": row.customer_id, "c": row.cart_id,
        "p": json!(products).to_string(), "a": json!(content.address).to_string(),
        "m": content.delivery_mode.name(), "t": content.delivery_tier.name(),
        "y": content.currency, "s": content.totals.subtotal_minor,
        "d": content.totals.delivery_minor, "x": content.totals.tax_minor,
        "o": content.totals.total_minor, "st": row.status, "ps": row.payment,
        "e": content.estimated_delivery_date, "tn": row.tracking_number,
        "si": content.special_instructions, "v": row.version,
        "ca": rfc3339(row.created_ms), "ua": rfc3339(row.updated_ms),
    }))
}
