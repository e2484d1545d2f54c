//! Orders: placed, moved along their lifecycle, looked up.
//!
//! Every order belongs to one desk, an object that holds its journal, its state
//! and its timers; the database `orders-db` is a projection for look-ups that
//! follows within moments. Staff looks it through by way of the worker `lists`; the rules are in
//! `domain::placement` and `domain::lifecycle`. Offering orders to vendors is another
//! worker's, which asks for what it may tell, and is told when an order is over.

mod lists;
mod order_desk;
mod responses;
mod routes;

pub use order_desk::OrderDesk;

use edge::{http, telemetry};
use worker::{Context, Env, MessageBatch, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    telemetry::configure(&env);
    let outcome = routes::serve(request, &env).await;
    telemetry::flush_soon(&env, &context);
    http::finish(outcome)
}

/// Every message is answered for by itself, so this never fails as a whole.
#[event(queue)]
async fn queue(batch: MessageBatch<String>, env: Env, context: Context) -> Result<()> {
    telemetry::configure(&env);
    responses::take(&batch, &env).await;
    telemetry::flush_soon(&env, &context);
    Ok(())
}
