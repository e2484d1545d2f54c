//! The sockets of a hub, and what hangs at each.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use contract::Actor;
use contract::realtime::rooms_of;
use domain::live::position::Position;
use edge::socket::Text;
use edge::telemetry;
use serde::{Deserialize, Serialize};
use worker::{State, WebSocket, WebSocketRequestResponsePair};

/// What is known of a socket. It hangs at the socket, as text, and outlives the hub's
/// sleep. The platform takes 16 KiB.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    #[serde(rename = "n")]
    pub number: u32,
    #[serde(rename = "o")]
    pub opened_ms: i64,
    /// Who the request that opened it was by, and until when that holds.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub header: Option<(String, i64)>,
    /// Who it is, once it is connected.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(rename = "u", default)]
    pub until_ms: i64,
    /// The private id under which a client may come back.
    #[serde(rename = "p", default)]
    pub pid: String,
    /// Rooms beyond those of its role.
    #[serde(rename = "j", default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<String>,
    /// The position that it is known to have.
    #[serde(rename = "f", default)]
    pub floor: String,
}

impl Session {
    pub fn actor(&self) -> Option<Actor> {
        self.by.as_deref().and_then(Actor::from_tag)
    }

    pub fn rooms(&self) -> Vec<String> {
        let own = self
            .actor()
            .map(|actor| rooms_of(&actor))
            .unwrap_or_default();
        own.into_iter().chain(self.joined.iter().cloned()).collect()
    }

    pub fn floor(&self) -> Position {
        Position::parse(&self.floor).unwrap_or_default()
    }
}

struct Held {
    socket: WebSocket,
    session: Session,
}

#[derive(Default)]
pub struct Sockets {
    held: RefCell<BTreeMap<u32, Held>>,
    next: Cell<u32>,
    found: Cell<bool>,
}

/// Clients answer pings; the platform takes note, and wakes nobody.
pub fn answer_pongs(state: &State) {
    if let Ok(pair) = WebSocketRequestResponsePair::new("3", "6") {
        state.set_websocket_auto_response(&pair);
    }
}

fn attached(socket: &WebSocket) -> Option<String> {
    socket.deserialize_attachment().ok()?
}

fn session_at(socket: &WebSocket) -> Option<Session> {
    let text = attached(socket)?;
    let (_, session) = text.split_once(' ')?;
    serde_json::from_slice(session.as_bytes()).ok()
}

pub fn number_of(socket: &WebSocket) -> Option<u32> {
    // It stands in front, so that not all has to be read for it.
    let text = attached(socket)?;
    text.split_once(' ')?.0.parse().ok()
}

impl Sockets {
    /// Looks at all sockets there are, after a sleep.
    pub fn find(&self, state: &State) {
        if self.found.replace(true) {
            return;
        }
        for socket in state.get_websockets() {
            if let Some(session) = session_at(&socket) {
                self.next.set(self.next.get().max(session.number));
                let mut held = self.held.borrow_mut();
                held.insert(session.number, Held { socket, session });
            }
        }
        if !self.is_empty() {
            telemetry::info("hub_woke", &[("sockets", &self.len().to_string())]);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.held.borrow().is_empty()
    }

    pub fn len(&self) -> usize {
        self.held.borrow().len()
    }

    /// A new socket; its number.
    pub fn add(&self, socket: WebSocket, mut session: Session) -> u32 {
        let number = self.next.get().wrapping_add(1);
        self.next.set(number);
        session.number = number;
        self.held
            .borrow_mut()
            .insert(number, Held { socket, session });
        self.change(number, |_| {});
        number
    }

    pub fn session(&self, number: u32) -> Option<Session> {
        let held = self.held.borrow();
        held.get(&number).map(|held| held.session.clone())
    }

    /// Sockets of known clients.
    pub fn settled(&self) -> Vec<(u32, Session)> {
        let held = self.held.borrow();
        let settled = held.values().filter(|held| held.session.by.is_some());
        settled
            .map(|held| (held.session.number, held.session.clone()))
            .collect()
    }

    /// Changes what is known of a socket, and hangs it at the socket.
    pub fn change(&self, number: u32, change: impl FnOnce(&mut Session)) {
        let mut held = self.held.borrow_mut();
        let Some(held) = held.get_mut(&number) else {
            return;
        };
        change(&mut held.session);
        if let Ok(text) = serde_json::to_string(&held.session) {
            let _ = held.socket.serialize_attachment(format!("{number} {text}"));
        }
    }

    pub fn remove(&self, number: u32) -> Option<(WebSocket, Session)> {
        let held = self.held.borrow_mut().remove(&number);
        held.map(|held| (held.socket, held.session))
    }

    pub fn send(&self, number: u32, text: &str) {
        self.send_to(&[number], text);
    }

    /// One text to many; those that could not take it.
    pub fn send_to(&self, numbers: &[u32], text: &str) {
        let text = Text::new(text);
        let held = self.held.borrow();
        for held in numbers.iter().filter_map(|number| held.get(number)) {
            // A socket that is gone says so by itself.
            text.send(&held.socket);
        }
    }

    /// Some texts to one, in their order.
    pub fn send_each<'a>(&self, number: u32, texts: impl Iterator<Item = &'a Text>) {
        if let Some(held) = self.held.borrow().get(&number) {
            for text in texts {
                text.send(&held.socket);
            }
        }
    }

    /// Each socket, for those who look at all.
    pub fn each(&self, mut look: impl FnMut(&WebSocket, &Session)) {
        for held in self.held.borrow().values() {
            look(&held.socket, &held.session);
        }
    }

    /// Those that have not taken what was sent to them.
    pub fn clogged(&self, most: f64) -> Vec<u32> {
        let held = self.held.borrow();
        let clogged = held
            .values()
            .filter(|held| edge::socket::waiting_bytes(&held.socket) > most);
        clogged.map(|held| held.session.number).collect()
    }
}
