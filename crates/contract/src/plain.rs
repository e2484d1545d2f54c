//! Answers that say little: that something was done, that the shop is up, a page of a desk's
//! rows as they are, and the shop's figures.

use std::collections::BTreeMap;

use serde::Serialize;
#[cfg(feature = "schema")]
use serde_json::{Map, Value};

/// It was done, now or before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Success {
    pub success: bool,
}

impl Success {
    pub const YES: Self = Self { success: true };
}

/// `GET /health`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Health {
    pub status: &'static str,
    pub version: &'static str,
}

/// How long something takes, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Latency {
    pub count: u64,
    pub p50: u64,
    pub p95: u64,
    pub p99: u64,
}

/// `GET /stats`: counted since the beginning, over the whole shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stats<'a> {
    pub placements: u64,
    /// By reason.
    pub placements_refused: BTreeMap<&'a str, u64>,
    pub races_lost: u64,
    pub replanned: u64,
    /// By stock shard.
    pub rollbacks: BTreeMap<&'a str, u64>,
    pub stuck: u64,
    pub latencies: BTreeMap<&'a str, Latency>,
    /// Everything that is counted, by name and labels.
    /// How it stands with drivers; null where nobody could say.
    pub dispatch: Option<crate::dispatch::DispatchStats>,
    pub counters: &'a BTreeMap<String, u64>,
}

/// A row as its desk keeps it.
#[cfg(feature = "schema")]
pub type Row = Map<String, Value>;

/// Declares a page of a desk's rows. The names of its columns are the desk's own, and rows are
/// passed on as they are, so these are shapes and no more.
#[cfg(feature = "schema")]
macro_rules! pages {
    ($( $(#[$doc:meta])* $name:ident { $rows:ident } )*) => { $(
        $(#[$doc])*
        #[derive(Debug, Serialize, schemars::JsonSchema)]
        pub struct $name {
            $rows: Vec<Row>,
            /// Ask for the next page with `?after=`; null behind the last.
            next_after: Option<String>,
        }
    )* };
}

#[cfg(feature = "schema")]
pages! {
    /// A page of a cart desk.
    CartRows { carts }
    /// A page of an order desk.
    OrderRows { orders }
    /// A page of an offer desk.
    OfferRows { assignments }
    /// A page of a vendor desk.
    PlaceRows { places }
    /// A page of a payment desk.
    PaymentRows { payments }
}
