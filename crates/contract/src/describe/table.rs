//! The table of what goes over a socket: who says it to whom, and what becomes of it.
//!
//! Every name in [`events::ALL`](crate::events::ALL) has its row here. Shapes are taken
//! from the types that are sent; only what the libraries say to each other when a client
//! connects has shapes of its own, because no type of ours is sent for it.

use schemars::JsonSchema;

use super::{Shape, said, told};
use crate::dispatch::{DriverDone, DriverOrders, LocationInput, ShiftInput, ShiftView};
use crate::events::{
    ACCEPT_ORDER, ACCEPT_RESULT, ASSIGNMENT_FAILED, CANCEL_PUSH, Complaint, DRIVER_ACCEPT,
    DRIVER_AVAILABILITY, DRIVER_DELIVERED, DRIVER_LOCATION, DRIVER_OFFER, DRIVER_ORDERS,
    DRIVER_PICKED_UP, DRIVER_PING, DRIVER_REJECT, DRIVER_RELEASED, DriverLocation, DriverOffer,
    DriverReleased, ERROR, EtaUpdate, JOIN_ROOM, LEAVE_ROOM, NEW_ORDER, OFFER_SEEN, ORDER_ASSIGNED,
    ORDER_ETA, ORDER_NEW, ORDER_UPDATED, OrderAssigned, OrderRow, POSITION, REJECT_ORDER,
    REJECT_RESULT, RoomAnswer, SNAPSHOT, STATUS_CHANGED, STATUS_UPDATE, STATUS_UPDATED, Snapshot,
    Stamped, StatusChanged, StatusUpdate, VENDOR_ASSIGNED, VENDOR_RELEASED,
};
use crate::offers::{
    AcceptOrder, AcceptResult, AssignmentFailed, CancelPush, NewOrder, OfferSeen, RejectOrder,
    RejectResult, VendorAssigned, VendorReleased,
};

/// Where something is said: in a room, or between the server and one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub key: &'static str,
    pub address: &'static str,
    pub about: &'static str,
}

const fn place(key: &'static str, address: &'static str, about: &'static str) -> Place {
    Place {
        key,
        address,
        about,
    }
}

pub const SOCKET: Place = place(
    "socket",
    "/",
    "One client and the server, in the main namespace; there is no other.",
);
const ADMIN: Place = place("admin", "admin", "All admins, without asking.");
const DELIVERY: Place = place("delivery", "delivery", "All drivers, without asking.");
const DRIVER: Place = place(
    "driver",
    "delivery:{driverId}",
    "One driver, without asking.",
);
const VENDOR: Place = place(
    "vendor",
    "vendor:{vendorId}",
    "One vendor, without asking. `vendor_{vendorId}` is another name of it.",
);
const USER: Place = place("user", "user:{customerId}", "One customer, without asking.");
const ORDER: Place = place(
    "order",
    "order:{orderId}",
    "Those whom an order concerns and who have joined. They may join by its number too.",
);

pub const PLACES: [Place; 7] = [SOCKET, ADMIN, DELIVERY, DRIVER, VENDOR, USER, ORDER];

/// Which way something goes, and what becomes of it when nobody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To everyone in a room, and later to whoever missed it.
    Kept,
    /// To everyone in a room; who comes back gets the latest and no other.
    Latest,
    /// To one client, once.
    Direct,
    /// From one client.
    Said,
}

/// What somebody may get for an answer.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub key: &'static str,
    pub summary: &'static str,
    pub payload: Shape,
}

#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    pub kind: Kind,
    pub places: &'static [Place],
    pub payload: Shape,
    pub summary: &'static str,
    /// One of these comes back.
    pub answers: &'static [Answer],
}

type Places = &'static [Place];

const fn event(kind: Kind, name: &'static str, places: Places, payload: Shape) -> Row {
    Row {
        name,
        kind,
        places,
        payload,
        summary: "",
        answers: &[],
    }
}

const fn kept(name: &'static str, places: Places, payload: Shape) -> Row {
    event(Kind::Kept, name, places, payload)
}

const fn latest(name: &'static str, places: Places, payload: Shape) -> Row {
    event(Kind::Latest, name, places, payload)
}

const fn direct(name: &'static str, payload: Shape) -> Row {
    event(Kind::Direct, name, &[SOCKET], payload)
}

const fn asks(name: &'static str, payload: Shape, answers: &'static [Answer]) -> Row {
    let row = event(Kind::Said, name, &[SOCKET], payload);
    Row { answers, ..row }
}

impl Row {
    const fn about(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }
}

