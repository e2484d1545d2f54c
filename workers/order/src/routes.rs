//! Which request goes where, and which desk an order belongs to.

use contract::order::{
    CancelInput, ExportOrders, GetOrder, MoveOrder, ORDER_DESK, RetryPlacement, StatusInput,
    desk_name,
};
use contract::{Actor, Command, Problem, Role, code};
use domain::ids::{DESKS_MAX, desk_of, shard_of};
use domain::lifecycle::Status;
use domain::limits::{TEXT_MAX, fits};
use edge::call::{To, call};
use edge::{CallError, Incoming, Outcome, config, http};
use worker::{Env, Method, Request};

use crate::lists;

/// The desk object of that name.
pub fn desk(name: &str) -> To<'_> {
    To::Object(ORDER_DESK, name)
}

/// Where a customer's new orders go.
pub fn desk_of_customer(env: &Env, customer_id: &str) -> u16 {
    let desks = config::number(env, "ORDER_DESKS", 64_u16).clamp(1, DESKS_MAX);
    shard_of(customer_id, desks)
}

pub async fn serve(mut request: Request, env: &Env) -> Outcome {
    let incoming = Incoming::passed_on(&mut request).await?;
    route(env, &incoming).await
}

const ANYONE_WITH_ORDERS: &[Role] = &[Role::Customer, Role::Admin, Role::Service];
/// Vendors move the orders that they have, along their own edges.
const WHO_MOVES_ORDERS: &[Role] = &[Role::Vendor, Role::Admin, Role::Service];
/// A vendor sees the orders that it has.
const ANYONE_WITH_AN_ORDER: &[Role] = &[Role::Customer, Role::Vendor, Role::Admin, Role::Service];
const ADMIN: &[Role] = &[Role::Admin];

async fn route(env: &Env, incoming: &Incoming) -> Outcome {
    match (&incoming.method, incoming.path().as_slice()) {
        (Method::Get, ["orders"]) => {
            let viewer = incoming.actor(ANYONE_WITH_ORDERS)?;
            if viewer.is_staff() {
                return lists::of_all(env, incoming).await;
            }
            lists::of_customer(env, incoming, viewer).await
        }
        (Method::Get, ["orders", order]) => get(env, incoming, order).await,
        (Method::Post, ["orders", order, "cancel"]) => cancel(env, incoming, order).await,
        (Method::Patch, ["api", "v1", "orders", order, "status"]) => {
            set_status(env, incoming, order).await
        }
        (Method::Get, ["api", "admin", "placements"]) => {
            incoming.actor(ADMIN)?;
            lists::stuck(env, incoming).await
        }
        (Method::Post, ["api", "admin", "placements", order, "retry"]) => {
            incoming.actor(ADMIN)?;
            let command = RetryPlacement {
                order_id: (*order).to_owned(),
            };
            answer(env, incoming, order, "placement", command).await
        }
        (Method::Get, ["api", "admin", "desks", "order", number, "export"]) => {
            incoming.actor(ADMIN)?;
            let number: u16 = number
                .parse()
                .ok()
                .filter(|number| *number < DESKS_MAX)
                .ok_or_else(|| Problem::not_found("desk"))?;
            let after = incoming.query.get("after").cloned().unwrap_or_default();
            let export = ExportOrders { after };
            let page = call(env, &incoming.scope, desk(&desk_name(number)), export)
                .await
                .map_err(|error| error.into_problem("order.export"))?;
            http::json(200, &page)
        }
        _ => Err(Problem::not_found("route")),
    }
}

/// Asks the desk of an order, named by id or number, and answers what it says.
async fn answer<C>(env: &Env, incoming: &Incoming, order: &str, what: &str, command: C) -> Outcome
where
    C: Command,
    C::Reply: serde::Serialize,
{
    let number = desk_of(order)
        .filter(|number| *number < DESKS_MAX)
        .ok_or_else(|| Problem::not_found(what))?;
    let reply = call(env, &incoming.scope, desk(&desk_name(number)), command)
        .await
        .map_err(|error| error.into_problem("order.desk"))?;
    http::json(200, &reply)
}

async fn get(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let viewer = incoming.actor(ANYONE_WITH_AN_ORDER)?;
    let number = desk_of(order)
        .filter(|number| *number < DESKS_MAX)
        .ok_or_else(|| Problem::not_found("order"))?;
    let command = GetOrder {
        order: order.to_owned(),
        viewer: viewer.clone(),
    };
    match call(env, &incoming.scope, desk(&desk_name(number)), command).await {
        Ok(view) => http::json(200, &view),
        Err(CallError::Refused(problem)) if problem.is(code::NOT_FOUND) => {
            lists::stored(env, incoming, order, viewer).await
        }
        Err(error) => Err(error.into_problem("order.get")),
    }
}

async fn cancel(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let actor = incoming.actor(ANYONE_WITH_ORDERS)?.clone();
    let input: CancelInput = incoming.json()?;
    let change = change(order, actor, Status::Cancelled, input.reason, None)?;
    answer(env, incoming, order, "order", change).await
}

async fn set_status(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let actor = incoming.actor(WHO_MOVES_ORDERS)?.clone();
    let input: StatusInput = incoming.json()?;
    let to = Status::from_name(&input.status).ok_or_else(|| {
        let names: Vec<&str> = Status::ALL.iter().map(|status| status.name()).collect();
        Problem::field("status", &format!("must be one of {}", names.join(", ")))
    })?;
    let change = change(order, actor, to, input.reason, input.tracking_number)?;
    answer(env, incoming, order, "order", change).await
}

fn change(
    order: &str,
    actor: Actor,
    to: Status,
    reason: Option<String>,
    tracking_number: Option<String>,
) -> Result<MoveOrder, Problem> {
    for (field, text) in [("reason", &reason), ("tracking_number", &tracking_number)] {
        if text.as_ref().is_some_and(|text| !fits(text, TEXT_MAX)) {
            return Err(Problem::field(
                field,
                "must be at most 1000 characters long",
            ));
        }
    }
    Ok(MoveOrder {
        order: order.to_owned(),
        actor,
        to,
        reason,
        tracking_number,
    })
}
