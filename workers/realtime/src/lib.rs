//! Sockets: everyone's screen, live.
//!
//! Hubs hold the sockets and sleep while nothing happens; streams number what
//! happens, keep it for a while, and tell the hubs that have somebody in the rooms.
//! Other workers publish here. The rules are in `domain::live`, the wire format in
//! `contract::packet`. A worker of its own, so that a deploy of any other drops no
//! socket.

mod door;
mod hub;
mod stream_desk;

pub use hub::Hub;
pub use stream_desk::StreamDesk;

use edge::telemetry;
use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    telemetry::configure(&env);
    let response = door::serve(request, &env).await;
    telemetry::flush_soon(&env, &context);
    response
}
