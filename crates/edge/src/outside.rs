//! Calls to services of others, over the open network.
//!
//! They are posts with a deadline. Of a service that others have named, the status is of
//! interest alone and the body is never read: it may be anything and of any size. What a
//! service says that the shop has chosen itself is read, within a bound.
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

/// What is posted, and to whom.
pub struct Ask<'a> {
    pub url: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
    pub deadline: &'a Deadline,
}

/// What a service that we deal with has said.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Nobody has more to say to us.
const ANSWER_MAX: u32 = 1_000_000;

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
    let ask = Ask {
        url,
        headers,
        body,
        deadline,
    };
    let sent = || async {
        let response = send(&ask).await?;
        if let Some(body) = response.body() {
            // A body that nobody reads would keep the connection. Whether it ends well is
            // nobody's business any more.
            drop(JsFuture::from(body.cancel()).await);
        }
        Ok(response.status())
    };
    faults::around(scope, step, "outside", CallError::Unknown, sent).await
}

/// Posts to a service that the shop has chosen, and reads what it says.
pub async fn ask(scope: &Scope, step: &str, ask: &Ask<'_>) -> Result<Answer, CallError> {
    let sent = || async {
        let response = send(ask).await?;
        let length = response.headers().get("content-length").ok().flatten();
        let length = length.and_then(|length| length.parse::<u32>().ok());
        if length.is_some_and(|length| length > ANSWER_MAX) {
            return Err(CallError::Unknown("the answer is too long".into()));
        }
        let read = response.array_buffer().map_err(lost)?;
        let buffer = JsFuture::from(read).await.map_err(lost)?;
        Ok(Answer {
            status: response.status(),
            body: Uint8Array::new(&buffer).to_vec(),
        })
    };
    faults::around(scope, step, "outside", CallError::Unknown, sent).await
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn lost(error: JsValue) -> CallError {
    CallError::from(worker::Error::from(error))
}

async fn send(ask: &Ask<'_>) -> Result<Response, CallError> {
    telemetry::count("trips", &[("kind", "outside")], 1);
    let headers = Headers::new();
    for (name, value) in ask.headers {
        headers.set(name, value)?;
    }
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&JsValue::from(headers.0));
    init.set_body(&Uint8Array::from(ask.body));
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&ask.deadline.0));
    let world: WorkerGlobalScope = global().unchecked_into();
    let sent = world.fetch_with_str_and_init(ask.url, &init);
    JsFuture::from(sent)
        .await
        .map_err(lost)?
        .dyn_into()
        .map_err(lost)
}
