//! Drivers: the directory, where they are, their shifts and what they do with orders; and what
//! the queues could not bring to an end.

use serde_json::{Value, json};

use super::super::schema::{DRIVER as ID, called, demanding, got, sent, sent_without};
use super::{ADMIN, DRIVER, LATITUDE, LIMIT, LONGITUDE, Param, Route, may, route};
use crate::code;
use crate::code::Code;
use crate::dispatch::{
    AssignDriverInput, Cursor, DeadLetter, DeadLetters, DeliverInput, DriverDone, DriverHistory,
    DriverInput, DriverOrders, DriverPage, DriverView, LocationInput, SeenDrivers, ShiftInput,
    ShiftView,
};
use crate::order::OrderView;
use crate::plain::Success;

const TAG: &str = "drivers";

const AFTER_DRIVER: Param = may(
    "cursor",
    "Where to go on: `next_cursor` of the page before.",
    || json!({ "type": "string", "pattern": domain::limits::CODE }),
);
const BEFORE: Param = may(
    "cursor",
    "Where to go on: `next_cursor` of the page before.",
    || json!({ "type": "string", "pattern": Cursor::PATTERN }),
);
const STATE: Param = may(
    "state",
    "Those that nobody has sent again, or all.",
    || json!({ "type": "string", "enum": ["waiting", "all"], "default": "waiting" }),
);

/// Why something is not done with an order.
const REFUSED: &[Code] = &[
    code::NOT_FOUND,
    code::NOT_YOUR_ORDER,
    code::DRIVER_OFFER_OVER,
    code::NOT_COLLECTED,
    code::COLLECTED,
    code::NO_DRIVER_WANTED,
];

fn driver() -> (String, Value) {
    sent_without::<DriverInput, ID>()
}

/// A code or a photograph, and the other one if wanted.
fn delivered() -> (String, Value) {
    let with = |field: &str, example: &str| {
        let words = json!({
            "type": "string", "minLength": 1, "maxLength": domain::limits::TEXT_MAX,
            "pattern": r"\S", "examples": [example],
        });
        demanding(sent::<DeliverInput>(), field, words).1
    };
    let either = json!({ "anyOf": [with("code", "4711"), with("photo", "door-1.jpg")] });
    called("DeliverInput", (String::new(), either))
}

const fn deed(path: &'static str, name: &'static str) -> Route {
    route("POST", path, name, TAG, got::<DriverDone>)
        .by(DRIVER)
        .or(REFUSED)
}

pub const ROUTES: &[Route] = &[
    route(
        "GET",
        "/api/admin/drivers",
        "drivers",
        TAG,
        got::<DriverPage>,
    )
    .says("All drivers")
    .by(ADMIN)
    .query(&[LIMIT, AFTER_DRIVER]),
    route(
        "POST",
        "/api/admin/drivers",
        "createDriver",
        TAG,
        got::<DriverView>,
    )
    .says("Registers a driver")
    .by(ADMIN)
    .takes(sent::<DriverInput>)
    .status(201)
    .or(&[code::ALREADY_EXISTS]),
    route(
        "GET",
        "/api/admin/drivers/{driver}",
        "driver",
        TAG,
        got::<DriverView>,
    )
    .says("One driver")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "PUT",
        "/api/admin/drivers/{driver}",
        "writeDriver",
        TAG,
        got::<DriverView>,
    )
    .says("Writes a driver")
    .about("The capacity counts from the next shift on.")
    .by(ADMIN)
    .takes(driver),
    route(
        "DELETE",
        "/api/admin/drivers/{driver}",
        "retireDriver",
        TAG,
        got::<DriverView>,
    )
    .says("A driver begins no shift any more")
    .about("Stays in the directory, inactive.")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "GET",
        "/api/admin/driver-map",
        "driverMap",
        TAG,
        got::<SeenDrivers>,
    )
    .says("Who is about in the cell of a place, for maps")
    .by(ADMIN)
    .query(&[LATITUDE, LONGITUDE]),
    route(
        "POST",
        "/api/admin/orders/{order}/assign-driver",
        "assignDriver",
        TAG,
        got::<OrderView>,
    )
    .says("Gives an order to a driver, on a shift or not")
    .by(ADMIN)
    .takes(sent::<AssignDriverInput>)
    .or(REFUSED),
    route(
        "GET",
        "/api/admin/dispatch/dead-letters",
        "deadLetters",
        TAG,
        got::<DeadLetters>,
    )
    .says("Messages of the queues that came to nothing, the latest first")
    .by(ADMIN)
    .query(&[STATE, LIMIT, BEFORE]),
    route(
        "GET",
        "/api/admin/dispatch/dead-letters/{letter}",
        "deadLetter",
        TAG,
        got::<DeadLetter>,
    )
    .says("One of them, with its body as it came")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "POST",
        "/api/admin/dispatch/dead-letters/{letter}/replay",
        "replayLetter",
        TAG,
        got::<DeadLetter>,
    )
    .says("Sends it once more, to where it was going")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "PUT",
        "/api/driver/location",
        "tellLocation",
        TAG,
        got::<Success>,
    )
    .says("A driver's device says where it is")
    .about("Answered the same where it is no news: late, old or vague.")
    .by(DRIVER)
    .takes(sent::<LocationInput>),
    route(
        "GET",
        "/api/driver/availability",
        "shift",
        TAG,
        got::<ShiftView>,
    )
    .says("Whether orders may come to the driver of the token")
    .by(DRIVER),
    route(
        "PUT",
        "/api/driver/availability",
        "setShift",
        TAG,
        got::<ShiftView>,
    )
    .says("A driver comes or goes")
    .about("Only those in the directory may come. Whoever goes keeps what is on the way; the rest goes to others. May be repeated.")
    .by(DRIVER)
    .takes(sent::<ShiftInput>)
    .or(&[code::NOT_FOUND]),
    route(
        "GET",
        "/api/driver/orders",
        "driverOrders",
        TAG,
        got::<DriverOrders>,
    )
    .says("What the driver is asked about, and has")
    .by(DRIVER),
    route(
        "GET",
        "/api/driver/history",
        "driverHistory",
        TAG,
        got::<DriverHistory>,
    )
    .says("What the driver had, the latest first")
    .by(DRIVER)
    .query(&[LIMIT, BEFORE]),
    deed("/api/driver/orders/{order}/accept", "acceptErrand").says("A driver takes an order"),
    deed("/api/driver/orders/{order}/reject", "rejectErrand")
        .says("A driver does not want an order"),
    deed("/api/driver/orders/{order}/picked-up", "collectErrand")
        .says("A driver has collected an order"),
    deed("/api/driver/orders/{order}/delivered", "deliverErrand")
        .says("A driver has handed an order over")
        .takes(delivered),
];
