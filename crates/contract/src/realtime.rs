//! What other workers ask of the sockets, and what streams and hubs say to each other.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::{Actor, Empty, Role, commands};
use domain::live::room::Room;

/// The binding of the worker that has the sockets.
pub const REALTIME_SERVICE: &str = "REALTIME_SERVICE";
pub const STREAM_DESK: &str = "STREAM_DESK";
pub const HUB: &str = "HUB";

pub fn stream_name(stream: u16) -> String {
    format!("stream-{stream}")
}

pub fn hub_name(hub: u16) -> String {
    format!("hub-{hub}")
}

/// The rooms that somebody is in without asking.
pub fn rooms_of(actor: &Actor) -> Vec<String> {
    let id = actor.id.clone();
    let rooms = match actor.role {
        Role::Admin => vec![Room::Admin],
        Role::Driver => vec![Room::Delivery, Room::Driver(id)],
        Role::Vendor => vec![Room::Vendor(id)],
        Role::Customer => vec![Room::User(id)],
        Role::Service => Vec::new(),
    };
    rooms.iter().map(Room::name).collect()
}

/// Something that happened, for everyone in some rooms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The same id is the same event: it is heard once, however often it is sent.
    #[serde(rename = "i")]
    pub id: String,
    /// What it is about, such as the id of an order. Events about one thing are
    /// heard in the order in which they were published.
    #[serde(rename = "k")]
    pub key: String,
    #[serde(rename = "r")]
    pub rooms: Vec<String>,
    #[serde(rename = "e")]
    pub event: String,
    /// JSON, as text.
    #[serde(rename = "p")]
    pub payload: String,
    /// Only the latest of this name counts: it is never sent again, nor kept for long.
    #[serde(rename = "l", default, skip_serializing_if = "std::ops::Not::not")]
    pub latest: bool,
    /// The id of an earlier event with the same key, of which those who come back need
    /// not hear any more.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub voids: Option<String>,
    /// After that nobody who comes back needs to hear of it.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
}

impl Event {
    /// Name and payload, as they stand in a frame.
    pub fn body(&self) -> String {
        let name = serde_json::Value::from(self.event.as_str());
        format!("{name},{}", self.payload)
    }

    /// What the event is the latest of.
    pub fn latest_name(&self) -> String {
        format!("{} {}", self.event, self.key)
    }
}

impl domain::live::outlet::Addressed for Event {
    fn rooms(&self) -> &[String] {
        &self.rooms
    }
}

impl domain::live::passing::Passing for Event {
    fn id(&self) -> &str {
        &self.id
    }

    fn voids(&self) -> Option<&str> {
        self.voids.as_deref()
    }

    fn until_ms(&self) -> Option<i64> {
        self.until_ms
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Published {
    pub accepted: u32,
    /// Known already, and therefore not published again.
    pub repeated: u32,
}

impl Published {
    pub fn add(&mut self, other: Self) {
        self.accepted = self.accepted.saturating_add(other.accepted);
        self.repeated = self.repeated.saturating_add(other.repeated);
    }
}

/// Somebody whose device has answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    pub by: String,
    pub answer: Vec<serde_json::Value>,
}

commands!(AtRealtime {
    /// Let everyone in their rooms hear of these. Answered when they are written, so
    /// that they will be heard whatever breaks. Safe to repeat: ids tell.
    Publish as Publish { events: Vec<Rc<Event>> } -> Published, |_| "realtime.publish".into();
    /// Send something to everyone in a room who is there now, and wait so long for
    /// their devices to answer. Not kept, not sent again.
    Ask as AskRoom { room: String, event: String, payload: String, wait_ms: i64 }
        -> Vec<Answered>, |_| "realtime.ask".into();
    /// Which of these rooms have somebody in them; all that have, where none is named.
    Online as AskOnline { rooms: Vec<String> } -> Vec<String>, |_| "realtime.online".into();
});

/// What a hub wants of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// A room has members from now on.
    Add(String),
    /// It has none any more.
    Remove(String),
    /// A session joins a room beyond those of its role, and gets it back with itself.
    Join {
        pid: String,
        by: String,
        room: String,
    },
    Part {
        pid: String,
        room: String,
    },
    /// A session has gone; it may come back for a while.
    Gone {
        pid: String,
    },
    /// A session is back, and has heard everything up to there.
    Back {
        pid: String,
        by: String,
        rooms: Vec<String>,
        epoch: u32,
        seq: u64,
    },
}

/// What a session missed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Missed {
    /// False when some of it is gone; then there are no events either.
    pub whole: bool,
    pub events: Vec<(u64, Rc<Event>)>,
    pub latest: Vec<Rc<Event>>,
    /// The rooms beyond those of its role that it was in.
    pub joined: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attended {
    /// The stream does not know all rooms of the hub; it wants them all first.
    Unknown,
    Known {
        epoch: u32,
        /// Tells this life of the object from others.
        boot: u64,
        /// The number of the last event there is.
        head: u64,
        /// Everything up to here has been sent to the hub, and arrived.
        acked: u64,
        /// More is on its way, or has arrived though nobody knows.
        pending: bool,
        /// For each session that came back, in their order.
        missed: Vec<Missed>,
    },
}

commands!(AtStream {
    /// Number these, write them down and tell the hubs.
    Append as Append { stream: u16, events: Vec<Rc<Event>> } -> Published, |_| "stream.append".into();
    /// A hub says which rooms have members there. With `all` these are all it has.
    Attend as Attend { stream: u16, hub: u16, boot: u64, all: Option<Vec<String>>, wishes: Vec<Wish> }
        -> Attended, |_| "stream.attend".into();
    Online as StreamOnline { rooms: Vec<String> } -> Vec<String>, |_| "stream.online".into();
    /// The hubs where somebody is in this room.
    HubsOf as HubsOf { room: String } -> Vec<u16>, |_| "stream.hubs_of".into();
});

commands!(AtHub {
    /// Events for the sockets of the hub; see [`domain::live::outlet::Batch`].
    Tell as Tell {
        stream: u16,
        epoch: u32,
        boot: u64,
        after: u64,
        upto: u64,
        events: Vec<(u64, Rc<Event>)>,
        latest: Vec<Rc<Event>>,
        repeated: bool,
        gap: bool,
    } -> Empty, |_| "hub.tell".into();
    /// Tell this stream again which rooms have members.
    Roll as CallRoll { stream: u16 } -> Empty, |_| "hub.roll".into();
    Ask as AskHub { room: String, event: String, payload: String, wait_ms: i64 }
        -> Vec<Answered>, |_| "hub.ask".into();
});
