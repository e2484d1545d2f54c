//! Which list is asked for, and whether the caller may have it.

use contract::{Problem, Role};
use edge::{Incoming, Outcome};
use worker::{Env, Method, Request};

use crate::{orders, placements};

const STAFF: &[Role] = &[Role::Admin, Role::Service];
const ADMIN: &[Role] = &[Role::Admin];

pub async fn serve(mut request: Request, env: &Env) -> Outcome {
    let incoming = Incoming::passed_on(&mut request).await?;
    let path = incoming.path();
    let (Method::Get, ["api", "admin", list @ ..]) = (&incoming.method, path.as_slice()) else {
        return Err(Problem::not_found("route"));
    };
    match list {
        ["placements"] => {
            incoming.actor(ADMIN)?;
            placements::stuck(env, &incoming).await
        }
        ["orders"] => {
            incoming.actor(STAFF)?;
            orders::list(env, &incoming).await
        }
        ["orders.csv"] => {
            incoming.actor(STAFF)?;
            orders::file(env, &incoming).await
        }
        ["orders", "counts"] => {
            incoming.actor(STAFF)?;
            orders::counts(env, &incoming).await
        }
        _ => Err(Problem::not_found("route")),
    }
}
