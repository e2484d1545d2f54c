//! Orders after they were placed.

use super::super::schema::{got, sent};
use super::{ADMIN, CURSOR, LIMIT, Route, STAFF, VENDORS, WITH_AN_ORDER, WITH_ORDERS, route};
use crate::code;
use crate::order::asked::{
    CancelInput, CancelLines, NoteInput, RefundInput, ReturnLines, StatusInput,
};
use crate::order::{AmendedOrder, Note, NotePage, OrderPage, OrderView, PlaceReply, Tracking};

const TAG: &str = "orders";

const ONCE: &str = "The same key gets the same answer, and nothing is taken twice.";

const AMENDING: &[code::Code] = &[
    code::NOT_FOUND,
    code::UNKNOWN_SKU,
    code::NOT_AMENDABLE,
    code::EXCEEDS_ORDER,
    code::EXCEEDS_DUE,
    code::KEY_REUSED,
];

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
        "POST",
        "/orders/{order}/lines/cancel",
        "cancelLines",
        TAG,
        got::<AmendedOrder>,
    )
    .status(201)
    .says("Cancels some of an order")
    .about("As long as the order itself can be cancelled. What the units cost goes back, and so do they.")
    .by(WITH_ORDERS)
    .takes(sent::<CancelLines>)
    .once(ONCE)
    .or(AMENDING),
    route(
        "POST",
        "/orders/{order}/returns",
        "returnLines",
        TAG,
        got::<AmendedOrder>,
    )
    .status(201)
    .says("Takes goods back that had left")
    .by(STAFF)
    .takes(sent::<ReturnLines>)
    .once(ONCE)
    .or(AMENDING),
    route(
        "POST",
        "/orders/{order}/refunds",
        "refund",
        TAG,
        got::<AmendedOrder>,
    )
    .status(201)
    .says("Gives money back")
    .about("All that is due for the order, where no amount is named.")
    .by(STAFF)
    .takes(sent::<RefundInput>)
    .once(ONCE)
    .or(AMENDING),
    route(
        "GET",
        "/orders/{order}/tracking",
        "tracking",
        TAG,
        got::<Tracking>,
    )
    .says("Where an order is")
    .by(WITH_AN_ORDER)
    .or(&[code::NOT_FOUND]),
    route("GET", "/orders/{order}/notes", "notes", TAG, got::<NotePage>)
        .says("What staff wrote down about an order")
        .by(STAFF)
        .or(&[code::NOT_FOUND]),
    route("POST", "/orders/{order}/notes", "addNote", TAG, got::<Note>)
        .status(201)
        .says("Writes something down about an order")
        .by(STAFF)
        .takes(sent::<NoteInput>)
        .once("The same key is the same note.")
        .or(&[code::NOT_FOUND]),
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