pub const EVENTS: &[Row] = &[
    kept(ORDER_NEW, &[ADMIN], told::<Stamped<OrderRow>>).about("An order was placed."),
    kept(ORDER_UPDATED, &[ADMIN, DELIVERY], told::<Stamped<OrderRow>>)
        .about("An order has come to another version: its row as it is now."),
    kept(
        ORDER_ASSIGNED,
        &[ADMIN, DELIVERY, DRIVER],
        told::<Stamped<OrderAssigned>>,
    )
    .about("An order was given to a driver."),
    kept(
        STATUS_UPDATED,
        &[ADMIN, DELIVERY],
        told::<Stamped<StatusUpdate>>,
    )
    .about("An order has taken a step, for admins and drivers."),
    kept(STATUS_UPDATE, &[ORDER, USER], told::<Stamped<StatusUpdate>>)
        .about("An order has taken a step, for those who follow it."),
    kept(STATUS_CHANGED, &[ADMIN], told::<Stamped<StatusChanged>>)
        .about("An order has taken a step, in short, for admins."),
    kept(NEW_ORDER, &[VENDOR, ADMIN], told::<Stamped<NewOrder>>)
        .about("An order is offered to a vendor. One who connects is told of what is open, with the seconds that are left; one who comes back is told of what it missed and is still open."),
    kept(CANCEL_PUSH, &[VENDOR, ADMIN], told::<Stamped<CancelPush>>)
        .about("An offer is off. A `NEW_ORDER` with the same tag that is heard later is off too."),
    kept(
        VENDOR_ASSIGNED,
        &[VENDOR, USER, ORDER, ADMIN],
        told::<Stamped<VendorAssigned>>,
    )
    .about("A vendor has the order."),
    kept(
        VENDOR_RELEASED,
        &[VENDOR, USER, ORDER, ADMIN],
        told::<Stamped<VendorReleased>>,
    )
    .about("The vendor who had the order has it no more."),
    kept(
        ASSIGNMENT_FAILED,
        &[USER, ORDER, ADMIN],
        told::<Stamped<AssignmentFailed>>,
    )
    .about("No vendor was found for an order. Admins should look at it."),
    latest(DRIVER_LOCATION, &[ORDER], told::<Stamped<DriverLocation>>)
        .about("Where the driver of an order is."),
    latest(ORDER_ETA, &[ORDER], told::<Stamped<EtaUpdate>>)
        .about("When an order is expected to arrive."),
    direct(SNAPSHOT, told::<Snapshot>)
        .about("How things are, for a client that is back when what it missed is gone."),
    direct(POSITION, told::<Nothing>)
        .about("Brings a client that has heard nothing for a while its position."),
    direct(ERROR, told::<Complaint>).about("What was wrong with something that wanted no answer."),
    asks(JOIN_ROOM, said::<RoomName>, &[ROOM_ANSWER]).about("To hear what is said in a room."),
    direct(ACCEPT_RESULT, told::<AcceptResult>).about("What came of `ACCEPT_ORDER`."),
    direct(REJECT_RESULT, told::<RejectResult>).about("What came of `REJECT_ORDER`."),
    asks(ACCEPT_ORDER, said::<AcceptOrder>, &[ACCEPT_ANSWER])
        .about("A vendor takes an order. It hears `ACCEPT_RESULT`, and the same as the answer if it wants one."),
    asks(REJECT_ORDER, said::<RejectOrder>, &[REJECT_ANSWER])
        .about("A vendor does not want an order. It hears `REJECT_RESULT`, or `ERROR` where it is too late, and what came of it as the answer if it wants one."),
    asks(OFFER_SEEN, said::<OfferSeen>, &[SEEN_ANSWER])
        .about("Somebody has looked at an offer. A vendor hears of it only if it wants an answer, or if something was wrong."),
    kept(DRIVER_OFFER, &[DRIVER], told::<Stamped<DriverOffer>>)
        .about("A driver is asked whether to bring an order. It is among the answers to `driver:orders` too, for one who connects later."),
    kept(DRIVER_RELEASED, &[DRIVER], told::<Stamped<DriverReleased>>)
        .about("A driver has an order no more, or is not asked about it any more."),
    asks(DRIVER_PING, said::<LocationInput>, &[TAKEN, DRIVER_NO])
        .about("Where a driver is. The latest counts; one that is lost is as good as the next."),
    asks(DRIVER_AVAILABILITY, said::<ShiftInput>, &[SHIFT, DRIVER_NO])
        .about("A driver comes or goes."),
    asks(DRIVER_ORDERS, said::<NothingSaid>, &[HAS_ORDERS, DRIVER_NO])
        .about("What a driver has, and is asked about."),
    asks(DRIVER_ACCEPT, said::<OfOrder>, &[DONE, DRIVER_NO])
        .about("A driver takes an order that it is asked about."),
    asks(DRIVER_REJECT, said::<OfOrder>, &[DONE, DRIVER_NO])
        .about("A driver does not want an order that it is asked about."),
    asks(DRIVER_PICKED_UP, said::<OfOrder>, &[DONE, DRIVER_NO])
        .about("A driver has collected an order."),
    asks(DRIVER_DELIVERED, said::<Handover>, &[DONE, DRIVER_NO])
        .about("A driver has handed an order over, and says what shows it."),
    asks(LEAVE_ROOM, said::<RoomName>, &[ROOM_ANSWER])
        .about("To hear a room no more that was joined."),
];

