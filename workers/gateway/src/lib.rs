//! The only public door: who is asking, from where, and which worker answers.
//!
//! It checks tokens and bodies, answers browsers' questions about origins, hands
//! requests to the workers behind it, and shows the shop's health and figures, and
//! what there is to ask for. It owns no data. What a role may do is decided where the
//! thing is done.

mod cors;
mod figures;
mod reference;
mod routes;
mod sockets;

use edge::{clock, telemetry};
use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    telemetry::configure(&env);
    let origin = cors::Origin::of(&request, &env);
    let trace = domain::ids::desk_uuid(clock::now_ms(), 0, clock::random_bytes());
    let response = routes::serve(request, &env, &origin, &trace).await?;
    telemetry::flush_soon(&env, &context);
    if response.status_code() == 101 {
        // A socket, which is passed on as it is.
        return Ok(response);
    }
    origin.mark(response, &trace)
}
