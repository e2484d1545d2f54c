//! Offers: an order goes to vendors near by, of whom exactly one gets it.
//!
//! The offers of an order belong to one desk, an object that holds their state, the lock
//! and their timers; the rules are in `domain::assignment`. The database `offers-db` is a
//! record of who was asked, what each did and who has the order, and the lock's second
//! guard.

mod offer_desk;
mod routes;

pub use offer_desk::OfferDesk;

use edge::{http, telemetry};
use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    telemetry::configure(&env);
    let outcome = routes::serve(request, &env).await;
    telemetry::flush_soon(&env, &context);
    http::finish(outcome)
}