const ACCEPT_ANSWER: Answer = Answer {
    key: "accept-answer",
    summary: "What came of an accept.",
    payload: told::<AcceptResult>,
};

const REJECT_ANSWER: Answer = Answer {
    key: "reject-answer",
    summary: "What came of a reject.",
    payload: told::<RejectResult>,
};

const SEEN_ANSWER: Answer = Answer {
    key: "seen-answer",
    summary: "Whether it was taken note of.",
    payload: told::<RejectResult>,
};

const ROOM_ANSWER: Answer = Answer {
    key: "room-answer",
    summary: "Whether a client has joined or left a room.",
    payload: told::<RoomAnswer>,
};

const TAKEN: Answer = Answer {
    key: "driver-position-taken",
    summary: "The position was taken note of.",
    payload: told::<PositionTaken>,
};

const SHIFT: Answer = Answer {
    key: "driver-shift",
    summary: "How it stands with the driver now.",
    payload: told::<Done<ShiftView>>,
};

const HAS_ORDERS: Answer = Answer {
    key: "driver-has-orders",
    summary: "What the driver has, and is asked about.",
    payload: told::<Done<DriverOrders>>,
};

const DONE: Answer = Answer {
    key: "driver-done",
    summary: "It is done, or was before.",
    payload: told::<Done<DriverDone>>,
};

const DRIVER_NO: Answer = Answer {
    key: "driver-refused",
    summary: "Nothing came of it, and why. Who wants no answer hears `ERROR`.",
    payload: told::<DriverRefused>,
};

/// How a client comes in. The libraries do this by themselves and give it these names.
pub const CONNECT: Row = asks(
    "connect",
    said::<Auth>,
    &[
        Answer {
            key: "connected",
            summary: "The client is in the rooms of its role.",
            payload: told::<Connected>,
        },
        Answer {
            key: "connect_error",
            summary: "The client may not come in, and hears why.",
            payload: told::<ConnectError>,
        },
    ],
)
.about("A client says who it is, with the option `auth` of its library.");

/// The name of a room, such as `order:{orderId}`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its shape is of interest")]
struct RoomName(String);

/// Nothing. What counts is the position that goes with it.
#[derive(JsonSchema)]
struct Nothing {}

/// Nothing has to be said.
#[derive(JsonSchema)]
struct NothingSaid {}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its shape is of interest")]
struct OfOrder {
    /// Its id or its number.
    order_id: String,
}

/// One of the two shows that it was handed over.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its shape is of interest")]
struct Handover {
    /// Its id or its number.
    order_id: String,
    /// What the customer said at the door.
    code: Option<String>,
    /// Where a photograph of it is.
    photo: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its shape is of interest")]
struct PositionTaken {
    #[schemars(extend("const" = true))]
    ok: bool,
}

/// What the driver's desk has answered.
#[derive(JsonSchema)]
#[schemars(rename = "Done{T}")]
#[expect(dead_code, reason = "only its shape is of interest")]
struct Done<T> {
    #[schemars(extend("const" = true))]
    ok: bool,
    #[schemars(flatten)]
    of: T,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its shape is of interest")]
struct DriverRefused {
    #[schemars(extend("const" = false))]
    ok: bool,
    /// Stable, as in the problems that requests get.
    code: String,
    error: String,
}

/// Who a client is. Everything else in it is ignored.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its shape is of interest")]
struct Auth {
    /// A JWT, with or without `Bearer` in front of it. It may be left out by those whose
    /// request has it in its header `Authorization`.
    token: Option<String>,
    /// The session that a client had before. The library keeps it.
    pid: Option<String>,
    /// The position that a client has come to. The library keeps it.
    offset: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its shape is of interest")]
struct Connected {
    sid: String,
    /// The same as before where the client has missed nothing, or gets what it missed.
    pid: String,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its shape is of interest")]
struct ConnectError {
    message: String,
    data: ErrorCode,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its shape is of interest")]
struct ErrorCode {
    /// Stable, as in the problems that requests get.
    code: String,
}
