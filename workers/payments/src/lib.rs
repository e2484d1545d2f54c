//! Payments: taken by card through a provider, or from a buyer's credit line.
//!
//! The payment of an order by card belongs to one desk, an object that does what
//! `domain::payment` asks for: it makes intents, ends them and gives money back, and tells the
//! order how its money stands. Credit lines are rows of `payments-db`, changed by conditional
//! updates alone. The provider speaks to this worker by webhook, signed, and is believed no
//! further than that it said so. Cash on delivery needs none of this.

mod credit;
mod payment_desk;
mod provider;
mod routes;
mod webhooks;

pub use payment_desk::PaymentDesk;

use contract::Empty;
use contract::payment::AtPayments;
use edge::call::{is_command, receive, reply};
use edge::{http, telemetry};
use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(mut request: Request, env: Env, context: Context) -> Result<Response> {
    telemetry::configure(&env);
    let response = if is_command(&request) {
        match receive(&mut request).await {
            Ok((scope, AtPayments::SetCredit(set))) => reply(credit::set(&env, &scope, &set).await),
            Err(problem) => reply::<Empty>(Err(problem)),
        }
    } else {
        http::finish(routes::serve(request, &env).await)
    };
    telemetry::flush_soon(&env, &context);
    response
}
