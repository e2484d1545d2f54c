//! The door for sockets: what is no websocket of the right protocol gets the
//! protocol's own error, a page from elsewhere is turned away (S6), and everybody
//! else is passed on. Who they are they say when the socket is open.

use contract::realtime::REALTIME_SERVICE;
use edge::call::To;
use edge::{Outcome, Scope, faults, http, socket};
use serde_json::json;
use worker::{Env, Method, Request};

use crate::cors::Origin;

/// The protocol's errors, by its numbers.
const UNKNOWN_TRANSPORT: (u16, &str) = (0, "Transport unknown");
const UNKNOWN_SESSION: (u16, &str) = (1, "Session ID unknown");
const BAD_METHOD: (u16, &str) = (2, "Bad handshake method");
const BAD_REQUEST: (u16, &str) = (3, "Bad request");
const FORBIDDEN: (u16, &str) = (4, "Forbidden");
const BAD_VERSION: (u16, &str) = (5, "Unsupported protocol version");

pub async fn open(env: &Env, request: &Request, origin: &Origin, trace: &str) -> Outcome {
    if !origin.may_open_sockets() {
        return refuse(403, FORBIDDEN);
    }
    if let Some(error) = wrong(request) {
        return refuse(400, error);
    }
    let mut scope = Scope::from_headers(request.headers());
    trace.clone_into(&mut scope.trace);
    let to = To::Service(REALTIME_SERVICE);
    let passed = faults::around(
        &scope,
        "socket.open",
        "service",
        edge::CallError::Unknown,
        || socket::pass_on(env, &scope, to, request),
    );
    passed
        .await
        .map_err(|error| error.into_problem("socket.open"))
}

fn refuse(status: u16, (code, message): (u16, &str)) -> Outcome {
    http::json(status, &json!({ "code": code, "message": message }))
}

fn wrong(request: &Request) -> Option<(u16, &'static str)> {
    let asked = http::query_of(request);
    let query = |name: &str| {
        let found = http::pairs(asked.as_deref()).find(|(key, _)| key == name);
        found.map(|(_, value)| value)
    };
    let upgrade = request.headers().get("upgrade").ok().flatten();
    let is_websocket = upgrade.is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
    match query("transport").as_deref() {
        Some("websocket") => match query("EIO").as_deref() {
            Some("4") if query("sid").is_some() => Some(UNKNOWN_SESSION),
            Some("4") if request.method() != Method::Get => Some(BAD_METHOD),
            Some("4") => (!is_websocket).then_some(BAD_REQUEST),
            _ => Some(BAD_VERSION),
        },
        _ => Some(UNKNOWN_TRANSPORT),
    }
}
