//! Which browsers may call: origins on the list are echoed exactly, with
//! credentials; others get no word of permission. Every answer says that it
//! depends on the origin.

use edge::config;
use worker::{Env, Headers, Request, Response, Result};

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
const HEADERS: &str = "authorization, content-type, idempotency-key";
const EXPOSED: &str = "content-disposition, idempotent-replayed, link, retry-after, x-trace-id";

pub struct Origin {
    /// The caller's origin, when it is on the list.
    allowed: Option<String>,
    /// The caller says where it comes from, and that is not on the list.
    is_foreign: bool,
}

impl Origin {
    pub fn of(request: &Request, env: &Env) -> Self {
        let origin = request.headers().get("origin").ok().flatten();
        let is_some = origin.is_some();
        let allowed = origin.filter(|origin| {
            config::text(env, "CORS_ORIGINS")
                .is_some_and(|list| list.split(',').any(|known| known.trim() == origin))
        });
        Self {
            is_foreign: is_some && allowed.is_none(),
            allowed,
        }
    }

    /// Browsers ask nobody before they open a socket, so a page from elsewhere has to
    /// be turned away here. Apps send no origin.
    pub fn may_open_sockets(&self) -> bool {
        !self.is_foreign
    }

    /// The answer to a preflight.
    pub fn preflight(&self) -> Result<Response> {
        let headers = Headers::new();
        if self.allowed.is_some() {
            headers.set("access-control-allow-methods", METHODS)?;
            headers.set("access-control-allow-headers", HEADERS)?;
            headers.set("access-control-max-age", "600")?;
        }
        Ok(Response::empty()?.with_status(204).with_headers(headers))
    }

    /// Puts the permission, or its absence, on an answer. An answer that came from
    /// another worker is read-only, so its headers are written anew.
    pub fn mark(&self, response: Response, trace: &str) -> Result<Response> {
        let headers = Headers::new();
        for (name, value) in response.headers().entries() {
            headers.append(&name, &value)?;
        }
        headers.set("vary", "Origin")?;
        headers.set("x-trace-id", trace)?;
        headers.set("x-content-type-options", "nosniff")?;
        if let Some(origin) = &self.allowed {
            headers.set("access-control-allow-origin", origin)?;
            headers.set("access-control-allow-credentials", "true")?;
            headers.set("access-control-expose-headers", EXPOSED)?;
        }
        Ok(response.with_headers(headers))
    }
}
