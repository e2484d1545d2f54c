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

/// Changes gather for this long, so that a busy desk shares its trips.
const GATHER_MS: i64 = 1_000;
const BATCH_MAX: i64 = 100;

impl Desk {
    /// Soon, unless it is about to happen anyway. The alarm stands behind it.
    pub(super) fn project_soon(self: &Rc<Self>) {
        if self.projecting.replace(true) {
            return;
        }
        let desk = Rc::clone(self);
        self.background(async move {
            clock::pause(GATHER_MS).await;
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
        let mut orders = Vec::with_capacity(behind.len());
        let mut history = Vec::new();
        for row in behind {
            orders.push(order_json(row)?);
            for entry in self.rows.history(&row.order_id)? {
                history.push(json!({
                    "h": entry.history_id, "i": row.order_id,
                    "o": entry.old_status.map(domain::lifecycle::Status::name),
                    "n": entry.new_status.name(), "b": entry.changed_by, "r": entry.reason,
                    "t": entry.created_at,
                }));
            }
        }
        let statements = [
            Sql::new(WRITE_ORDERS).json(&orders),
            Sql::new(
                "INSERT INTO order_status_history
                   (history_id, order_id, old_status, new_status, changed_by, reason, created_at)
                 SELECT value ->> 'h', value ->> 'i', value ->> 'o', value ->> 'n', value ->> 'b',
                        value ->> 'r', value ->> 't'
                 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
            )
            .json(&history),
        ];
        Db::open(&self.env, "DB")?
            .batch(&no_scope(), "orders.project", &statements)
            .await?;
        let versions = behind
            .iter()
            .map(|row| json!({ "i": row.order_id, "v": row.version }));
        self.projected.borrow_mut().extend(versions);
        Ok(())
    }

    /// Shows a stuck placement to admins, or takes it from the list.
    pub(super) async fn project_stuck(&self, order_id: &str) {
        let Ok(Some(row)) = self.rows.order(order_id) else {
            return;
        };
        let statement = if row.phase == "stuck" {
            let cause = row.placement().ok().and_then(|placement| placement.cause);
            Sql::new(
                "INSERT INTO stuck_placements (order_id, customer_id, cause, since)
                 VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            )
            .text(order_id)
            .text(&row.customer_id)
            .text(&json!(cause).to_string())
            .text(&rfc3339(row.updated_ms))
        } else {
            Sql::new("DELETE FROM stuck_placements WHERE order_id = ?1").text(order_id)
        };
        let written = match Db::open(&self.env, "DB") {
            Ok(db) => db.batch(&no_scope(), "orders.stuck", &[statement]).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            telemetry::error("stuck_not_shown", &[("reason", &format!("{error:?}"))]);
        }
    }
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
