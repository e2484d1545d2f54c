//! Carts, and the place-order request.
//!
//! A customer's cart lives in a cart desk, an object that owns many customers and
//! is the only writer of their carts. Placing an order runs there too: claim the
//! cart, have it planned and priced, hand it to its order desk, complete the cart.
//! The database keeps completed carts as a record. This worker is the home of the
//! desks and has no route of its own: the gateway asks a customer's desk itself.

mod cart_desk;

pub use cart_desk::CartDesk;

use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(_request: Request, _env: Env, _context: Context) -> Result<Response> {
    Response::error("carts are reached through the gateway", 404)
}
