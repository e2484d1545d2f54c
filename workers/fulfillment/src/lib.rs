//! Fulfillment: what is sold, where it lies, and who gets it.
//!
//! Owns the catalogue's database, one database a stock shard, and the stock desks
//! that alone write to those. It prices carts, plans which warehouses send what,
//! and takes, gives back and ships stock. It knows nothing of carts or orders
//! beyond an order's id.

mod catalogue;
mod catalogue_edit;
mod looking;
mod planning;
mod routes;
mod stock_audit;
mod stock_desk;
mod stock_low;
mod stock_routes;
mod stock_sql;

pub use stock_desk::StockDesk;

use edge::{http, telemetry};
use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    telemetry::configure(&env);
    let outcome = routes::serve(request, &env).await;
    telemetry::flush_soon(&env, &context);
    http::finish(outcome)
}
