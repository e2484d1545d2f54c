//! Vendors: who they are, where, and who of them would take an order now.
//!
//! The database `vendors-db` is the truth. Searches read an index that holds only those
//! who would take an order, by cells (`domain::spot`), so what they cost depends neither
//! on how many vendors there are nor on how many of them are asleep. Those who have
//! no live connection are rung from here (`alerts`), and what they answer by message comes
//! back here (`webhooks`).
//!
//! The vendors' desks keep who has which orders in work, up to the vendor's capacity, and
//! tell the database how many those are.

mod alerts;
mod directory;
mod routes;
mod search;
mod vendor_desk;
mod webhooks;

pub use vendor_desk::VendorDesk;

use edge::{http, telemetry};
use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    telemetry::configure(&env);
    let outcome = routes::serve(request, &env).await;
    telemetry::flush_soon(&env, &context);
    http::finish(outcome)
}
