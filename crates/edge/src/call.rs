//! The one way to call an object or another worker, and to serve such a call.
//!
//! A call is a typed command in a POST; the answer is the command's reply, or a
//! problem. A call that was not answered has an unknown outcome and is never
//! taken for a refusal: it is the caller's business to repeat it or to find out.

use contract::command::header;
use contract::{Command, Problem, code};
use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::js_sys::Uint8Array;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::worker_sys::Fetcher;
use worker::{Env, Headers, Request, Response, ResponseBody, State, web_sys};

use crate::{faults, telemetry};

/// What travels with a request through workers and objects.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    pub trace: String,
    /// See [`crate::faults`].
    #[cfg(feature = "faults")]
    pub fault: Option<String>,
    /// The state of the object at work.
    #[cfg(feature = "faults")]
    pub object: Option<JsValue>,
}

impl Scope {
    pub fn from_headers(headers: &Headers) -> Self {
        let get = |name| headers.get(name).ok().flatten();
        #[cfg(feature = "faults")]
        if let Some(fault) = get(header::FAULT) {
            faults::remember(&fault);
        }
        Self {
            trace: get(header::TRACE).unwrap_or_default(),
            #[cfg(feature = "faults")]
            fault: get(header::FAULT),
            #[cfg(feature = "faults")]
            object: None,
        }
    }

    /// The work goes on within this object.
    #[must_use]
    #[cfg_attr(
        not(feature = "faults"),
        allow(unused_variables, unused_mut, reason = "for the fault hooks")
    )]
    pub fn within(mut self, state: &State) -> Self {
        #[cfg(feature = "faults")]
        {
            self.object = Some(JsValue::from(state.as_raw()));
        }
        self
    }

    fn write(&self, headers: &Headers) -> worker::Result<()> {
        headers.set(header::TRACE, &self.trace)?;
        #[cfg(feature = "faults")]
        if let Some(fault) = &self.fault {
            headers.set(header::FAULT, fault)?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum CallError {
    /// The other side understood, and said no.
    Refused(Box<Problem>),
    /// Not answered, or not understandably: it may or may not have happened.
    Unknown(String),
}

impl From<worker::Error> for CallError {
    fn from(error: worker::Error) -> Self {
        Self::Unknown(error.to_string())
    }
}

impl CallError {
    /// What the caller of our caller is told. The reason of a failure is for the log.
    pub fn into_problem(self, step: &str) -> Problem {
        match self {
            Self::Refused(problem) => *problem,
            Self::Unknown(reason) => {
                telemetry::error("call_failed", &[("step", step), ("reason", &reason)]);
                Problem::new(
                    code::UNAVAILABLE,
                    "a part of the shop did not answer; try again",
                )
                .retry_after(1)
            }
        }
    }
}

/// Commands have a host of their own.
const COMMAND_HOST: &str = "command";

/// Where a call goes.
#[derive(Debug, Clone, Copy)]
pub enum To<'a> {
    /// The object of that name in a namespace.
    Object(&'a str, &'a str),
    /// A worker behind a service binding.
    Service(&'a str),
}

impl To<'_> {
    fn hop(self) -> &'static str {
        match self {
            Self::Object(..) => "object",
            Self::Service(_) => "service",
        }
    }
}

/// Calls, and counts the trip.
pub async fn call<C: Command>(
    env: &Env,
    scope: &Scope,
    to: To<'_>,
    command: C,
) -> Result<C::Reply, CallError> {
    let body = command
        .body()
        .map_err(|error| CallError::Unknown(error.to_string()))?;
    let (status, bytes) = carry(env, scope, to, command.step(), body).await?;
    parse(status, &bytes)
}

/// The part of a call that is the same for all commands, and so is compiled once.
async fn carry(
    env: &Env,
    scope: &Scope,
    to: To<'_>,
    step: String,
    body: String,
) -> Result<(u16, Vec<u8>), CallError> {
    let sent = || send(env, scope, to, &step, &body);
    faults::around(scope, &step, to.hop(), CallError::Unknown, sent).await
}

fn parse<R: DeserializeOwned>(status: u16, body: &[u8]) -> Result<R, CallError> {
    if status == 200 {
        return serde_json::from_slice(body).map_err(|error| unreadable(status, &error));
    }
    Err(refused(status, body))
}

fn unreadable(status: u16, error: &serde_json::Error) -> CallError {
    CallError::Unknown(format!("status {status}: {error}"))
}

fn refused(status: u16, body: &[u8]) -> CallError {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) if problem.status >= 500 => CallError::Unknown(problem.detail),
        Ok(problem) => CallError::Refused(Box::new(problem)),
        Err(error) => unreadable(status, &error),
    }
}

