//! What has become of an order's offers, as the database shows it.

use std::rc::Rc;

use contract::Problem;
use contract::assignment::Routing;
use domain::set::set_of;
use edge::d1::{Db, Sql, rows_of};
use edge::{Incoming, Outcome, http};
use serde_json::{Value, json};
use worker::D1Result;

use super::super::Desk;
use super::names;

/// Lines of one order that are shown. A search that asked more vendors than that shows
/// the latest.
const LINES_MAX: i64 = 2_000;
fn vendor_of(row: &Value) -> Option<&str> {
    row.get("vendorId").and_then(Value::as_str)
}

fn set(row: &mut Value, name: &str, value: Value) {
    if let Some(row) = row.as_object_mut() {
        row.insert(name.into(), value);
    }
}

/// What is kept as text is shown as what it says.
fn parse(row: &mut Value, name: &str) {
    let text = row.get(name).and_then(Value::as_str);
    if let Some(value) =
        text.map(|text| serde_json::from_slice(text.as_bytes()).unwrap_or_default())
    {
        set(row, name, value);
    }
}

async fn read(
    desk: &Desk,
    incoming: &Incoming,
    step: &str,
    statements: &[Sql],
) -> Result<Vec<D1Result>, Problem> {
    let db = Db::open(&desk.env, "DB")?;
    Ok(db.batch(&incoming.scope, step, statements).await?)
}

/// `GET /api/admin/orders/{id}/assignments`: who was asked and why, who was not, and what
/// each did.
pub async fn history(desk: &Rc<Desk>, incoming: &Incoming, routing: &Routing) -> Outcome {
    let of_order = |sql| Sql::new(sql).text(&routing.order_id).int(LINES_MAX);
    let results = read(
        desk,
        incoming,
        "assignments.history",
        &[
            of_order(
                "SELECT id, vendor_id AS vendorId, status, made_at AS madeAt, pushed_at AS pushedAt,
                        responded_at AS respondedAt, expires_at AS expiresAt, meta
                 FROM order_assignments WHERE order_id = ?1 ORDER BY epoch, batch, id LIMIT ?2",
            ),
            of_order(
                "SELECT seq, epoch, type, vendor_id, data, created_at FROM order_events
                 WHERE order_id = ?1 ORDER BY seq LIMIT ?2",
            ),
        ],
    )
    .await?;
    let mut results = results.iter();
    let mut assignments: Vec<Value> = rows_of(results.next())?;
    let mut events: Vec<Value> = rows_of(results.next())?;
    let vendors = set_of(
        assignments
            .iter()
            .filter_map(vendor_of)
            .map(ToOwned::to_owned),
    );
    let names = names(desk, incoming, vendors.into_iter().collect()).await?;
    for row in &mut assignments {
        let name = vendor_of(row).and_then(|vendor| names.get(vendor)).cloned();
        set(row, "storeName", json!(name));
        parse(row, "meta");
    }
    for event in &mut events {
        parse(event, "data");
    }
    http::json(
        200,
        &json!({
            "success": true, "message": "Assignment history retrieved",
            "data": {
                "orderId": routing.order_id, "routing": routing,
                "assignments": assignments, "events": events,
            },
        }),
    )
}

/// `GET /api/routing/{id}/status`
pub async fn status(desk: &Rc<Desk>, incoming: &Incoming, routing: &Routing) -> Outcome {
    let of_routing = |sql| Sql::new(sql).text(&routing.routing_id).int(LINES_MAX);
    let results = read(
        desk,
        incoming,
        "assignments.status",
        &[
            Sql::new(
                "SELECT status, locked_vendor_id, lock_epoch, version FROM vendor_routings
                 WHERE id = ?1",
            )
            .text(&routing.routing_id),
            of_routing(
                "SELECT id, vendor_id AS vendorId, response, outcome, reason,
                        preparation_minutes AS preparationTime, responded_at AS respondedAt
                 FROM vendor_responses WHERE vendor_routing_id = ?1
                 ORDER BY responded_at, id LIMIT ?2",
            ),
            of_routing(
                "SELECT id, vendor_id AS vendorId, reason, cancelled_at AS cancelledAt
                 FROM vendor_cancellations WHERE vendor_routing_id = ?1
                 ORDER BY cancelled_at, id LIMIT ?2",
            ),
        ],
    )
    .await?;
    let mut results = results.iter();
    let guard: Vec<Value> = rows_of(results.next())?;
    let responses: Vec<Value> = rows_of(results.next())?;
    let cancellations: Vec<Value> = rows_of(results.next())?;
    http::json(
        200,
        &json!({
            "success": true, "message": "Routing status retrieved",
            "data": {
                "routingId": routing.routing_id, "orderId": routing.order_id,
                "status": routing.status, "lockedWholesalerId": routing.locked_vendor_id,
                "version": routing.version, "epoch": routing.epoch, "open": routing.vendors,
                "retryAt": routing.retry_at, "responses": responses,
                "cancellations": cancellations, "guard": guard.first(),
            },
        }),
    )
}
