//! Figures of the whole shop, summed over isolates.
//!
//! Isolates feed what they counted to one of a few desks, in batches after their
//! replies; readers sum the desks. A desk keeps its sums in SQLite, so they are
//! there after a restart. This worker has no route of its own and knows nobody
//! else, which lets every other worker depend on it.

mod metrics_desk;

pub use metrics_desk::MetricsDesk;

use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(_request: Request, _env: Env, _context: Context) -> Result<Response> {
    Response::error("figures are read through the gateway", 404)
}
