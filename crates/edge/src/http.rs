//! Requests as the workers read them, and answers as callers get them.

use std::collections::{BTreeMap, BTreeSet};

use contract::command::header;
use contract::{Actor, Problem, Role, code};
use domain::limits::is_key;
use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::{Headers, Method, Request, Response};

use crate::{Scope, json};

/// What a handler comes to.
pub type Outcome = Result<Response, Problem>;

#[derive(Debug)]
pub struct Incoming {
    pub method: Method,
    /// Path and query, as sent.
    pub target: String,
    pub segments: Vec<String>,
    pub query: BTreeMap<String, String>,
    /// Set by the gateway, believed by the workers behind it.
    pub actor: Option<Actor>,
    /// The actor's, where it may be needed.
    pub email: Option<String>,
    pub(crate) key: Option<String>,
    /// What a webhook is signed with.
    pub signature: Option<String>,
    pub scope: Scope,
    pub body: Vec<u8>,
}

impl Incoming {
    /// Reads a request from outside whole, up to `body_max` bytes.
    pub async fn read(request: &mut Request, body_max: usize) -> Result<Self, Problem> {
        refuse_doubles(query_of(request).as_deref())?;
        let body = match request.method() {
            Method::Get | Method::Head | Method::Options => Vec::new(),
            _ => body(request, body_max).await?,
        };
        Ok(Self::with_body(request, body))
    }

    /// Reads a request that the gateway passed on, and bounded.
    pub async fn passed_on(request: &mut Request) -> Result<Self, Problem> {
        let body = match request.method() {
            Method::Get => Vec::new(),
            _ => request.bytes().await.map_err(unreadable)?,
        };
        Ok(Self::with_body(request, body))
    }

    fn with_body(request: &Request, body: Vec<u8>) -> Self {
        let (path, query) = (request.path(), query_of(request));
        let headers = request.headers();
        let get = |name| headers.get(name).ok().flatten();
        let target = match &query {
            Some(query) => format!("{path}?{query}"),
            None => path.clone(),
        };
        let mut asked = BTreeMap::new();
        asked.extend(pairs(query.as_deref()));
        let (actor, key) = (get(header::ACTOR), get(header::IDEMPOTENCY_KEY));
        let scope = Scope::from_headers(headers);
        Self {
            method: request.method(),
            segments: segments(&path),
            query: asked,
            target,
            actor: actor.as_deref().and_then(Actor::from_tag),
            email: get(header::EMAIL),
            key,
            signature: get(header::SIGNATURE).or_else(|| get(header::PROVIDER_SIGNATURE)),
            scope,
            body,
        }
    }

    /// The path for matching, such as `["cart", "items", sku]`.
    pub fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The body as JSON; what is wrong with it is named by field. No body counts
    /// as an empty object.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let bytes: &[u8] = if self.body.is_empty() {
            b"{}"
        } else {
            &self.body
        };
        refuse_list(bytes)?;
        json::parse(bytes)
    }

    /// A body that need not repeat the id in the path.
    pub fn json_with<T: DeserializeOwned>(&self, key: &str, id: &str) -> Result<T, Problem> {
        let mut body: serde_json::Map<String, serde_json::Value> = self.json()?;
        body.insert(key.to_owned(), id.into());
        json::parse(serde_json::Value::from(body).to_string().as_bytes())
    }

    /// The caller, who must have one of these roles.
    pub fn actor(&self, roles: &[Role]) -> Result<&Actor, Problem> {
        let actor = self.actor.as_ref().ok_or_else(|| {
            Problem::new(code::UNAUTHENTICATED, "send Authorization: Bearer <token>")
        })?;
        if !roles.contains(&actor.role) {
            let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
            let detail = format!("this needs the role {}", names.join(" or "));
            return Err(Problem::new(code::FORBIDDEN, detail));
        }
        Ok(actor)
    }

    /// The key under which a request counts once, where it has one.
    pub fn key(&self) -> Result<Option<&str>, Problem> {
        match self.key.as_deref() {
            Some(key) if !is_key(key) => {
                let wrong = "must be 1 to 255 visible ASCII characters";
                Err(Problem::field("Idempotency-Key", wrong))
            }
            key => Ok(key),
        }
    }

    /// A page size from `?limit=`.
    pub fn limit(&self, default: u32, max: u32) -> Result<u32, Problem> {
        match self.query.get("limit").map(|text| text.parse::<u32>()) {
            None => Ok(default),
            Some(Ok(limit)) if (1..=max).contains(&limit) => Ok(limit),
            Some(_) => Err(Problem::field("limit", &format!("must be from 1 to {max}"))),
        }
    }
}

/// What a URL has behind its question mark. The platform has parsed it, so there is no
/// other place for one.
pub fn query_of(request: &Request) -> Option<String> {
    let url = request.inner().url();
    let url = url.split('#').next().unwrap_or_default();
    url.split_once('?').map(|(_, query)| query.to_owned())
}

