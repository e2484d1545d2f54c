//! Notices: what the shop says to the outside about orders, each event once.
//!
//! Merchants hear it at their endpoints, signed after the Standard Webhooks specification;
//! customers read it in mails. What is to be said is kept by desks, objects that have each
//! event with its sendings before anybody is answered, and that send, repeat and give up by
//! the rules of `domain::notices`. The database `notices-db` has the endpoints, and follows
//! the desks so that admins can look through what became of everything.

mod endpoints;
mod lists;
mod notice_desk;
mod notify;
mod routes;
mod signing;

pub use notice_desk::NoticeDesk;

use edge::{http, telemetry};
use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    telemetry::configure(&env);
    let outcome = routes::serve(request, &env).await;
    telemetry::flush_soon(&env, &context);
    http::finish(outcome)
}
