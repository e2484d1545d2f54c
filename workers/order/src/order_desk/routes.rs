//! What callers ask of one order. They come as the gateway got them, to the desk that has the
//! order: a worker in between would only pass them on.

use std::rc::Rc;

use contract::dispatch::AssignDriverInput;
use contract::order::asked::{CancelInput, StatusInput};
use contract::{Actor, Problem, Role, code};
use domain::lifecycle::Status;
use domain::limits::{TEXT_MAX, fits};
use edge::{Incoming, Outcome, http};
use worker::Method;

use super::Desk;
use super::life::Change;
use crate::stored;

mod amending;

const ANYONE_WITH_ORDERS: &[Role] = &[Role::Customer, Role::Admin, Role::Service];
/// Vendors move the orders that they have, along their own edges.
const WHO_MOVES_ORDERS: &[Role] = &[Role::Vendor, Role::Admin, Role::Service];
/// A vendor sees the orders that it has.
const ANYONE_WITH_AN_ORDER: &[Role] = &[Role::Customer, Role::Vendor, Role::Admin, Role::Service];
const STAFF: &[Role] = &[Role::Admin, Role::Service];
const ADMIN: &[Role] = &[Role::Admin];

pub(super) async fn serve(desk: &Rc<Desk>, incoming: &Incoming) -> Outcome {
    match (&incoming.method, incoming.path().as_slice()) {
        (Method::Get, ["orders", order]) => get(desk, incoming, order).await,
        (Method::Post, ["orders", order, "cancel"]) => cancel(desk, incoming, order).await,
        (Method::Post, ["orders", order, "lines", "cancel"]) => {
            amending::cancel_lines(desk, incoming, order).await
        }
        (Method::Post, ["orders", order, "returns"]) => {
            amending::take_back(desk, incoming, order).await
        }
        (Method::Post, ["orders", order, "refunds"]) => {
            amending::refund(desk, incoming, order).await
        }
        (Method::Get, ["orders", order, "tracking"]) => {
            let viewer = incoming.actor(ANYONE_WITH_AN_ORDER)?;
            http::json(200, &desk.track(&incoming.scope, order, viewer).await?)
        }
        (Method::Patch, ["api", "v1", "orders", order, "status"]) => {
            set_status(desk, incoming, order).await
        }
        (Method::Post, ["api", "admin", "orders", order, "assign-driver"]) => {
            let actor = incoming.actor(ADMIN)?;
            let input: AssignDriverInput = incoming.json()?;
            let scope = &incoming.scope;
            let row = desk
                .assign_driver(scope, order, input.driver_id, actor)
                .await?;
            http::json(200, &desk.view(scope, row, actor).await?)
        }
        (Method::Post, ["api", "admin", "placements", order, "retry"]) => {
            incoming.actor(ADMIN)?;
            let reply = desk.retry(incoming.scope.clone(), order).await?;
            http::json(200, &reply)
        }
        (Method::Get, ["api", "admin", "desks", "order", _, "export"]) => {
            incoming.actor(ADMIN)?;
            let after = incoming.query.get("after").map_or("", String::as_str);
            http::json(200, &desk.rows.export(after)?)
        }
        _ => Err(Problem::not_found("route")),
    }
}

/// An order that its desk no longer keeps is looked up in the database.
async fn get(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let viewer = incoming.actor(ANYONE_WITH_AN_ORDER)?;
    match desk.get(&incoming.scope, order, viewer).await {
        Ok(view) => http::json(200, &view),
        Err(problem) if problem.is(code::NOT_FOUND) => {
            stored::view(&desk.env, incoming, order, viewer).await
        }
        Err(problem) => Err(problem),
    }
}

async fn cancel(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let actor = incoming.actor(ANYONE_WITH_ORDERS)?;
    let input: CancelInput = incoming.json()?;
    let change = Change {
        to: Status::Cancelled,
        reason: text("reason", input.reason)?,
        tracking_number: None,
        carrier: None,
    };
    moved(desk, incoming, order, actor, &change).await
}

async fn set_status(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let actor = incoming.actor(WHO_MOVES_ORDERS)?;
    let input: StatusInput = incoming.json()?;
    let to = Status::from_name(&input.status).ok_or_else(|| {
        let names: Vec<&str> = Status::ALL.iter().map(|status| status.name()).collect();
        Problem::field("status", &format!("must be one of {}", names.join(", ")))
    })?;
    let change = Change {
        to,
        reason: text("reason", input.reason)?,
        tracking_number: text("tracking_number", input.tracking_number)?,
        carrier: text("carrier", input.carrier)?,
    };
    moved(desk, incoming, order, actor, &change).await
}

async fn moved(
    desk: &Rc<Desk>,
    incoming: &Incoming,
    order: &str,
    actor: &Actor,
    change: &Change,
) -> Outcome {
    let view = desk
        .move_order(&incoming.scope, order, actor, change)
        .await?;
    http::json(200, &view)
}

fn text(field: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    if text.as_ref().is_some_and(|text| !fits(text, TEXT_MAX)) {
        return Err(Problem::field(
            field,
            "must be at most 1000 characters long",
        ));
    }
    Ok(text)
}
