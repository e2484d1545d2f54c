//! What drivers ask of their desk, by HTTP and by socket: coming and going, what they have,
//! and what they do with it.

use std::rc::Rc;

use contract::dispatch::{
    CELL_DESK, Cursor, DeliverInput, DriverAccepts, DriverCollects, DriverDelivers, DriverDone,
    DriverHistory, DriverOrder, DriverOrders, DriverRejects, DriverSays, PastOrder, ShiftInput,
    ShiftView, cell_desk_name,
};
use contract::{Problem, Role};
use domain::shift::Progress;
use domain::time::{from_rfc3339, rfc3339};
use edge::call::{To, call};
use edge::{Incoming, Outcome, Scope, clock, faults, http, json};
use serde_json::Value;
use worker::Method;

use super::Desk;
use super::rows::{DriverRow, Ended};
use crate::directory;

pub(super) async fn serve(desk: &Rc<Desk>, incoming: &Incoming) -> Outcome {
    let driver = incoming.actor(&[Role::Driver])?.id.clone();
    desk.heard_of(&driver);
    let path = incoming.path();
    let ["api", "driver", rest @ ..] = path.as_slice() else {
        return Err(Problem::not_found("route"));
    };
    let scope = &incoming.scope;
    match (&incoming.method, rest) {
        (Method::Get, ["availability"]) => http::json(200, &view(&known(desk, &driver)?)),
        (Method::Put, ["availability"]) => {
            let view = turn(desk, scope, &driver, &incoming.json()?).await?;
            http::json(200, &view)
        }
        (Method::Get, ["orders"]) => http::json(200, &active(desk, &driver)?),
        (Method::Get, ["history"]) => history(desk, incoming, &driver),
        (Method::Post, ["orders", order, what]) => {
            let proof = match *what {
                "delivered" => Some(incoming.json::<DeliverInput>()?.proof()?),
                _ => None,
            };
            let done = answer(desk, scope, &driver, order, what, proof).await?;
            http::json(200, &done)
        }
        _ => Err(Problem::not_found("route")),
    }
}

/// What came over the driver's socket, to the same ends.
pub(super) async fn say(
    desk: &Rc<Desk>,
    scope: &Scope,
    says: DriverSays,
) -> Result<Value, Problem> {
    let driver = says.driver;
    desk.heard_of(&driver);
    let body = json::text(&says.body);
    let answered = match (says.what.as_str(), &says.order) {
        ("availability", _) => {
            let input: ShiftInput = json::parse(body.as_bytes())?;
            serde_json::to_value(turn(desk, scope, &driver, &input).await?)
        }
        ("orders", _) => serde_json::to_value(active(desk, &driver)?),
        (what, Some(order)) => {
            let proof = match what {
                "delivered" => {
                    let input: DeliverInput = json::parse(body.as_bytes())?;
                    Some(input.proof()?)
                }
                _ => None,
            };
            serde_json::to_value(answer(desk, scope, &driver, order, what, proof).await?)
        }
        (_, None) => return Err(Problem::field("orderId", "say which order")),
    };
    answered.map_err(|error| http::internal(error.into()))
}

fn known(desk: &Desk, driver: &str) -> Result<DriverRow, Problem> {
    desk.rows.driver_or_new(driver, clock::now_ms())
}

fn view(row: &DriverRow) -> ShiftView {
    ShiftView {
        driver_id: row.driver_id.clone(),
        available: row.shift.is_on,
        until: row.shift.ends_ms.map(rfc3339),
        capacity: row.shift.capacity,
        orders: row.shift.claims.len(),
    }
}

