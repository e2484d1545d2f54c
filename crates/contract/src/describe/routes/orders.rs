//! Orders after they were placed, and placements that did not come to an end.

use serde_json::json;

use super::super::schema::{got, sent};
use super::{ADMIN, CURSOR, LIMIT, Param, Route, VENDORS, WITH_AN_ORDER, WITH_ORDERS, must, route};
use crate::code;
use crate::order::{CancelInput, OrderPage, OrderView, PlaceReply, StatusInput, StuckPage};

const TAG: &str = "orders";

const STATE: Param = must(
    "state",
    "Which are wanted.",
    || json!({ "type": "string", "enum": ["stuck"] }),
);

pub const ROUTES: &[Route] = &[
    route("GET", "/orders", "orders", TAG, got::<OrderPage>)
        .says("Orders, newest first")
        .about("A customer's own; everybody's for staff.")
        .by(WITH_ORDERS)
        .query(&[LIMIT, CURSOR]),
    route("GET", "/orders/{order}", "order", TAG, got::<OrderView>)
        .says("One order with its history")
        .about("Staff sees every order, a customer its own, a vendor those that it has. One that is not for the caller answers as one that is not there.")
        .by(WITH_AN_ORDER)
        .or(&[code::NOT_FOUND]),
    route(
        "POST",
        "/orders/{order}/cancel",
        "cancelOrder",
        TAG,
        got::<OrderView>,
    )
    .says("Cancels an order")
    .about("Its goods go back to the shelf, its money to the shopper. May be repeated.")
    .by(WITH_ORDERS)
    .takes(sent::<CancelInput>)
    .or(&[code::NOT_FOUND, code::ILLEGAL_TRANSITION]),
    route(
        "PATCH",
        "/api/v1/orders/{order}/status",
        "setStatus",
        TAG,
        got::<OrderView>,
    )
    .says("Takes an order one step further")
    .about("Which steps there are, `allowed_statuses` of the order says. May be repeated.")
    .by(VENDORS)
    .takes(sent::<StatusInput>)
    .or(&[code::NOT_FOUND, code::ILLEGAL_TRANSITION]),
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
    route(
        "POST",
        "/api/admin/placements/{order}/retry",
        "retryPlacement",
        TAG,
        got::<PlaceReply>,
    )
    .says("Tries a stuck placement again")
    .by(ADMIN)
    .or(&[code::NOT_FOUND, code::NOT_STUCK]),
];
