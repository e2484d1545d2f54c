//! What there is to ask for: the description of all routes, and a page to browse in it.
//!
//! All of it is in the binary as it is sent, so it costs nothing until somebody asks. The page
//! takes nothing from elsewhere and may not: what it shows is the document of this very build.

use contract::Problem;
use edge::{Outcome, http};
use worker::Response;

const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

const PAGE: &str = include_str!("reference/page.html");
const SCRIPT: &str = include_str!("reference/reference.js");
const STYLE: &str = include_str!("reference/reference.css");

const HEADERS: [(&str, &str); 4] = [
    ("cache-control", "public, max-age=60"),
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// `GET /openapi.json`
pub fn document() -> Outcome {
    marked(http::json_text(200, DOCUMENT.to_owned())?)
}

/// `GET /docs`, and what belongs to it.
pub fn page(path: &[&str]) -> Outcome {
    let (kind, text) = match path {
        [] => ("text/html; charset=utf-8", PAGE),
        ["reference.js"] => ("text/javascript; charset=utf-8", SCRIPT),
        ["reference.css"] => ("text/css; charset=utf-8", STYLE),
        _ => return Err(Problem::not_found("route")),
    };
    marked(http::text(kind, text.to_owned())?)
}

fn marked(response: Response) -> Outcome {
    let headers = response.headers();
    for (name, value) in HEADERS {
        headers.set(name, value).map_err(http::internal)?;
    }
    Ok(response)
}
