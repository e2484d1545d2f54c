//! Which request goes where.
//!
//! What is about many sendings is read from the database; what is about one goes to the desk
//! that its id names, which has it first.

use contract::notices::{
    AtNotices, DeliveryDetail, GetSending, NOTICE_DESK, PingEndpoint, ReplaySending, SendingStands,
    WebhookChange, WebhookInput, notice_desk_name, notice_desk_of,
};
use contract::{Command, Problem, Role};
use domain::ids::{DESKS_MAX, desk_of_uuid};
use edge::call::{To, call, is_command, receive, reply};
use edge::{Incoming, Outcome, http};
use serde_json::json;
use worker::{Env, Method, Request};

use crate::{endpoints, lists, notify};

pub async fn serve(mut request: Request, env: &Env) -> Outcome {
    if is_command(&request) {
        let (scope, command) = receive(&mut request).await?;
        let AtNotices::Notify(notify) = command;
        return reply(notify::notify(env, &scope, notify).await).map_err(http::internal);
    }
    let incoming = Incoming::passed_on(&mut request).await?;
    incoming.actor(&[Role::Admin])?;
    match incoming.path().as_slice() {
        ["api", "admin", "webhooks", rest @ ..] => webhooks(env, &incoming, rest).await,
        ["api", "admin", "emails"] => match incoming.method {
            Method::Get => http::json(200, &lists::emails(env, &incoming).await?),
            _ => Err(no_route()),
        },
        ["api", "admin", "notices", "dead", rest @ ..] => dead(env, &incoming, rest).await,
        _ => Err(no_route()),
    }
}

fn no_route() -> Problem {
    Problem::not_found("route")
}

async fn webhooks(env: &Env, incoming: &Incoming, path: &[&str]) -> Outcome {
    let scope = &incoming.scope;
    match (&incoming.method, path) {
        (Method::Get, []) => http::json(200, &endpoints::list(env, scope).await?),
        (Method::Post, []) => {
            let input: WebhookInput = incoming.json()?;
            http::json(201, &endpoints::create(env, scope, &input).await?)
        }
        (Method::Get, ["deliveries"]) => http::json(200, &lists::deliveries(env, incoming).await?),
        (Method::Get, ["deliveries", id]) => {
            let id = (*id).to_owned();
            let found: Option<DeliveryDetail> =
                of_desk(env, incoming, &id, GetSending { id: id.clone() }).await?;
            http::json(200, &found.ok_or_else(no_delivery)?)
        }
        (Method::Post, ["deliveries", id, "replay"]) => replay(env, incoming, id, false).await,
        (Method::Get, [id]) => http::json(200, &endpoints::get(env, scope, id).await?),
        (Method::Patch, [id]) => {
            let change: WebhookChange = incoming.json()?;
            http::json(200, &endpoints::change(env, scope, id, &change).await?)
        }
        (Method::Delete, [id]) => {
            endpoints::delete(env, scope, id).await?;
            http::json(200, &json!({ "success": true }))
        }
        (Method::Post, [id, "rotate"]) => {
            http::json(200, &endpoints::rotate(env, scope, id).await?)
        }
        (Method::Post, [id, "ping"]) => ping(env, incoming, id).await,
        _ => Err(no_route()),
    }
}

async fn dead(env: &Env, incoming: &Incoming, path: &[&str]) -> Outcome {
    match (&incoming.method, path) {
        (Method::Get, []) => http::json(200, &lists::dead(env, incoming).await?),
        (Method::Post, [id, "replay"]) => replay(env, incoming, id, true).await,
        _ => Err(no_route()),
    }
}

fn no_delivery() -> Problem {
    Problem::not_found("delivery")
}

/// Asks the desk that an id names.
async fn of_desk<C: Command>(
    env: &Env,
    incoming: &Incoming,
    id: &str,
    command: C,
) -> Result<C::Reply, Problem> {
    let desk = desk_of_uuid(id).filter(|desk| *desk < DESKS_MAX);
    let to = notice_desk_name(desk.ok_or_else(no_delivery)?);
    let step = command.step();
    call(env, &incoming.scope, To::Object(NOTICE_DESK, &to), command)
        .await
        .map_err(|error| error.into_problem(&step))
}

async fn replay(env: &Env, incoming: &Incoming, id: &str, only_dead: bool) -> Outcome {
    let command = ReplaySending {
        id: id.to_owned(),
        only_dead,
    };
    let stands: Option<SendingStands> = of_desk(env, incoming, id, command).await?;
    http::json(200, &stands.ok_or_else(no_delivery)?)
}

/// The endpoint is looked up first, so that one that is not there wakes no desk.
async fn ping(env: &Env, incoming: &Incoming, endpoint: &str) -> Outcome {
    let endpoint_id = endpoints::get(env, &incoming.scope, endpoint).await?.id;
    let desk = notice_desk_of(&endpoint_id, notify::desks(env));
    let to = notice_desk_name(desk);
    let command = PingEndpoint { desk, endpoint_id };
    let stands: SendingStands = call(env, &incoming.scope, To::Object(NOTICE_DESK, &to), command)
        .await
        .map_err(|error| error.into_problem("notices.ping"))?;
    http::json(200, &stands)
}
