//! What those who run the shop look through.

use domain::lifecycle::{Delivery, Fulfilment, Method, PaymentStatus, Status};
use serde_json::{Value, json};

use super::super::schema::{got, plain};
use super::{ADMIN, LIMIT, Param, Route, STAFF, may, must, route};
use crate::lists::{AdminOrderPage, OrderCounts};
use crate::order::StuckPage;
use crate::stock::LowStockPage;

const TAG: &str = "lists";

/// Some of these names, with commas between.
fn some_of(names: &[&str]) -> Value {
    let one = names.join("|");
    json!({ "type": "string", "pattern": (format!(r"^\s*({one})\s*(,\s*({one})\s*)*$")), "examples": [names.first()] })
}

fn id() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": 128,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
    })
}

fn instant() -> Value {
    json!({
        "type": "string", "anyOf": [{ "format": "date" }, { "format": "date-time" }],
        "examples": ["2026-11-01", "2026-11-01T08:00:00Z"],
    })
}

const STATUS: Param = may(
    "status",
    "How it stands: some, with commas between.",
    || some_of(Status::NAMES),
);
const PAYMENT_STATUS: Param = may("payment_status", "Whether it is paid.", || {
    some_of(PaymentStatus::NAMES)
});
const PAYMENT_METHOD: Param = may("payment_method", "How it is paid.", || {
    some_of(Method::NAMES)
});
const FULFILMENT: Param = may("fulfilment_status", "How far its goods are.", || {
    some_of(Fulfilment::NAMES)
});
const DELIVERY: Param = may("delivery_status", "How far its way is.", || {
    some_of(Delivery::NAMES)
});
const VENDOR: Param = may("vendor", "Who has it.", id);
const DRIVER: Param = may("driver", "Who brings it.", id);
const BUYER: Param = may("customer", "Whose it is.", id);
const FROM: Param = may("from", "Placed at or after this day or time.", instant);
const TO: Param = may(
    "to",
    "Placed before this time, or on this day at the latest.",
    instant,
);
const TEXT: Param = may(
    "text",
    "Beginnings of words, of which each must be there: of the order's number, the name that it is addressed to, e-mail address, phone number.",
    || json!({ "type": "string", "minLength": 2, "maxLength": 100, "examples": ["ada"] }),
);
const SORT: Param = may(
    "sort",
    "Which come first.",
    || json!({ "type": "string", "enum": ["newest", "oldest"], "default": "newest" }),
);
/// A file has more rows than a page.
const ROWS: Param = may(
    "limit",
    "How many rows are wanted at most.",
    || json!({ "type": "integer", "minimum": 1, "maximum": 10_000, "default": 10_000 }),
);
const AFTER_ORDER: Param = may(
    "cursor",
    "Where to go on: `next_cursor` of the page before.",
    || {
        json!({
            "type": "string",
            "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$",
        })
    },
);
const AFTER_ROW: Param = may(
    "cursor",
    "Where to go on: `next_cursor` of the page before.",
    || {
        let code = domain::limits::CODE.trim_matches(['^', '$']);
        json!({ "type": "string", "pattern": (format!("^([0-9]{{1,3}}|1000),{code},{code}$")) })
    },
);
const THRESHOLD: Param = may(
    "threshold",
    "So many or fewer.",
    || json!({ "type": "integer", "minimum": 0, "maximum": 1000, "default": 10 }),
);
const SOME: Param = may(
    "limit",
    "How many are wanted at most.",
    || json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
);
const STATE: Param = must(
    "state",
    "Which are wanted.",
    || json!({ "type": "string", "enum": ["stuck"] }),
);

const FILTERS: &str =
    "By any filters at once. It shows what the database shows, which follows within moments.";

pub const ROUTES: &[Route] = &[
    route(
        "GET",
        "/api/admin/orders",
        "allOrders",
        TAG,
        got::<AdminOrderPage>,
    )
    .says("Every order, by any filters")
    .about("A page may be shorter than was asked for and still have a `next_cursor`: of what the filters leave, 2,000 orders are looked at for a page.")
    .by(STAFF)
    .query(&[
        STATUS, PAYMENT_STATUS, PAYMENT_METHOD, FULFILMENT, DELIVERY, VENDOR, DRIVER, BUYER, FROM,
        TO, TEXT, SORT, LIMIT, AFTER_ORDER,
    ]),
    route("GET", "/api/admin/orders.csv", "ordersFile", TAG, plain)
        .kind("text/csv")
        .says("Orders as a file")
        .about(FILTERS)
        .by(STAFF)
        .query(&[
            STATUS, PAYMENT_STATUS, PAYMENT_METHOD, FULFILMENT, DELIVERY, VENDOR, DRIVER, BUYER,
            FROM, TO, TEXT, SORT, ROWS, AFTER_ORDER,
        ]),
    route(
        "GET",
        "/api/admin/orders/counts",
        "orderCounts",
        TAG,
        got::<OrderCounts>,
    )
    .says("How many orders stand how")
    .by(STAFF),
    route(
        "GET",
        "/api/admin/stock/low",
        "lowStock",
        TAG,
        got::<LowStockPage>,
    )
    .says("What is running low, the least first")
    .by(STAFF)
    .query(&[THRESHOLD, SOME, AFTER_ROW]),
    route(
        "GET",
        "/api/admin/placements",
        "placements",
        TAG,
        got::<StuckPage>,
    )
    .says("Placements that did not come to an end by themselves")
    .by(ADMIN)
    .query(&[STATE]),
];
