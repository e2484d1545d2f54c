//! `asyncapi.json`: the live events, described from the very types that are sent.
//!
//! What there is stands in [`table`]; this makes a document of it, in version 3.0 of that
//! format. Schemas of what the server says are closed, so that a field that is missing,
//! misspelt or new is noticed by whoever holds an event against them. Each is whole in
//! itself: what is flattened into an object could not be closed behind a reference.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, RestrictFormats};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

mod examples;
pub mod openapi;
pub mod routes;
mod schema;
pub mod table;

use table::{Answer, CONNECT, EVENTS, Kind, PLACES, Place, Row, SOCKET};

const ABOUT: &str = "\
What goes over the sockets of Orderlane. The payload of a message here is the first argument of \
its event. `x-delivery` says what becomes of it: `kept` events are heard once by everyone in their \
rooms, those about one thing in their order, also by clients that were away for a while; of `latest` \
ones a client that comes back hears only the last; `direct` ones are for one client that is there. \
Kept events and `session:position` have a second argument, the position of the client, which the \
client's library keeps by itself.";

const SERVER: &str = "\
Socket.IO 5 in Engine.IO 4 over a websocket, with the query `EIO=4&transport=websocket`. There is no \
long polling, so clients want the option `transports: ['websocket']` and no other. Connection state \
recovery is on: a client that comes back in time is in its rooms again and gets what it missed, and \
one that cannot be told all of it gets a new session and a `snapshot`.";

const TOKEN: &str = "\
Goes into the option `auth` of the client, as `{ token }`, or into the header of the request where a \
client can set one. The socket is closed once the token has run out.";

/// Gives the name of a schema, and the schema.
pub type Shape = fn() -> (String, Value);

/// The shape of what the server says.
pub fn told<T: JsonSchema>() -> (String, Value) {
    shape::<T>(
        SchemaSettings::draft07()
            .for_serialize()
            .with_transform(RecursiveTransform(close)),
    )
}

/// The shape of what clients say. What else there is in it is ignored.
pub fn said<T: JsonSchema>() -> (String, Value) {
    shape::<T>(SchemaSettings::draft07())
}

fn shape<T: JsonSchema>(settings: SchemaSettings) -> (String, Value) {
    let mut schema = settings
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(RecursiveTransform(leave_out))
        // Those of Rust's numbers are no validator's.
        .with_transform(RestrictFormats::default())
        .into_generator()
        .into_root_schema_for::<T>();
    schema.remove("$schema");
    (T::schema_name().into_owned(), schema.to_value())
}

/// Nothing else may be in an object.
fn close(schema: &mut Schema) {
    let is_object = match schema.get("type") {
        Some(Value::Array(types)) => types.contains(&"object".into()),
        kind => kind.and_then(Value::as_str) == Some("object"),
    };
    if is_object && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".into(), false.into());
    }
}

/// What may be left out of an object is left out, and never null.
fn leave_out(schema: &mut Schema) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        let is_required = required
            .as_array()
            .is_some_and(|all| all.contains(&name.as_str().into()));
        if let Some(Value::Array(types)) = property.get_mut("type")
            && !is_required
        {
            types.retain(|one| one != "null");
        }
    }
}

/// The name of an event as a key of the document, where colons may not stand.
fn key(name: &str) -> String {
    name.replace(':', ".")
}

fn reference(parts: &[&str]) -> Value {
    json!({ "$ref": format!("#/{}", parts.join("/")) })
}

/// Without what is null.
fn present(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, inner| !inner.is_null());
    }
    value
}

#[derive(Default)]
struct Document {
    schemas: Map<String, Value>,
    messages: Map<String, Value>,
    operations: Map<String, Value>,
    /// The messages of each place, by its key.
    said_at: BTreeMap<&'static str, Map<String, Value>>,
}

impl Document {
    fn schema(&mut self, shape: Shape) -> Value {
        let (name, schema) = shape();
        let at = reference(&["components", "schemas", &name]);
        self.schemas.insert(name, schema);
        at
    }

    /// Adds a message to a place; a reference to it there.
    fn message(&mut self, place: Place, key: &str, message: Value) -> Value {
        self.messages.insert(key.into(), present(message));
        let there = self.said_at.entry(place.key).or_default();
        there.insert(key.into(), reference(&["components", "messages", key]));
        reference(&["channels", place.key, "messages", key])
    }

    fn reply(&mut self, answers: &[Answer]) -> Value {
        if answers.is_empty() {
            return Value::Null;
        }
        let messages: Vec<Value> = answers
            .iter()
            .map(|answer| {
                let payload = self.schema(answer.payload);
                let message = json!({ "summary": answer.summary, "payload": payload });
                self.message(SOCKET, answer.key, message)
            })
            .collect();
        json!({ "channel": reference(&["channels", SOCKET.key]), "messages": messages })
    }

    fn add(&mut self, row: &Row) {
        let key = key(row.name);
        let (action, delivery) = match row.kind {
            Kind::Kept => ("send", Some("kept")),
            Kind::Latest => ("send", Some("latest")),
            Kind::Direct => ("send", Some("direct")),
            Kind::Said => ("receive", None),
        };
        for place in row.places {
            let payload = self.schema(row.payload);
            let message = json!({
                "name": row.name, "summary": row.summary, "x-delivery": delivery, "payload": payload,
            });
            let operation = json!({
                "action": action,
                "channel": reference(&["channels", place.key]),
                "messages": [self.message(*place, &key, message)],
                "reply": self.reply(row.answers),
            });
            self.operations
                .insert(format!("{}.{key}", place.key), present(operation));
        }
    }

    fn channel(&self, place: Place) -> Value {
        let inside = place.address.split_once('{').map(|(_, rest)| rest);
        let parameter = inside.and_then(|rest| rest.strip_suffix('}'));
        present(json!({
            "address": place.address,
            "description": place.about,
            "messages": self.said_at.get(place.key),
            "parameters": parameter.map(|parameter| json!({ parameter: {} })),
        }))
    }
}

/// The whole document.
pub fn asyncapi() -> Value {
    let mut document = Document::default();
    for row in EVENTS.iter().chain([&CONNECT]) {
        document.add(row);
    }
    let channels: Map<String, Value> = PLACES
        .iter()
        .map(|place| (place.key.to_owned(), document.channel(*place)))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Orderlane, live",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": {
            "gateway": {
                "host": "localhost:8787",
                "pathname": "/socket.io/",
                "protocol": "socket.io",
                "protocolVersion": "5",
                "description": SERVER,
                "security": [reference(&["components", "securitySchemes", "token"])],
            },
        },
        "channels": channels,
        "operations": document.operations,
        "components": {
            "schemas": document.schemas,
            "messages": document.messages,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": TOKEN,
                },
            },
        },
    })
}

/// The document as it stands in the file.
pub fn text() -> String {
    format!("{:#}\n", asyncapi())
}
