//! Which list is asked for, and whether the caller may have it.

use contract::{Problem, Role};
use edge::{Incoming, Outcome};
use worker::{Env, Method, Request};

use crate::{newest, notes, orders, placements};

const ANYONE_WITH_ORDERS: &[Role] = &[Role::Customer, Role::Admin, Role::Service];
const STAFF: &[Role] = &[Role::Admin, Role::Service];
const ADMIN: &[Role] = &[Role::Admin];

pub async fn serve(mut request: Request, env: &Env) -> Outcome {
    let incoming = Incoming::passed_on(&mut request).await?;
    match (&incoming.method, incoming.path().as_slice()) {
        (Method::Get, ["orders"]) => {
            let viewer = incoming.actor(ANYONE_WITH_ORDERS)?;
            if viewer.is_staff() {
                return newest::of_all(env, &incoming).await;
            }
            newest::of_customer(env, &incoming, viewer).await
        }
        (Method::Get, ["orders", order, "notes"]) => {
            notes::list(env, &incoming, order, incoming.actor(STAFF)?).await
        }
        (Method::Post, ["orders", order, "notes"]) => {
            notes::add(env, &incoming, order, incoming.actor(STAFF)?).await
        }
        (Method::Get, ["api", "admin", list @ ..]) => of_staff(env, &incoming, list).await,
        _ => Err(Problem::not_found("route")),
    }
}

async fn of_staff(env: &Env, incoming: &Incoming, list: &[&str]) -> Outcome {
    match list {
        ["placements"] => {
            incoming.actor(ADMIN)?;
            placements::stuck(env, incoming).await
        }
        ["orders"] => {
            incoming.actor(STAFF)?;
            orders::list(env, incoming).await
        }
        ["orders.csv"] => {
            incoming.actor(STAFF)?;
            orders::file(env, incoming).await
        }
        ["orders", "counts"] => {
            incoming.actor(STAFF)?;
            orders::counts(env, incoming).await
        }
        _ => Err(Problem::not_found("route")),
    }
}
