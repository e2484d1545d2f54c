//! Carts, and the place-order request.
//!
//! A customer's cart lives in a cart desk, an object that owns many customers and
//! is the only writer of their carts. Placing an order runs there too: claim the
//! cart, have it planned and priced, hand it to its order desk, complete the cart.
//! The database keeps completed carts as a record.

mod cart_desk;
mod routes;

pub use cart_desk::CartDesk;

use edge::{http, telemetry};
use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    telemetry::configure(&env);
    let outcome = routes::serve(request, &env).await;
    telemetry::flush_soon(&env, &context);
    http::finish(outcome)
}
