//! Orders: placed, moved along their lifecycle, looked up one by one.
//!
//! Every order belongs to one desk, an object that holds its journal, its state
//! and its timers; the database `orders-db` is a projection for look-ups that
//! follows within moments. Lists of it are the worker `lists`'; the rules are in
//! `domain::placement` and `domain::lifecycle`. Offering orders to vendors is another
//! worker's, which asks for what it may tell, and is told when an order is over. This worker
//! has no route of its own: whoever wants something of an order asks its desk.

mod order_desk;
mod responses;
mod stored;

pub use order_desk::OrderDesk;

use edge::telemetry;
use worker::{Context, Env, MessageBatch, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(_request: Request, _env: Env, _context: Context) -> Result<Response> {
    Response::error("orders are reached through the gateway", 404)
}

/// Every message is answered for by itself, so this never fails as a whole.
#[event(queue)]
async fn queue(batch: MessageBatch<String>, env: Env, context: Context) -> Result<()> {
    telemetry::configure(&env);
    responses::take(&batch, &env).await;
    telemetry::flush_soon(&env, &context);
    Ok(())
}
