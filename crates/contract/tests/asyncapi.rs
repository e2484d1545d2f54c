//! The description of the live events is of the code as it is: the file says what the
//! types say, every name has its row, and what is told of an order is what was described.
//!
//! It runs without a flag given by hand, because this crate's tests want its feature
//! `schema`; without that it would not compile, so it cannot be left out unnoticed.

use std::collections::BTreeMap;

use contract::describe::table::{CONNECT, EVENTS, Kind, PLACES, Row, SOCKET};
use contract::describe::text;
use contract::events;
use contract::order::OrderSummary;
use domain::lifecycle::{Delivery, Fulfilment, Method, PaymentStatus, Status};
use domain::live::room::Room;
use serde_json::Value;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../asyncapi.json");

/// `order:o-1` is a room of `order:{orderId}`.
fn is_room_of(room: &str, address: &str) -> bool {
    match address.split_once('{') {
        Some((kind, _)) => room.starts_with(kind) && room.len() > kind.len(),
        None => room == address,
    }
}

fn order(version: u32) -> OrderSummary {
    OrderSummary {
        order_id: "o-1".into(),
        order_number: "ORD-2026-X".into(),
        status: Status::Paid,
        payment_status: PaymentStatus::Paid,
        fulfilment_status: Fulfilment::Unfulfilled,
        delivery_status: Delivery::None,
        payment_method: Method::Card,
        version,
        total_minor: 500,
        currency: "EUR".into(),
        created_at: "2026-01-01T00:00:00.000Z".into(),
        updated_at: "2026-01-01T00:00:01.000Z".into(),
    }
}

#[test]
fn the_file_says_what_the_types_say() {
    let file = std::fs::read_to_string(FILE).unwrap_or_default();
    let made = text();
    let pairs = file.lines().zip(made.lines());
    let differs = pairs.enumerate().find(|(_, (was, is))| was != is);
    assert!(
        file == made,
        "asyncapi.json is not what the types say; run `npm run describe`. First difference: {differs:?}"
    );
}

#[test]
fn every_name_has_one_row_and_no_row_has_another_name() {
    let mut names: Vec<&str> = events::ALL.to_vec();
    let mut rows: Vec<&str> = EVENTS.iter().map(|row| row.name).collect();
    names.sort_unstable();
    rows.sort_unstable();
    assert_eq!(
        rows, names,
        "the table in describe/table.rs, and the names in events.rs"
    );
    let source = include_str!("../src/events.rs");
    assert!(
        !source.contains("\npub const "),
        "names are declared in `names!`, so that they are in the list of all"
    );
}

#[test]
fn rooms_are_those_of_the_rules() {
    for place in PLACES.iter().filter(|place| **place != SOCKET) {
        let room = Room::parse(place.address);
        assert_eq!(room.map(|room| room.name()).as_deref(), Some(place.address));
    }
    for row in EVENTS {
        assert!(
            !row.places.is_empty() && !row.summary.is_empty(),
            "{}",
            row.name
        );
        assert!(
            row.places.iter().all(|place| PLACES.contains(place)),
            "{}",
            row.name
        );
        let alone = matches!(row.kind, Kind::Direct | Kind::Said);
        assert_eq!(row.places.contains(&SOCKET), alone, "{}", row.name);
    }
}

#[test]
fn a_schema_has_a_name_of_its_own() {
    let mut named: BTreeMap<String, Value> = BTreeMap::new();
    for row in EVENTS.iter().chain([&CONNECT]) {
        let answers = row.answers.iter().map(|answer| answer.payload);
        for shape in answers.chain([row.payload]) {
            let (name, schema) = shape();
            assert!(
                !schema.to_string().contains("$ref"),
                "{name} is whole in itself"
            );
            let same = named.entry(name.clone()).or_insert_with(|| schema.clone());
            assert_eq!(*same, schema, "two schemas are called {name}");
        }
    }
}

#[test]
fn what_is_told_of_an_order_is_what_was_described() {
    for version in [1, 2] {
        for event in events::of_order(&order(version), "alice", "2026-01-04") {
            let row: &Row = EVENTS.iter().find(|row| row.name == event.event).unwrap();
            assert_eq!(event.latest, row.kind == Kind::Latest, "{}", row.name);
            assert_eq!(event.rooms.len(), row.places.len(), "{}", row.name);
            for (room, place) in event.rooms.iter().zip(row.places) {
                assert!(is_room_of(room, place.address), "{}: {room}", row.name);
            }
            let (_, schema) = (row.payload)();
            let payload: BTreeMap<String, Value> = serde_json::from_str(&event.payload).unwrap();
            let fields: Vec<&String> = payload.keys().collect();
            let described: Vec<&String> =
                schema["properties"].as_object().unwrap().keys().collect();
            let required = schema["required"].as_array().unwrap();
            assert_eq!(fields, described, "{}", row.name);
            assert_eq!(required.len(), fields.len(), "{}", row.name);
            assert_eq!(schema["additionalProperties"], false, "{}", row.name);
        }
    }
}
