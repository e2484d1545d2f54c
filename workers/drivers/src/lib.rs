//! Drivers: who they are, and what each has to do.
//!
//! The database `drivers-db` is the directory that admins write. Each driver's shift is at a
//! desk, the one writer of what that driver has, which answers the driver and the cells that
//! look for somebody; the rules are in `domain::shift`. Which order goes to whom is decided
//! elsewhere.

mod directory;
mod driver_desk;
mod routes;

pub use driver_desk::DriverDesk;

use edge::{http, telemetry};
use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    telemetry::configure(&env);
    let outcome = routes::serve(request, &env).await;
    telemetry::flush_soon(&env, &context);
    http::finish(outcome)
}
