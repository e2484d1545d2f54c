//! What is about many orders, and so about many desks: a vendor's open offers, and the
//! orders that nobody took. Also the export of a desk. Requests about one order go from the
//! gateway to its desk.

use std::collections::BTreeMap;

use contract::assignment::{ExportOffers, OFFER_DESK, OpenOffers, offer_desk_name};
use contract::offers::OfferPage;
use contract::offers::shown::{FailedPage, FailedRouting};
use contract::{Problem, Role};
use domain::ids::{DESKS_MAX, desk_of};
use domain::time::rfc3339;
use edge::call::{To, call};
use edge::d1::{Db, Sql};
use edge::{Incoming, Outcome, clock, http};
use futures::future::join_all;
use serde::Deserialize;
use serde_json::Value;
use worker::{Env, Method, Request};

/// Offers that a vendor can have open at once, as far as it is shown.
const OPEN_MAX: i64 = 50;

pub async fn serve(mut request: Request, env: &Env) -> Outcome {
    let incoming = Incoming::passed_on(&mut request).await?;
    match (&incoming.method, incoming.path().as_slice()) {
        (Method::Get, ["api", "vendor", "offers"]) => offers(env, &incoming).await,
        (Method::Get, ["api", "admin", "routings"]) => failed(env, &incoming).await,
        (Method::Get, ["api", "admin", "desks", "offers", number, "export"]) => {
            export(env, &incoming, number).await
        }
        _ => Err(Problem::not_found("route")),
    }
}

/// `GET /api/admin/routings?status=FAILED`: orders that nobody took, the latest first, for
/// somebody to look at. What has just failed follows within moments, and is heard live.
async fn failed(env: &Env, incoming: &Incoming) -> Outcome {
    incoming.actor(&[Role::Admin])?;
    if incoming.query.get("status").map(String::as_str) != Some("FAILED") {
        return Err(Problem::field("status", "must be FAILED"));
    }
    let limit = incoming.limit(20, 100)?;
    let cursor = incoming.query.get("cursor").map_or("~", String::as_str);
    let (before, id) = cursor.split_once('_').unwrap_or((cursor, ""));
    let found = Sql::new(
        "SELECT id AS routingId, order_id AS orderId, strategy, status, lock_epoch AS epoch,
                updated_at AS updatedAt
         FROM vendor_routings WHERE status = 'FAILED' AND (updated_at, id) < (?1, ?2)
         ORDER BY updated_at DESC, id DESC LIMIT ?3",
    );
    let found = found.text(before).text(id).int(i64::from(limit));
    let routings: Vec<FailedRouting> = Db::open(env, "DB")?
        .rows(&incoming.scope, "assignments.failed", found)
        .await?;
    let is_full = u32::try_from(routings.len()).is_ok_and(|count| count >= limit);
    let last = routings.last().filter(|_| is_full);
    let next_cursor = last.map(|one| format!("{}_{}", one.updated_at, one.routing_id));
    let page = FailedPage {
        routings,
        next_cursor,
    };
    http::json(200, &page)
}

async fn export(env: &Env, incoming: &Incoming, number: &str) -> Outcome {
    incoming.actor(&[Role::Admin])?;
    let number = number.parse().ok().filter(|number| *number < DESKS_MAX);
    let name = offer_desk_name(number.ok_or_else(|| Problem::not_found("desk"))?);
    let after = incoming.query.get("after").cloned().unwrap_or_default();
    let to = To::Object(OFFER_DESK, &name);
    let page = call(env, &incoming.scope, to, ExportOffers { after })
        .await
        .map_err(|error| error.into_problem("assignment.export"))?;
    http::json(200, &page)
}

#[derive(Deserialize)]
struct OrderOf {
    order_id: String,
}

/// `GET /api/vendor/offers`: what the vendor of the token is asked now. The database may
/// lag, so the desks of those orders have the last word.
async fn offers(env: &Env, incoming: &Incoming) -> Outcome {
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
            let of_desk = by_desk.entry(offer_desk_name(desk)).or_default();
            of_desk.push(row.order_id);
        }
    }
    let asked = by_desk.into_iter().map(|(name, orders)| {
        let ask = OpenOffers {
            orders,
            vendor: vendor.clone(),
        };
        async move {
            let to = To::Object(OFFER_DESK, &name);
            call(env, &incoming.scope, to, ask).await
        }
    });
    let mut offers = Vec::new();
    for found in join_all(asked).await {
        offers.extend(found.map_err(|error| error.into_problem("assignments.open"))?);
    }
    offers.sort_unstable_by(|a, b| expiry(a).cmp(&expiry(b)));
    http::json(200, &OfferPage { offers })
}

fn expiry(offer: &Value) -> Option<&str> {
    offer.get("expiresAt").and_then(Value::as_str)
}
