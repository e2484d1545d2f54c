//! Everything that goes over a socket: names, rooms and payloads.
//!
//! Payloads have the keys of the shop's documents; where these give none, an event
//! carries the row of the admin's list. Each has the id of its event and the time of
//! what happened, and a version where it is about an order: clients drop what is
//! older than what they have.

use std::rc::Rc;

use domain::live::room::Room;
use serde::{Deserialize, Serialize};

use crate::order::OrderSummary;
use crate::realtime::Event;

/// Declares the names and the list of them all, so that the description of the events
/// can be held against it.
macro_rules! names {
    ($( $(#[$doc:meta])* $name:ident = $text:literal; )*) => {
        $( $(#[$doc])* pub const $name: &str = $text; )*

        /// Every name there is.
        pub const ALL: &[&str] = &[$( $name ),*];
    };
}

names! {
    ORDER_NEW = "order:new";
    ORDER_UPDATED = "order:updated";
    ORDER_ASSIGNED = "order:assigned";
    /// To admins and drivers.
    STATUS_UPDATED = "order:status:updated";
    /// To those who follow the order.
    STATUS_UPDATE = "order:status:update";
    /// To admins.
    STATUS_CHANGED = "order:status:changed";
    DRIVER_LOCATION = "driver:location:update";
    ORDER_ETA = "order:eta:update";
    /// What a client gets instead of what it missed, when that is gone.
    SNAPSHOT = "snapshot";
    /// Where a client has come to, so that it can say so when it is back.
    POSITION = "session:position";
    /// What was wrong with what a client sent.
    ERROR = "ERROR";
    /// An order is offered to a vendor.
    NEW_ORDER = "NEW_ORDER";
    /// An offer is off.
    CANCEL_PUSH = "CANCEL_PUSH";
    /// A vendor has the order; [`ORDER_ASSIGNED`] is about drivers.
    VENDOR_ASSIGNED = "ORDER_ASSIGNED";
    VENDOR_RELEASED = "ORDER_RELEASED";
    ASSIGNMENT_FAILED = "ASSIGNMENT_FAILED";
    ACCEPT_ORDER = "ACCEPT_ORDER";
    ACCEPT_RESULT = "ACCEPT_RESULT";
    REJECT_ORDER = "REJECT_ORDER";
    REJECT_RESULT = "REJECT_RESULT";
    OFFER_SEEN = "OFFER_SEEN";
    /// An order is offered to a driver.
    DRIVER_OFFER = "driver:offer";
    /// A driver does not have an order any more, or is not asked about it.
    DRIVER_RELEASED = "order:unassigned";
    /// A driver comes or goes.
    DRIVER_AVAILABILITY = "driver:availability";
    /// Where a driver is.
    DRIVER_PING = "driver:location";
    DRIVER_ORDERS = "driver:orders";
    DRIVER_ACCEPT = "driver:accept";
    DRIVER_REJECT = "driver:reject";
    DRIVER_PICKED_UP = "driver:picked-up";
    DRIVER_DELIVERED = "driver:delivered";
    JOIN_ROOM = "join-room";
    LEAVE_ROOM = "leave-room";
}

/// What every event of a room carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Stamp {
    /// The same id is the same event.
    pub event_id: String,
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub occurred_at: String,
}

/// What an event says, and its stamp.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Stamped{T}")
)]
pub struct Stamped<T> {
    #[serde(flatten)]
    pub of: T,
    #[serde(flatten)]
    pub stamp: Stamp,
}

/// The row of the admin's list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderRow {
    #[serde(rename = "orderId")]
    pub id: String,
    #[serde(flatten)]
    pub row: OrderSummary,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderAssigned {
    #[serde(rename = "agentId")]
    pub agent_id: String,
    #[serde(flatten)]
    pub order: OrderRow,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StatusUpdate {
    pub order_id: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::lifecycle::Status"))]
    pub status: String,
    /// When it is expected: a day, or a time once somebody is under way.
    pub estimated_time: Option<String>,
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub timestamp: String,
    pub version: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StatusChanged {
    pub order_id: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::lifecycle::Status"))]
    pub status: String,
    pub version: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DriverLocation {
    pub order_id: String,
    #[cfg_attr(feature = "schema", schemars(range(min = -90, max = 90)))]
    pub latitude: f64,
    #[cfg_attr(feature = "schema", schemars(range(min = -180, max = 180)))]
    pub longitude: f64,
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub timestamp: String,
}

/// A driver is asked whether to bring an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DriverOffer {
    pub order_id: String,
    pub order: crate::dispatch::DriverOrder,
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub expires_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DriverReleased {
    pub order_id: String,
    pub agent_id: String,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EtaUpdate {
    pub order_id: String,
    pub estimated_time: Option<String>,
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub timestamp: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Snapshot {
    /// The rooms that it is about: those of the client's role.
    pub rooms: Vec<String>,
    /// The latest orders that its reader may see, newest first; none where they could
    /// not be read, which its reader then has to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<Vec<OrderSummary>>,
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub time: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Complaint {
    pub code: String,
    pub message: String,
}

/// The answer to a client that wants to join or leave a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        extend("if" = { "properties": { "ok": { "const": true } } }),
        extend("then" = { "properties": { "code": false, "error": false } }),
        extend("else" = { "properties": { "order": false }, "required": ["code", "error"] }),
    )
)]
pub struct RoomAnswer {
    pub ok: bool,
    pub room: String,
    /// How the order stands, for one who has joined its room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderSummary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The id of the event that offers an order to a driver.
pub fn driver_offer_id(order_id: &str, claim: u32) -> String {
    format!("{order_id}:{DRIVER_OFFER}:{claim}")
}

/// A driver has an order no more, or is not asked about it any more.
pub fn driver_released(driver: &str, order_id: &str, claim: u32, why: &str, at: String) -> Event {
    let released = DriverReleased {
        order_id: order_id.to_owned(),
        agent_id: driver.to_owned(),
        reason: why.to_owned(),
    };
    let id = format!("{order_id}:{DRIVER_RELEASED}:{claim}");
    let room = Room::Driver(driver.to_owned());
    Event {
        voids: Some(driver_offer_id(order_id, claim)),
        ..order_event(id, order_id, DRIVER_RELEASED, &[room], at, released)
    }
}

/// An event about an order, beside those that follow from its versions.
pub fn order_event(
    id: String,
    order_id: &str,
    name: &str,
    rooms: &[Room],
    at: String,
    of: impl Serialize,
) -> Event {
    let stamp = Stamp {
        event_id: id.clone(),
        occurred_at: at,
    };
    Event {
        id,
        key: order_id.to_owned(),
        rooms: rooms.iter().map(Room::name).collect(),
        event: name.to_owned(),
        // These types have nothing that JSON could not say.
        payload: serde_json::to_string(&Stamped { of, stamp }).unwrap_or_default(),
        ..Event::default()
    }
}

/// One event about an order. Its id follows from what it says, so it is the same
/// event however often it is made.
struct About<'a> {
    order: &'a OrderSummary,
    at: String,
}

impl About<'_> {
    fn event(&self, name: &str, rooms: &[Room], of: impl Serialize) -> Rc<Event> {
        let stamp = Stamp {
            event_id: format!("{}:{}:{name}", self.order.order_id, self.order.version),
            occurred_at: self.at.clone(),
        };
        Rc::new(Event {
            id: stamp.event_id.clone(),
            key: self.order.order_id.clone(),
            rooms: rooms.iter().map(Room::name).collect(),
            event: name.to_owned(),
            // These types have nothing that JSON could not say.
            payload: serde_json::to_string(&Stamped { of, stamp }).unwrap_or_default(),
            ..Event::default()
        })
    }

    fn row(&self) -> OrderRow {
        OrderRow {
            id: self.order.order_id.clone(),
            row: self.order.clone(),
        }
    }
}

/// What everyone concerned hears of an order that has come to this version.
pub fn of_order(order: &OrderSummary, customer_id: &str, estimated: &str) -> Vec<Rc<Event>> {
    let about = About {
        order,
        at: order.updated_at.clone(),
    };
    if order.version <= 1 {
        return vec![about.event(ORDER_NEW, &[Room::Admin], about.row())];
    }
    let order_id = order.order_id.clone();
    let status = order.status.name().to_owned();
    let update = StatusUpdate {
        order_id: order_id.clone(),
        status: status.clone(),
        estimated_time: Some(estimated.to_owned()).filter(|day| !day.is_empty()),
        timestamp: about.at.clone(),
        version: order.version,
    };
    let changed = StatusChanged {
        order_id: order_id.clone(),
        status,
        version: order.version,
    };
    let staff = [Room::Admin, Room::Delivery];
    let followers = [Room::Order(order_id), Room::User(customer_id.to_owned())];
    vec![
        about.event(STATUS_UPDATED, &staff, &update),
        about.event(ORDER_UPDATED, &staff, about.row()),
        about.event(STATUS_UPDATE, &followers, &update),
        about.event(STATUS_CHANGED, &[Room::Admin], changed),
    ]
}

/// What drivers and admins hear of an order that this driver brings from this version on.
pub fn of_assigned(order: &OrderSummary, agent_id: &str) -> Rc<Event> {
    let about = About {
        order,
        at: order.updated_at.clone(),
    };
    let rooms = [
        Room::Driver(agent_id.to_owned()),
        Room::Delivery,
        Room::Admin,
    ];
    let assigned = OrderAssigned {
        agent_id: agent_id.to_owned(),
        order: about.row(),
    };
    about.event(ORDER_ASSIGNED, &rooms, assigned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::lifecycle::{Delivery, Fulfilment, Method, PaymentStatus, Status};
    use serde_json::Value;

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
    fn a_new_order_is_for_admins_and_carries_their_row() {
        let [event] = &of_order(&order(1), "alice", "2026-01-04")[..] else {
            panic!("one event")
        };
        assert_eq!(
            (event.event.as_str(), event.rooms.join(" ")),
            (ORDER_NEW, "admin".into())
        );
        let payload: Value = serde_json::from_str(&event.payload).unwrap();
        for (key, value) in [
            ("orderId", Value::from("o-1")),
            ("order_id", Value::from("o-1")),
            ("version", Value::from(1)),
            ("total_minor", Value::from(500)),
            ("eventId", Value::from("o-1:1:order:new")),
            ("occurredAt", Value::from("2026-01-01T00:00:01.000Z")),
        ] {
            assert_eq!(payload[key], value, "{key}");
        }
    }

    #[test]
    fn a_step_is_told_to_everyone_by_the_names_they_know_it_by() {
        let events = of_order(&order(2), "alice", "2026-01-04");
        let told: Vec<(&str, String)> = events
            .iter()
            .map(|event| (event.event.as_str(), event.rooms.join(" ")))
            .collect();
        assert_eq!(
            told,
            [
                (STATUS_UPDATED, "admin delivery".to_owned()),
                (ORDER_UPDATED, "admin delivery".to_owned()),
                (STATUS_UPDATE, "order:o-1 user:alice".to_owned()),
                (STATUS_CHANGED, "admin".to_owned()),
            ]
        );
        let payload: Value = serde_json::from_str(&events[2].payload).unwrap();
        assert_eq!(payload["status"], "paid");
        assert_eq!(payload["estimatedTime"], "2026-01-04");
        assert_eq!(
            of_order(&order(2), "alice", "2026-01-04"),
            events,
            "the same ids again"
        );
    }
}
