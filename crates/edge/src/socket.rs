//! Sockets of an object that may sleep while they are open.
//!
//! What the platform crate does not offer is asked of the platform itself: one text
//! for many sockets is made once, and what a socket has not taken yet can be seen.

use contract::command::header;
use worker::js_sys::{Function, Reflect};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{Env, Headers, Request, Response, State, WebSocket, web_sys};

use crate::call::{To, open};
use crate::http::query_of;
use crate::{CallError, Scope};

/// A text that goes to many sockets.
pub struct Text(JsValue);

impl Text {
    pub fn new(text: &str) -> Self {
        Self(JsValue::from_str(text))
    }

    /// False when the socket is gone.
    pub fn send(&self, socket: &WebSocket) -> bool {
        let socket: &JsValue = socket.as_ref();
        thread_local! {
            static SEND: std::cell::RefCell<Option<Function>> = const { std::cell::RefCell::new(None) };
        }
        let send = SEND.with_borrow_mut(|known| {
            if known.is_none() {
                let found = Reflect::get(socket, &"send".into()).ok();
                *known = found.and_then(|found| found.dyn_into().ok());
            }
            known.clone()
        });
        send.is_some_and(|send| send.call1(socket, &self.0).is_ok())
    }
}

/// Bytes that wait for the socket to take them.
pub fn waiting_bytes(socket: &WebSocket) -> f64 {
    let socket: &JsValue = socket.as_ref();
    let waiting = Reflect::get(socket, &"bufferedAmount".into()).ok();
    waiting
        .and_then(|waiting| waiting.as_f64())
        .unwrap_or_default()
}

/// When the object last answered this socket by itself, without waking.
pub fn last_answered_ms(state: &State, socket: &WebSocket) -> Option<i64> {
    let state = JsValue::from(state.as_raw());
    let ask: Function = Reflect::get(&state, &"getWebSocketAutoResponseTimestamp".into())
        .ok()?
        .dyn_into()
        .ok()?;
    let date = ask.call1(&state, socket.as_ref()).ok()?;
    let date: worker::js_sys::Date = date.dyn_into().ok()?;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "milliseconds are whole and far from the bounds"
    )]
    Some(date.get_time() as i64)
}

/// Passes on the request to open a socket, and with the answer the socket. Of the
/// caller's headers only its token goes along.
pub async fn pass_on(
    env: &Env,
    scope: &Scope,
    to: To<'_>,
    request: &Request,
) -> Result<Response, CallError> {
    let headers = Headers::new();
    headers.set("upgrade", "websocket")?;
    headers.set(header::TRACE, &scope.trace)?;
    #[cfg(feature = "faults")]
    if let Some(fault) = &scope.fault {
        headers.set(header::FAULT, fault)?;
    }
    if let Some(token) = request.headers().get("authorization")? {
        headers.set("authorization", &token)?;
    }
    let init = web_sys::RequestInit::new();
    init.set_headers(&JsValue::from(headers.0));
    let query = query_of(request).unwrap_or_default();
    let url = format!("https://service{}?{query}", request.path());
    Ok(open(env, to, &url, &init).await?.into())
}
