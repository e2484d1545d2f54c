//! Completed carts go to the database: many in one trip, a moment later. Safe to
//! repeat: a cart that is recorded is not recorded again.

use std::rc::Rc;

use domain::time::rfc3339;
use edge::d1::{Db, Sql};
use edge::{Scope, clock, telemetry};
use serde_json::{Value, json};

use super::Desk;

const BATCH_MAX: i64 = 100;

impl Desk {
    /// Soon, unless it is about to happen anyway. The alarm stands behind it.
    pub(super) fn record_soon(self: &Rc<Self>) {
        if self.recording.replace(true) {
            return;
        }
        let desk = Rc::clone(self);
        self.background(async move {
            clock::pause(desk.gather_ms).await;
            desk.recording.set(false);
            desk.record().await;
            telemetry::flush_soon(&desk.env, &desk.state);
        });
    }

    pub(super) async fn record(&self) {
        loop {
            // Forgets what was recorded before, so that it is not read again.
            if let Err(problem) = self.write_late() {
                telemetry::error("record_failed", &[("reason", &problem.detail)]);
                return;
            }
            let batch = self.rows.unrecorded(BATCH_MAX).unwrap_or_default();
            if batch.is_empty() {
                return;
            }
            let set: Vec<Value> = batch
                .iter()
                .map(|cart| {
                    json!({ "c": cart.cart_id, "u": cart.customer_id, "l": cart.lines,
                            "a": cart.address, "o": cart.order_id, "t": rfc3339(cart.at_ms) })
                })
                .collect();
            let statement = Sql::new(
                "INSERT INTO carts
                   (cart_id, customer_id, status, lines, address, order_id, completed_at)
                 SELECT value ->> 'c', value ->> 'u', 'completed', value ->> 'l', value ->> 'a',
                        value ->> 'o', value ->> 't'
                 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
            )
            .json(&set);
            let written = match Db::open(&self.env, "DB") {
                Ok(db) => {
                    db.batch(&Scope::default(), "carts.record", &[statement])
                        .await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                telemetry::error("record_failed", &[("reason", &format!("{error:?}"))]);
                return;
            }
            let full = i64::try_from(batch.len()).is_ok_and(|count| count >= BATCH_MAX);
            let ids = batch.into_iter().map(|cart| cart.cart_id);
            self.recorded.borrow_mut().extend(ids);
            if !full {
                return;
            }
        }
    }
}
