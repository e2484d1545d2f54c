//! What callers ask of this worker.

use contract::{Problem, Role};
use domain::limits::is_code;
use edge::{Incoming, Outcome};
use worker::{Env, Method, Request};

use crate::{credit, webhooks};

const STAFF: &[Role] = &[Role::Admin, Role::Service];

pub async fn serve(mut request: Request, env: &Env) -> Outcome {
    let incoming = Incoming::passed_on(&mut request).await?;
    let path = incoming.path();
    match (&incoming.method, path.as_slice()) {
        (Method::Post, ["webhooks", "payments"]) => webhooks::deliver(env, &incoming).await,
        (Method::Get, ["credit"]) => {
            let customer = incoming.actor(&[Role::Customer])?.id.clone();
            credit::show(env, &incoming, &customer).await
        }
        (Method::Get, ["api", "admin", "credit-lines", customer]) => {
            incoming.actor(STAFF)?;
            credit::show(env, &incoming, person(customer)?).await
        }
        (Method::Put, ["api", "admin", "credit-lines", customer]) => {
            incoming.actor(STAFF)?;
            credit::put(env, &incoming, person(customer)?).await
        }
        _ => Err(Problem::not_found("route")),
    }
}

fn person(id: &str) -> Result<&str, Problem> {
    if is_code(id) {
        return Ok(id);
    }
    Err(Problem::field("customer_id", "is not an id"))
}