pub fn pairs(query: Option<&str>) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned()
}

/// What is said twice could be meant either way.
fn refuse_doubles(query: Option<&str>) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    let double = pairs(query).find(|(name, _)| !seen.insert(name.clone()));
    double.map_or(Ok(()), |(name, _)| {
        Err(Problem::field(name, "must be given once"))
    })
}

/// The parts of a path.
pub fn segments(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(percent_decoded)
        .collect()
}

/// Codes in paths are plain, so only what clients like to escape is undone.
fn percent_decoded(segment: &str) -> String {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let ahead = bytes.clone();
        let digits = [bytes.next(), bytes.next()]
            .map(|digit| digit.and_then(|digit| char::from(digit).to_digit(16)));
        if let [Some(high), Some(low)] = digits {
            decoded.push(u8::try_from((high << 4) | low).unwrap_or(b'?'));
        } else {
            decoded.push(b'%');
            bytes = ahead;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

async fn body(request: &mut Request, body_max: usize) -> Result<Vec<u8>, Problem> {
    let announced = request.headers().get("content-length").ok().flatten();
    let announced: Option<u64> = announced.and_then(|text| text.parse().ok());
    let too_large = || {
        let detail = format!("the body may be at most {body_max} bytes");
        Problem::new(code::BODY_TOO_LARGE, detail)
    };
    let max = u64::try_from(body_max).unwrap_or(u64::MAX);
    if announced.is_some_and(|length| length > max) {
        return Err(too_large());
    }
    if announced.is_some() {
        let bytes = request.bytes().await.map_err(unreadable)?;
        return if bytes.len() > body_max {
            Err(too_large())
        } else {
            Ok(bytes)
        };
    }
    // Without a length the body is read in pieces and given up at the bound.
    let Ok(mut stream) = request.stream() else {
        return Ok(Vec::new());
    };
    let mut bytes = Vec::new();
    while let Some(piece) = futures::StreamExt::next(&mut stream).await {
        bytes.extend(piece.map_err(unreadable)?);
        if bytes.len() > body_max {
            return Err(too_large());
        }
    }
    Ok(bytes)
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn unreadable(error: worker::Error) -> Problem {
    Problem::new(
        code::MALFORMED_JSON,
        format!("the body could not be read: {error}"),
    )
}

/// A body is an object. A list would pass for one by the order of its items.
fn refuse_list(bytes: &[u8]) -> Result<(), Problem> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'[') {
        return Ok(());
    }
    Err(
        match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
            Ok(_) => Problem::field("body", "must be an object"),
            Err(error) => Problem::new(code::MALFORMED_JSON, error.to_string()),
        },
    )
}

/// A JSON answer.
pub fn json<T: Serialize>(status: u16, value: &T) -> Outcome {
    let text = serde_json::to_string(value)
        .map_err(|error| Problem::new(code::INTERNAL, error.to_string()))?;
    json_text(status, text)
}

/// A JSON answer whose bytes are given.
pub fn json_text(status: u16, text: String) -> Outcome {
    with_type(status, text, "application/json").map_err(internal)
}

fn with_type(status: u16, text: String, kind: &str) -> worker::Result<Response> {
    let headers = Headers::new();
    headers.set("content-type", kind)?;
    Ok(Response::ok(text)?
        .with_headers(headers)
        .with_status(status))
}

/// An answer of plain text, such as figures.
pub fn text(kind: &str, text: String) -> Outcome {
    with_type(200, text, kind).map_err(internal)
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
pub fn internal(error: worker::Error) -> Problem {
    crate::telemetry::error("internal", &[("reason", &error.to_string())]);
    Problem::new(
        code::INTERNAL,
        "something went wrong on our side; try again",
    )
}

/// Turns what a handler came to into what its caller gets.
pub fn finish(outcome: Outcome) -> worker::Result<Response> {
    let problem = match outcome {
        Ok(response) => return Ok(response),
        Err(problem) => problem,
    };
    let body = serde_json::to_string(&problem)?;
    let response = with_type(problem.status, body, "application/problem+json")?;
    if let Some(seconds) = problem.retry_after_s {
        response
            .headers()
            .set("retry-after", &seconds.to_string())?;
    }
    if problem.status == 401 {
        response.headers().set("www-authenticate", "Bearer")?;
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn what_is_said_twice_is_refused_by_name() {
        assert_eq!(refuse_doubles(None), Ok(()));
        assert_eq!(refuse_doubles(Some("a=1&b=1&A=1")), Ok(()));
        let problem = refuse_doubles(Some("a=1&b=2&%61=3")).unwrap_err();
        assert_eq!(problem.field.as_deref(), Some("a"));
    }

    #[test]
    fn escapes_in_paths_are_undone_once() {
        assert_eq!(segments("/cart/items/a%3Ab/"), ["cart", "items", "a:b"]);
        assert_eq!(segments("/%2541/%zz/%"), ["%41", "%zz", "%"]);
    }
}
