//! Offers: vendors answer them, staff starts, steers and looks.

use serde_json::{Value, json};

use super::super::schema::{called, demanding, got, sent};
use super::{ADMIN, CURSOR, LIMIT, Param, Route, STAFF, VENDOR, VENDORS, must, route};
use crate::assignment::Routing;
use crate::code;
use crate::code::Code;
use crate::offers::OfferPage;
use crate::offers::asked::{
    AnswerInput, ForceInput, ReleaseInput, RouteInput, StartInput, TimeoutInput,
};
use crate::offers::shown::{
    AssignmentHistory, Done, FailedPage, Rejected, Routed, RoutingReport, Won,
};
use crate::plain::Success;

const TAG: &str = "offers";

const STATUS: Param = must(
    "status",
    "Which are wanted.",
    || json!({ "type": "string", "enum": ["FAILED"] }),
);

/// Why a vendor does not get an order, or cannot reject it any more.
const LOST: &[Code] = &[
    code::NOT_FOUND,
    code::ORDER_ALREADY_ACCEPTED,
    code::OFFER_EXPIRED,
    code::OFFER_REJECTED,
    code::ORDER_CANCELLED,
    code::VENDOR_FULL,
    code::ASSIGNMENT_CLOSED,
    code::PLACE_UNKNOWN,
];

/// Why vendors are not looked for.
const NOT_STARTED: &[Code] = &[
    code::NOT_FOUND,
    code::ORDER_ALREADY_ACCEPTED,
    code::ORDER_CANCELLED,
    code::ASSIGNMENT_CLOSED,
    code::ALREADY_STARTED,
    code::NOTHING_TO_RETRY,
    code::NOT_PAID,
];

const FORCED: &[Code] = &[
    code::NOT_FOUND,
    code::ORDER_ALREADY_ACCEPTED,
    code::ORDER_CANCELLED,
    code::ASSIGNMENT_CLOSED,
    code::NOT_PAID,
    code::PLACE_UNKNOWN,
];

/// Why what is under way does not end.
const NOT_ENDED: &[Code] = &[
    code::NOT_FOUND,
    code::ORDER_ALREADY_ACCEPTED,
    code::OFFER_EXPIRED,
    code::ORDER_CANCELLED,
    code::ASSIGNMENT_CLOSED,
    code::NOT_ASSIGNED,
];

/// An answer that says which it is.
fn response() -> (String, Value) {
    let which = json!({ "type": "string", "enum": ["ACCEPT", "REJECT"] });
    called(
        "ResponseInput",
        demanding(sent::<AnswerInput>(), "response", which),
    )
}

/// Either of two answers, by what was asked.
fn won_or_rejected() -> (String, Value) {
    let (_, won) = got::<Done<'static, Won>>();
    let (_, rejected) = got::<Done<'static, Rejected>>();
    ("DoneResponse".into(), json!({ "anyOf": [won, rejected] }))
}

pub const ROUTES: &[Route] = &[
    route(
        "GET",
        "/api/vendor/offers",
        "offers",
        TAG,
        got::<OfferPage>,
    )
    .says("What the vendor of the token is asked now")
    .by(VENDOR),
    route(
        "POST",
        "/api/vendor/orders/{order}/accept",
        "acceptOffer",
        TAG,
        got::<Done<'static, Won>>,
    )
    .says("A vendor takes an order")
    .about("The same vendor gets the same answer, however often it asks. Staff has to name the vendor.")
    .by(VENDORS)
    .takes(sent::<AnswerInput>)
    .or(LOST),
    route(
        "POST",
        "/api/vendor/orders/{order}/reject",
        "rejectOffer",
        TAG,
        got::<Done<'static, Rejected>>,
    )
    .says("A vendor does not want an order")
    .about("Staff has to name the vendor.")
    .by(VENDORS)
    .takes(sent::<AnswerInput>)
    .or(LOST),
    route(
        "POST",
        "/api/vendor/orders/{order}/seen",
        "seenOffer",
        TAG,
        got::<Success>,
    )
    .says("Somebody has looked at an offer")
    .about("Answered the same whatever there is to see.")
    .by(VENDOR)
    .takes(sent::<AnswerInput>),
    route(
        "POST",
        "/api/vendor/orders/{order}/release",
        "giveOrderBack",
        TAG,
        got::<Done<'static, Routing>>,
    )
    .says("A vendor gives an order back")
    .about("Others are asked then.")
    .by(VENDOR)
    .takes(sent::<ReleaseInput>)
    .or(NOT_ENDED),
    route(
        "POST",
        "/api/admin/orders/{order}/start-assignment",
        "startAssignment",
        TAG,
        got::<Done<'static, Routing>>,
    )
    .says("Looks for a vendor, nearest first")
    .about("Done already where it is under way in the same way. Tries again where nobody was found.")
    .by(ADMIN)
    .takes(sent::<StartInput>)
    .or(NOT_STARTED),
    route(
        "POST",
        "/api/admin/orders/{order}/force-assign",
        "forceAssign",
        TAG,
        got::<Done<'static, Won>>,
    )
    .says("Gives an order to a vendor, whatever it works on")
    .by(ADMIN)
    .takes(sent::<ForceInput>)
    .or(FORCED),
    route(
        "POST",
        "/api/admin/orders/{order}/release",
        "releaseOrder",
        TAG,
        got::<Done<'static, Routing>>,
    )
    .says("Takes an order from the vendor who has it")
    .by(ADMIN)
    .takes(sent::<ReleaseInput>)
    .or(NOT_ENDED),
    route(
        "GET",
        "/api/admin/orders/{order}/assignments",
        "assignments",
        TAG,
        got::<Done<'static, AssignmentHistory>>,
    )
    .says("Who was asked and why, and what each did")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "POST",
        "/api/orders/{order}/route-to-vendors",
        "routeToVendors",
        TAG,
        got::<Done<'static, Routed>>,
    )
    .says("Offers an order to the best vendors at once")
    .by(STAFF)
    .takes(sent::<RouteInput>)
    .status(201)
    .or(NOT_STARTED),
    route(
        "POST",
        "/api/routing/{routing}/vendor-response",
        "respond",
        TAG,
        won_or_rejected,
    )
    .says("A vendor takes an order, or does not want it")
    .about("What comes of it is decided at once. Staff has to name the vendor.")
    .by(VENDORS)
    .takes(response)
    .or(LOST),
    route(
        "POST",
        "/api/routing/{routing}/accept",
        "acceptRouting",
        TAG,
        got::<Done<'static, Won>>,
    )
    .says("A vendor takes an order")
    .about("Staff has to name the vendor.")
    .by(VENDORS)
    .takes(sent::<AnswerInput>)
    .or(LOST),
    route(
        "POST",
        "/api/routing/{routing}/timeout",
        "endOffers",
        TAG,
        got::<Done<'static, Routing>>,
    )
    .says("Ends offers before their time")
    .by(STAFF)
    .takes(sent::<TimeoutInput>)
    .or(NOT_ENDED),
    route(
        "GET",
        "/api/routing/{routing}/status",
        "routingStatus",
        TAG,
        got::<Done<'static, RoutingReport>>,
    )
    .says("How the offers of an order stand")
    .by(STAFF)
    .or(&[code::NOT_FOUND]),
    route(
        "GET",
        "/api/admin/routings",
        "failedRoutings",
        TAG,
        got::<FailedPage>,
    )
    .says("Orders that nobody took, the latest first")
    .by(ADMIN)
    .query(&[STATUS, LIMIT, CURSOR]),
];
