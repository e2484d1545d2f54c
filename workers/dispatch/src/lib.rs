//! Dispatch: a driver for every order that wants one.
//!
//! Requests come over a queue and go to the desk of the cell where the order is collected;
//! answers go back over another. What fits, each driver's own desk says, in the worker of
//! drivers. The rules are in `domain::errand`, `domain::fleet` and `domain::dispatch`; the
//! database `dispatch-db` has the messages that nobody could make anything of, and how it stands
//! in the cells.

mod cell_desk;
mod letters;
mod messages;
mod requests;
mod routes;
mod settings;
mod standing;

pub use cell_desk::CellDesk;

use edge::{http, telemetry};
use worker::{Context, Env, MessageBatch, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    telemetry::configure(&env);
    let outcome = routes::serve(request, &env).await;
    telemetry::flush_soon(&env, &context);
    http::finish(outcome)
}

/// Requests, and what came to nothing of them. Every message is answered for by itself, so
/// this never fails as a whole.
#[event(queue)]
async fn queue(batch: MessageBatch<String>, env: Env, context: Context) -> Result<()> {
    telemetry::configure(&env);
    if letters::is_dead(&batch.queue()) {
        letters::keep(&batch, &env).await;
    } else {
        requests::take(&batch, &env).await;
    }
    telemetry::flush_soon(&env, &context);
    Ok(())
}
