//! Counters of goods, for staff and for other systems.

use serde_json::{Value, json};

use super::super::schema::{called, demanding, got, one_or_many, sent};
use super::{Param, Route, STAFF, must, route};
use crate::code;
use crate::fulfillment::{CheckInput, CheckView};
use crate::stock::{AdjustInput, Audit, StockAdjusted, StockLineInput, StockMoved, StockRow};
use domain::limits::{CODE, LINES_MAX};

const TAG: &str = "stock";

const SKU: Param = must(
    "sku",
    "A SKU.",
    || json!({ "type": "string", "pattern": CODE, "examples": ["BOOT-42"] }),
);

fn stock_rows() -> (String, Value) {
    called("StockRows", got::<Vec<StockRow>>())
}

fn restored() -> (String, Value) {
    let (_, line) = sent::<StockLineInput>();
    one_or_many(("RestoreInput".into(), line), "lines", LINES_MAX)
}

/// The same, and each has to say how many.
fn deducted() -> (String, Value) {
    let (_, line) = sent::<StockLineInput>();
    let quantity = line.pointer("/properties/quantity").cloned();
    let mut quantity = quantity.unwrap_or_default();
    if let Some(quantity) = quantity.as_object_mut() {
        quantity.insert("type".into(), "integer".into());
    }
    let line = demanding(("DeductInput".into(), line), "quantity", quantity);
    one_or_many(line, "lines", LINES_MAX)
}

pub const ROUTES: &[Route] = &[
    route(
        "POST",
        "/api/fulfillment/check",
        "check",
        TAG,
        got::<CheckView>,
    )
    .says("Whether goods could be sent to a place, from where, and what that would cost")
    .about("Takes nothing.")
    .by(STAFF)
    .takes(sent::<CheckInput>)
    .or(&[code::UNKNOWN_SKU]),
    route("GET", "/api/stock", "stock", TAG, stock_rows)
        .says("What there is of a SKU, by warehouse")
        .by(STAFF)
        .query(&[SKU]),
    route("GET", "/api/stock/audit", "auditStock", TAG, got::<Audit>)
        .says("Every counter against what must explain it")
        .about("Reads whole tables. `drift` must be 0.")
        .by(STAFF),
    route(
        "POST",
        "/api/stock/deduct",
        "deductStock",
        TAG,
        got::<StockMoved>,
    )
    .says("Takes goods for an order of another system")
    .about("One line, or up to 50 of one order in `lines`: all of them or none. May be repeated, by order, warehouse and SKU.")
    .by(STAFF)
    .takes(deducted)
    .or(&[
        code::NOT_FOUND,
        code::INSUFFICIENT_STOCK,
        code::STOCK_CHANGED,
        code::HOLD_CLOSED,
        code::OUTCOME_UNKNOWN,
    ]),
    route(
        "POST",
        "/api/stock/restore",
        "restoreStock",
        TAG,
        got::<StockMoved>,
    )
    .says("Gives back what such an order took")
    .about("Without a quantity all that remains of a line. Once a line, unless keys tell several apart.")
    .by(STAFF)
    .takes(restored)
    .once("Tells several that give back parts of one line apart: each key counts once.")
    .or(&[
        code::NOT_FOUND,
        code::EXCEEDS_HOLD,
        code::HOLD_CLOSED,
        code::OUTCOME_UNKNOWN,
    ]),
    route(
        "POST",
        "/api/stock/adjust",
        "adjustStock",
        TAG,
        got::<StockAdjusted>,
    )
    .says("Raises or lowers a counter, with a reason")
    .by(STAFF)
    .takes(sent::<AdjustInput>)
    .once("Counts once. Without a key every call counts.")
    .or(&[
        code::NOT_FOUND,
        code::INSUFFICIENT_STOCK,
        code::OUTCOME_UNKNOWN,
    ]),
];
