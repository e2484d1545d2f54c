//! Frames on the wire: Engine.IO v4 with Socket.IO v5 inside, as text.
//!
//! Written after the public specification of both. A frame that cannot be read is
//! `None`, whatever it holds; the receiver closes the connection. Binary events are
//! understood as such, so that they can be refused by name, and never carried.

use serde_json::{Map, Value};
use std::fmt::Write;

/// What one message of the websocket holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    Open(Map<String, Value>),
    Close,
    Ping(String),
    Pong(String),
    Message(Packet),
    Upgrade,
    Noop,
}

/// A Socket.IO packet, always with the namespace it is for; `/` is the main one.
#[derive(Debug, Clone, PartialEq)]
pub enum Packet {
    Connect {
        namespace: String,
        auth: Map<String, Value>,
    },
    Disconnect {
        namespace: String,
    },
    Event {
        namespace: String,
        ack: Option<u64>,
        name: String,
        args: Vec<Value>,
    },
    Ack {
        namespace: String,
        ack: u64,
        args: Vec<Value>,
    },
    ConnectError {
        namespace: String,
        error: Map<String, Value>,
    },
    /// An event or an answer with binary parts, which follow in frames of their own.
    Binary {
        namespace: String,
        ack: Option<u64>,
    },
}

pub const MAIN: &str = "/";

/// Names that the libraries keep for themselves; nobody sends them as events.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

impl Frame {
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.chars();
        let kind = rest.next()?;
        let rest = rest.as_str();
        match kind {
            '0' => serde_json::from_str(rest).ok().map(Self::Open),
            '1' => Some(Self::Close),
            '2' => Some(Self::Ping(rest.to_owned())),
            '3' => Some(Self::Pong(rest.to_owned())),
            '4' => Packet::parse(rest).map(Self::Message),
            '5' => Some(Self::Upgrade),
            '6' => Some(Self::Noop),
            _ => None,
        }
    }

    pub fn text(&self) -> String {
        match self {
            Self::Open(handshake) => format!("0{}", Value::from(handshake.clone())),
            Self::Close => "1".into(),
            Self::Ping(data) => format!("2{data}"),
            Self::Pong(data) => format!("3{data}"),
            Self::Message(packet) => format!("4{}", packet.text()),
            Self::Upgrade => "5".into(),
            Self::Noop => "6".into(),
        }
    }
}

/// The parts of a packet after its type: count of binary parts, namespace, ack.
struct Head<'a> {
    attachments: Option<u64>,
    namespace: &'a str,
    ack: Option<u64>,
    data: &'a str,
}

fn digits(text: &str) -> Option<(Option<u64>, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    if number.is_empty() {
        return Some((None, text));
    }
    // A number that is too long is no number.
    Some((Some(number.parse().ok()?), rest))
}

fn head(text: &str, binary: bool) -> Option<Head<'_>> {
    let (attachments, text) = if binary {
        let (count, rest) = digits(text)?;
        (Some(count?), rest.strip_prefix('-')?)
    } else {
        (None, text)
    };
    let (namespace, text) = if text.starts_with('/') {
        text.split_once(',').unwrap_or((text, ""))
    } else {
        (MAIN, text)
    };
    // What follows a `?` is a query, of which nobody here knows.
    let namespace = namespace.split('?').next().unwrap_or(MAIN);
    let (ack, data) = digits(text)?;
    Some(Head {
        attachments,
        namespace,
        ack,
        data,
    })
}

impl Packet {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.chars();
        let kind = rest.next()?;
        let head = head(rest.as_str(), matches!(kind, '5' | '6'))?;
        let namespace = head.namespace.to_owned();
        match kind {
            '0' => {
                let auth = match head.data {
                    "" => Map::new(),
                    data => serde_json::from_str(data).ok()?,
                };
                let plain = head.ack.is_none();
                plain.then_some(Self::Connect { namespace, auth })
            }
            '1' => {
                let plain = head.ack.is_none() && head.data.is_empty();
                plain.then_some(Self::Disconnect { namespace })
            }
            '2' => {
                let mut args: Vec<Value> = serde_json::from_str(head.data).ok()?;
                if args.is_empty() {
                    return None;
                }
                let name = match args.remove(0) {
                    Value::String(name) if !RESERVED.contains(&name.as_str()) => name,
                    _ => return None,
                };
                Some(Self::Event {
                    namespace,
                    ack: head.ack,
                    name,
                    args,
                })
            }
            '3' => Some(Self::Ack {
                namespace,
                ack: head.ack?,
                args: serde_json::from_str(head.data).ok()?,
            }),
            '4' => Some(Self::ConnectError {
                namespace,
                error: serde_json::from_str(head.data).ok()?,
            }),
            '5' | '6' => {
                serde_json::from_str::<Vec<Value>>(head.data).ok()?;
                head.attachments.map(|_| Self::Binary {
                    namespace,
                    ack: head.ack,
                })
            }
            _ => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Connect { namespace, auth } => {
                let auth = if auth.is_empty() {
                    String::new()
                } else {
                    Value::Object(auth.clone()).to_string()
                };
                written('0', namespace, None, &auth)
            }
            Self::Disconnect { namespace } => written('1', namespace, None, ""),
            Self::Event {
                namespace,
                ack,
                name,
                args,
            } => {
                let mut all = vec![Value::from(name.as_str())];
                all.extend(args.iter().cloned());
                written('2', namespace, *ack, &Value::Array(all).to_string())
            }
            Self::Ack {
                namespace,
                ack,
                args,
            } => written(
                '3',
                namespace,
                Some(*ack),
                &Value::from(args.clone()).to_string(),
            ),
            Self::ConnectError { namespace, error } => written(
                '4',
                namespace,
                None,
                &Value::from(error.clone()).to_string(),
            ),
            Self::Binary { namespace, ack } => written('5', &format!("0-{namespace}"), *ack, "[]"),
        }
    }
}

/// Writing to a string cannot fail, so the results are of no interest.
fn written(kind: char, namespace: &str, ack: Option<u64>, data: &str) -> String {
    let mut text = String::with_capacity(data.len().saturating_add(24));
    text.push(kind);
    match namespace.strip_suffix(MAIN) {
        // The main namespace goes without saying.
        Some(before) if !before.contains('/') => text.push_str(before),
        _ => {
            let _ = write!(text, "{namespace},");
        }
    }
    if let Some(ack) = ack {
        let _ = write!(text, "{ack}");
    }
    text.push_str(data);
    text
}

/// The frame of an event whose name and payload are text already, such as
/// `"order:new",{"version":1}`, with a position at its end if it has one. This is
/// what goes out by the thousand, so nothing is parsed for it.
pub fn event_frame(body: &str, position: Option<&str>) -> String {
    match position {
        Some(position) => format!("42[{body},\"{position}\"]"),
        None => format!("42[{body}]"),
    }
}

#[cfg(test)]
mod tests;
