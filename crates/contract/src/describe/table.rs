//! The table of what goes over a socket: who says it to whom, and what becomes of it.
//!
//! Every name in [`events::ALL`](crate::events::ALL) has its row here. Shapes are taken
//! from the types that are sent; only what the libraries say to each other when a client
//! connects has shapes of its own, because no type of ours is sent for it.

use schemars::JsonSchema;

use super::{Shape, said, told};
use crate::events::{
    Complaint, DRIVER_LOCATION, DriverLocation, ERROR, EtaUpdate, JOIN_ROOM, LEAVE_ROOM,
    ORDER_ASSIGNED, ORDER_ETA, ORDER_NEW, ORDER_UPDATED, OrderAssigned, OrderRow, POSITION,
    RoomAnswer, SNAPSHOT, STATUS_CHANGED, STATUS_UPDATE, STATUS_UPDATED, Snapshot, Stamped,
    StatusChanged, StatusUpdate,
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
    asks(LEAVE_ROOM, said::<RoomName>, &[ROOM_ANSWER])
        .about("To hear a room no more that was joined."),
];

const ROOM_ANSWER: Answer = Answer {
    key: "room-answer",
    summary: "Whether a client has joined or left a room.",
    payload: told::<RoomAnswer>,
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