/// Asks the platform itself for the bytes: what the crate offers for this reads the
/// answer through a stream in pieces, several promises a call, and as a text it would
/// come over letter by letter.
async fn send(
    env: &Env,
    scope: &Scope,
    to: To<'_>,
    step: &str,
    body: &str,
) -> Result<(u16, Vec<u8>), CallError> {
    let headers = Headers::new();
    scope.write(&headers)?;
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    init.set_headers(&JsValue::from(headers.0));
    init.set_body(&Uint8Array::from(body.as_bytes()));
    let url = format!("https://{COMMAND_HOST}/{step}");
    let response = open(env, to, &url, &init).await?;
    let bytes = bytes_of(&response).await?;
    Ok((response.status(), bytes))
}

async fn bytes_of(response: &web_sys::Response) -> Result<Vec<u8>, CallError> {
    let read = response.array_buffer().map_err(lost)?;
    let buffer = JsFuture::from(read).await.map_err(lost)?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// The platform could not carry the call, or not its answer.
fn lost(error: JsValue) -> CallError {
    worker::Error::from(error).into()
}

/// Passes a caller's request on to whoever serves its route.
pub async fn forward(
    env: &Env,
    to: To<'_>,
    step: &str,
    incoming: &crate::Incoming,
) -> Result<Response, CallError> {
    let sent = || pass_on(env, to, incoming);
    faults::around(&incoming.scope, step, to.hop(), CallError::Unknown, sent).await
}

async fn pass_on(env: &Env, to: To<'_>, incoming: &crate::Incoming) -> Result<Response, CallError> {
    let headers = Headers::new();
    incoming.scope.write(&headers)?;
    if let Some(actor) = &incoming.actor {
        headers.set(header::ACTOR, &actor.tag())?;
    }
    if let Some(email) = &incoming.email {
        headers.set(header::EMAIL, email)?;
    }
    if let Some(key) = &incoming.key {
        headers.set(header::IDEMPOTENCY_KEY, key)?;
    }
    if let Some(signature) = &incoming.signature {
        headers.set(header::SIGNATURE, signature)?;
    }
    let init = web_sys::RequestInit::new();
    init.set_method(incoming.method.as_ref());
    init.set_headers(&JsValue::from(headers.0));
    if !incoming.body.is_empty() {
        let body = Uint8Array::from(incoming.body.as_slice());
        init.set_body(&body);
    }
    let url = format!("https://service{}", incoming.target);
    Ok(open(env, to, &url, &init).await?.into())
}

/// Asks a worker for something on behalf of somebody.
pub async fn get_as<R: DeserializeOwned>(
    env: &Env,
    scope: &Scope,
    to: To<'_>,
    actor: &contract::Actor,
    target: &str,
) -> Result<R, CallError> {
    let headers = Headers::new();
    scope.write(&headers)?;
    headers.set(header::ACTOR, &actor.tag())?;
    let init = web_sys::RequestInit::new();
    init.set_headers(&JsValue::from(headers.0));
    let response = open(env, to, &format!("https://service{target}"), &init).await?;
    parse(response.status(), &bytes_of(&response).await?)
}

/// One trip, counted.
pub(crate) async fn open(
    env: &Env,
    to: To<'_>,
    url: &str,
    init: &web_sys::RequestInit,
) -> Result<web_sys::Response, CallError> {
    telemetry::count("trips", &[("kind", to.hop())], 1);
    let callee: Fetcher = match to {
        To::Object(binding, name) => env.durable_object(binding)?.get_by_name(name)?.into_rpc(),
        To::Service(binding) => env.service(binding)?.into_rpc(),
    };
    let sent = callee.fetch_with_str_and_init(url, init).map_err(lost)?;
    JsFuture::from(sent)
        .await
        .map_err(lost)?
        .dyn_into()
        .map_err(lost)
}

/// Whether this is for [`receive`], and not passed on by [`forward`].
pub fn is_command(request: &Request) -> bool {
    let url = request.inner().url();
    let host = url.split('/').nth(2);
    host == Some(COMMAND_HOST)
}

/// Reads a command that [`call`] sent.
pub async fn receive<E: DeserializeOwned>(request: &mut Request) -> Result<(Scope, E), Problem> {
    let scope = Scope::from_headers(request.headers());
    let body = request
        .bytes()
        .await
        .map_err(|error| Problem::new(code::INTERNAL, error.to_string()))?;
    let command = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(code::MALFORMED_JSON, error.to_string()))?;
    Ok((scope, command))
}

/// Answers a command.
pub fn reply<R: Serialize>(result: Result<R, Problem>) -> worker::Result<Response> {
    let (status, body) = match result {
        Ok(reply) => (200, serde_json::to_vec(&reply)?),
        Err(problem) => (problem.status, serde_json::to_vec(&problem)?),
    };
    Ok(Response::from_body(ResponseBody::Body(body))?.with_status(status))
}
