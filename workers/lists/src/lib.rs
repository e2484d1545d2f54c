//! Lists of orders: the newest, of a customer or of all, and for those who run the shop orders by any
//! filters, how many stand how, placements that did not come to an end, and what staff noted.
//!
//! This worker reads the database `orders-db` and writes nothing there but notes, which are nobody
//! else's; all else is written by the desks of the worker `order`, which are asked for what the
//! database does not show yet. It is one of its own
//! because what asks a database in a hundred ways weighs as much as a desk does, and no desk that
//! takes orders should have to load it.

mod newest;
mod notes;
mod orders;
mod placements;
mod routes;

use edge::{http, telemetry};
use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    telemetry::configure(&env);
    let outcome = routes::serve(request, &env).await;
    telemetry::flush_soon(&env, &context);
    http::finish(outcome)
}
