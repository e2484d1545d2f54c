//! What has become of offers, as the database shows it: to admins for an order, to vendors
//! for themselves.

use std::collections::{BTreeMap, BTreeSet};

use contract::assignment::Routing;
use contract::offers::OfferPage;
use contract::order::{OpenOffers, desk_name};
use contract::{Problem, Role};
use domain::ids::desk_of;
use domain::time::rfc3339;
use edge::call::call;
use edge::d1::{Db, Sql, rows_of};
use edge::{Incoming, Outcome, clock, http};
use futures::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use worker::{D1Result, Env};

use super::names;
use crate::routes;

/// Lines of one order that are shown. A search that asked more vendors than that shows
/// the latest.
const LINES_MAX: i64 = 2_000;
/// Offers that a vendor can have open at once, as far as it is shown.
const OPEN_MAX: i64 = 50;

#[derive(Deserialize)]
struct AssignmentRow {
    id: String,
    vendor_id: String,
    status: String,
    made_at: String,
    pushed_at: Option<String>,
    responded_at: Option<String>,
    expires_at: String,
    meta: String,
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

async fn read(
    env: &Env,
    incoming: &Incoming,
    step: &str,
    statements: &[Sql],
) -> Result<Vec<D1Result>, Problem> {
    let db = Db::open(env, "DB")?;
    Ok(db.batch(&incoming.scope, step, statements).await?)
}

/// `GET /api/admin/orders/{id}/assignments`: who was asked and why, who was not, and what
/// each did.
pub async fn history(env: &Env, incoming: &Incoming, routing: &Routing) -> Outcome {
    let of_order = |sql| Sql::new(sql).text(&routing.order_id).int(LINES_MAX);
    let results = read(
        env,
        incoming,
        "assignments.history",
        &[
            of_order(
                "SELECT id, vendor_id, status, made_at, pushed_at, responded_at, expires_at, meta
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
    let rows: Vec<AssignmentRow> = rows_of(results.next())?;
    let mut events: Vec<Value> = rows_of(results.next())?;
    for event in &mut events {
        let data = event.get("data").and_then(Value::as_str).map(parsed);
        if let (Some(event), Some(data)) = (event.as_object_mut(), data) {
            event.insert("data".into(), data);
        }
    }
    let vendors: BTreeSet<String> = rows.iter().map(|row| row.vendor_id.clone()).collect();
    let names = names(env, incoming, vendors.into_iter().collect()).await?;
    let assignments: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "id": row.id, "vendorId": row.vendor_id, "storeName": names.get(&row.vendor_id),
                "status": row.status, "madeAt": row.made_at, "pushedAt": row.pushed_at,
                "respondedAt": row.responded_at, "expiresAt": row.expires_at,
                "meta": parsed(&row.meta),
            })
        })
        .collect();
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
pub async fn status(env: &Env, incoming: &Incoming, routing: &Routing) -> Outcome {
    let of_routing = |sql| Sql::new(sql).text(&routing.routing_id).int(LINES_MAX);
    let results = read(
        env,
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

#[derive(Deserialize)]
struct OrderOf {
    order_id: String,
}

/// `GET /api/vendor/offers`: what the vendor of the token is asked now. The database may
/// lag, so the desks of those orders have the last word.
pub async fn offers(env: &Env, incoming: &Incoming) -> Outcome {
    let vendor = incoming.actor(&[Role::Vendor])?.id.clone();
    let open = Sql::new(
        "SELECT order_id FROM order_assignments
         WHERE vendor_id = ?1 AND status = 'PUSHED' AND expires_at > ?2
         ORDER BY expires_at LIMIT ?3",
    );
    let open = open
        .text(&vendor)
        .text(&rfc3339(clock::now_ms()))
        .int(OPEN_MAX);
    let rows: Vec<OrderOf> = Db::open(env, "DB")?
        .rows(&incoming.scope, "assignments.open", open)
        .await?;
    let mut by_desk: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        if let Some(desk) = desk_of(&row.order_id) {
            let of_desk = by_desk.entry(desk_name(desk)).or_default();
            of_desk.push(row.order_id);
        }
    }
    let asked = by_desk.into_iter().map(|(name, orders)| {
        let ask = OpenOffers {
            orders,
            vendor: vendor.clone(),
        };
        async move { call(env, &incoming.scope, routes::desk(&name), ask).await }
    });
    let mut offers = Vec::new();
    for found in join_all(asked).await {
        offers.extend(found.map_err(|error| error.into_problem("assignments.open"))?);
    }
    offers.sort_by(|a, b| a.expires_at.cmp(&b.expires_at));
    http::json(200, &OfferPage { offers })
}
