//! Lists of orders, and which desk a customer's orders are at. Requests about one order go to
//! its desk.

use contract::order::ORDER_DESK;
use contract::{Problem, Role};
use domain::ids::{DESKS_MAX, shard_of};
use edge::call::To;
use edge::{Incoming, Outcome, config};
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
    match (&incoming.method, incoming.path().as_slice()) {
        (Method::Get, ["orders"]) => {
            let viewer = incoming.actor(&[Role::Customer, Role::Admin, Role::Service])?;
            if viewer.is_staff() {
                return lists::of_all(env, &incoming).await;
            }
            lists::of_customer(env, &incoming, viewer).await
        }
        _ => Err(Problem::not_found("route")),
    }
}
