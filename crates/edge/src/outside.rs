//! Calls to services of others, over the open network.
//!
//! They are posts with a deadline. What such a service answers is of interest by its
//! status alone, and its body is never read: it may be anything and of any size.
//! Redirects are not followed, so whoever answers for an address cannot point elsewhere.

use worker::Headers;
use worker::js_sys::{Uint8Array, global};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{AbortSignal, RequestInit, RequestRedirect, Response, WorkerGlobalScope};

use crate::{CallError, Scope, faults, telemetry};

/// When to give up. Several calls may share one.
#[derive(Debug, Clone)]
pub struct Deadline(AbortSignal);

impl Deadline {
    pub fn after_ms(ms: u32) -> Self {
        Self(AbortSignal::timeout_with_u32(ms))
    }
}

/// Posts, and tells the status of the answer. An error says that nobody knows whether
/// it has arrived.
pub async fn post(
    scope: &Scope,
    step: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    deadline: &Deadline,
) -> Result<u16, CallError> {
    let sent = || send(url, headers, body, deadline);
    faults::around(scope, step, "outside", CallError::Unknown, sent).await
}

async fn send(
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    deadline: &Deadline,
) -> Result<u16, CallError> {
    telemetry::count("trips", &[("kind", "outside")], 1);
    let sent_headers = Headers::new();
    for (name, value) in headers {
        sent_headers.set(name, value)?;
    }
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&JsValue::from(sent_headers.0));
    init.set_body(&Uint8Array::from(body));
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&deadline.0));
    let world: WorkerGlobalScope = global().unchecked_into();
    let sent = world.fetch_with_str_and_init(url, &init);
    let lost = |error: JsValue| CallError::from(worker::Error::from(error));
    let response: Response = JsFuture::from(sent)
        .await
        .map_err(lost)?
        .dyn_into()
        .map_err(lost)?;
    if let Some(body) = response.body() {
        // A body that nobody reads would keep the connection. Whether it ends well is
        // nobody's business any more.
        drop(JsFuture::from(body.cancel()).await);
    }
    Ok(response.status())
}