/// A driver comes or goes. Whoever comes has to be registered, and brings the capacity that
/// the directory says. Safe to repeat: it says how it is to be, and a driver who goes twice
/// gives back nothing twice.
async fn turn(
    desk: &Rc<Desk>,
    scope: &Scope,
    driver: &str,
    input: &ShiftInput,
) -> Result<ShiftView, Problem> {
    let ends_ms = match &input.until {
        None => None,
        Some(text) => {
            let at = from_rfc3339(text).filter(|at| *at > clock::now_ms());
            Some(at.ok_or_else(|| Problem::field("until", "must be a time to come"))?)
        }
    };
    let capacity = if input.available {
        let capacity = directory::capacity_of(&desk.env, scope, driver).await?;
        Some(capacity.ok_or_else(|| Problem::not_found("driver"))?)
    } else {
        None
    };
    faults::before(scope, "driver.shift")?;
    let now = clock::now_ms();
    let mut row = desk.rows.driver_or_new(driver, now)?;
    if let Some(capacity) = capacity {
        row.shift.capacity = capacity;
        (row.seen_ms, row.is_doubted) = (now, false);
        desk.seen.borrow_mut().insert(driver.to_owned(), now);
    }
    desk.turn(scope, &mut row, input.available, ends_ms).await?;
    Ok(view(&known(desk, driver)?))
}

fn active(desk: &Desk, driver: &str) -> Result<DriverOrders, Problem> {
    let row = known(desk, driver)?;
    let mut orders = Vec::with_capacity(row.shift.claims.len());
    for (order_id, claim) in &row.shift.claims {
        if let Some(order) = desk.rows.order(driver, order_id)? {
            orders.push(DriverOrder {
                progress: claim.progress,
                expires_at: order
                    .expires_at
                    .filter(|_| claim.progress == Progress::Offered),
                ..order
            });
        }
    }
    Ok(DriverOrders { orders })
}

fn history(desk: &Desk, incoming: &Incoming, driver: &str) -> Outcome {
    let limit = incoming.limit(20, 100)?;
    let cursor = incoming.query.get("cursor");
    let before = cursor.map(|text| Cursor::read(text)).transpose()?;
    let mut ended = desk.rows.ended(driver, before, limit.saturating_add(1))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = ended.len() > limit;
    ended.truncate(limit);
    let next_cursor = ended.last().filter(|_| more).map(|last| {
        let (at_ms, id) = (last.at_ms, last.order_id.as_str());
        Cursor { at_ms, id }.write()
    });
    let orders = ended.iter().filter_map(past).collect();
    http::json(
        200,
        &DriverHistory {
            orders,
            next_cursor,
        },
    )
}

fn past(ended: &Ended) -> Option<PastOrder> {
    let order: DriverOrder = serde_json::from_slice(ended.doc.as_bytes()).ok()?;
    Some(PastOrder {
        order_id: ended.order_id.clone(),
        order_number: order.order_number,
        outcome: ended.why.clone(),
        ended_at: rfc3339(ended.at_ms),
    })
}

/// What a driver does with an order is decided where its errand is led. One that the driver
/// neither has nor had is as unknown as any. Safe to repeat: who has done it gets the same
/// answer.
async fn answer(
    desk: &Rc<Desk>,
    scope: &Scope,
    driver: &str,
    order: &str,
    what: &str,
    proof: Option<String>,
) -> Result<DriverDone, Problem> {
    let row = known(desk, driver)?;
    let Some((order_id, cell)) = desk.rows.cell_of(&row, order)? else {
        return Err(Problem::not_found("order"));
    };
    let done = DriverDone {
        success: true,
        order_id: order_id.clone(),
        done: what.to_owned(),
    };
    let name = cell_desk_name(&cell);
    let to = To::Object(CELL_DESK, &name);
    let (env, driver) = (&desk.env, driver.to_owned());
    let answered = match (what, proof) {
        ("accept", _) => call(env, scope, to, DriverAccepts { order_id, driver }).await,
        ("reject", _) => call(env, scope, to, DriverRejects { order_id, driver }).await,
        ("picked-up", _) => call(env, scope, to, DriverCollects { order_id, driver }).await,
        ("delivered", Some(proof)) => {
            let deliver = DriverDelivers {
                order_id,
                driver,
                proof,
            };
            call(env, scope, to, deliver).await
        }
        _ => return Err(Problem::not_found("route")),
    };
    answered.map_err(|error| error.into_problem("errand"))?;
    Ok(done)
}
