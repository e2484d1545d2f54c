//! How the shop is, for people and for those who scrape, and this description of it.

use super::super::schema::{anything, got, plain};
use super::{ADMIN, Route, route};
use crate::plain::{Health, Stats};

const TAG: &str = "watching";

pub const ROUTES: &[Route] = &[
    route("GET", "/health", "health", TAG, got::<Health>).says("Whether the shop is up"),
    route("GET", "/stats", "stats", TAG, got::<Stats<'static>>)
        .says("Figures of the whole shop")
        .about("Counted since the beginning. Latencies are in milliseconds.")
        .by(ADMIN),
    route("GET", "/metrics", "metrics", TAG, plain)
        .says("The same for a scraper")
        .kind("application/openmetrics-text")
        .proven_by("scrape"),
    route("GET", "/openapi.json", "openapi", TAG, anything).says("This document"),
    route("GET", "/docs", "docs", TAG, plain)
        .says("This document, to browse in")
        .kind("text/html"),
    route("GET", "/docs/reference.js", "docsScript", TAG, plain)
        .says("What the page runs")
        .kind("text/javascript"),
    route("GET", "/docs/reference.css", "docsStyle", TAG, plain)
        .says("How the page looks")
        .kind("text/css"),
];
