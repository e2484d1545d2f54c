//! What goes over a socket when an order is offered to vendors.
//!
//! Keys are those of the shop's documents. Besides, whatever is about an offer carries its
//! `tag`: an offer that was called off is off, in whichever order the two are heard.

pub mod asked;
mod said;
pub mod shown;

use std::rc::Rc;

use domain::assignment::Tag;
use domain::live::room::Room;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::events::{
    ASSIGNMENT_FAILED, CANCEL_PUSH, NEW_ORDER, Stamp, Stamped, VENDOR_ASSIGNED, VENDOR_RELEASED,
};
use crate::realtime::Event;

/// An order is offered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewOrder {
    pub order_id: String,
    pub order_number: String,
    pub vendor_id: String,
    /// In units of the currency, as the documents have it. `total_minor` is the exact amount.
    pub total_amount: f64,
    #[serde(rename = "total_minor")]
    pub total_minor: i64,
    pub currency: String,
    /// How many pieces.
    pub items: i64,
    pub delivery_address: String,
    #[cfg_attr(feature = "schema", schemars(range(min = -90, max = 90)))]
    pub delivery_latitude: f64,
    #[cfg_attr(feature = "schema", schemars(range(min = -180, max = 180)))]
    pub delivery_longitude: f64,
    /// In kilometres.
    pub distance: f64,
    /// Seconds left to answer, by the clock of the server.
    pub ttl: i64,
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub expires_at: String,
    /// The clock of the server when it was sent.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub server_time: String,
    #[cfg_attr(feature = "schema", schemars(with = "TagShape"))]
    pub tag: Tag,
}

/// Which offer to a vendor.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its shape is of interest")]
pub(crate) struct TagShape {
    epoch: u32,
    batch: u32,
}

/// An offer is off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CancelPush {
    pub order_id: String,
    pub vendor_id: String,
    pub reason: String,
    #[cfg_attr(feature = "schema", schemars(with = "TagShape"))]
    pub tag: Tag,
}

/// A vendor has the order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct VendorAssigned {
    pub order_id: String,
    pub vendor_id: String,
    /// `vendor_accepted`
    pub status: String,
    /// Minutes that the vendor needs.
    pub preparation_time: u32,
    /// An admin decided so.
    pub forced: bool,
}

/// A vendor who had the order has it no more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct VendorReleased {
    pub order_id: String,
    pub vendor_id: String,
    pub reason: String,
}

/// Nobody was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AssignmentFailed {
    pub order_id: String,
    pub reason: String,
    /// When it is tried again by itself, if it is.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub retry_at: Option<String>,
}

/// A vendor takes an order that it was offered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AcceptOrder {
    /// Its id or its number.
    pub order_id: String,
    /// Minutes that the vendor needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1440)))]
    pub preparation_time: Option<u32>,
    /// Where it is given, the answer is to this offer and to no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<TagShape>"))]
    pub tag: Option<Tag>,
}

/// A vendor does not want an order that it was offered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RejectOrder {
    /// Its id or its number.
    pub order_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<TagShape>"))]
    pub tag: Option<Tag>,
}

/// Somebody has looked at an offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OfferSeen {
    /// Its id or its number.
    pub order_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<TagShape>"))]
    pub tag: Option<Tag>,
}

/// What came of an accept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AcceptResult {
    pub ok: bool,
    pub winner: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// A code, such as `ORDER_ALREADY_ACCEPTED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The accept could not be dealt with, or nobody knows what came of it; it may be
    /// sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What came of a reject, or of saying that an offer was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        extend("if" = { "properties": { "ok": { "const": true } } }),
        extend("then" = { "properties": { "code": false, "error": false } }),
        extend("else" = { "required": ["code", "error"] }),
    )
)]
#[serde(rename_all = "camelCase")]
pub struct RejectResult {
    pub ok: bool,
    /// Empty where none was said.
    pub order_id: String,
    /// Such as `OFFER_EXPIRED`, or what requests get: `forbidden`, `invalid_field`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Offers that are open, as `GET /api/vendor/offers` answers: each as `NEW_ORDER` says it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OfferPage {
    #[cfg_attr(feature = "schema", schemars(with = "Vec<NewOrder>"))]
    pub offers: Vec<serde_json::Value>,
}

/// The id of the event that offers an order, by which others can call it off.
pub fn offer_event_id(order_id: &str, vendor_id: &str, tag: Tag) -> String {
    format!("{order_id}:{}:{}:{vendor_id}:push", tag.epoch, tag.batch)
}

/// One event, about one order. The same id is the same event, however often it is made.
struct About<'a> {
    order_id: &'a str,
    event_id: String,
    at: &'a str,
}

impl About<'_> {
    fn event(self, name: &str, rooms: &[Room], of: impl Serialize) -> Event {
        let stamp = Stamp {
            event_id: self.event_id.clone(),
            occurred_at: self.at.to_owned(),
        };
        Event {
            id: self.event_id,
            key: self.order_id.to_owned(),
            rooms: rooms.iter().map(Room::name).collect(),
            event: name.to_owned(),
            // These types have nothing that JSON could not say.
            payload: serde_json::to_string(&Stamped { of, stamp }).unwrap_or_default(),
            ..Event::default()
        }
    }
}

fn vendor(id: &str) -> Room {
    Room::Vendor(id.to_owned())
}

/// `NEW_ORDER`. Nobody who comes later hears of it once its time is over.
pub fn new_order(offer: &NewOrder, until_ms: i64) -> Rc<Event> {
    let about = About {
        order_id: &offer.order_id,
        event_id: offer_event_id(&offer.order_id, &offer.vendor_id, offer.tag),
        at: &offer.server_time,
    };
    let rooms = [vendor(&offer.vendor_id), Room::Admin];
    Rc::new(Event {
        until_ms: Some(until_ms),
        ..about.event(NEW_ORDER, &rooms, offer)
    })
}

/// `NEW_ORDER` again, of an offer as it stands in an [`OfferPage`]: the same event, with
/// the seconds that are left by now. Whoever passes it on need not know what it says. `None`
/// where it is not an offer to this vendor.
pub fn again(offer: &Value, vendor_id: &str) -> Option<Event> {
    let text = |name| offer.get(name).and_then(Value::as_str);
    let tag = Tag::deserialize(offer.get("tag")?).ok()?;
    let about = About {
        order_id: text("orderId")?,
        event_id: offer_event_id(text("orderId")?, vendor_id, tag),
        at: text("serverTime")?,
    };
    let rooms = [vendor(vendor_id)];
    (text("vendorId")? == vendor_id).then(|| about.event(NEW_ORDER, &rooms, offer))
}

/// `CANCEL_PUSH`. Whoever has not heard of the offer does not hear of it any more.
pub fn cancel_push(event_id: &str, off: &CancelPush, at: &str) -> Rc<Event> {
    let about = About {
        order_id: &off.order_id,
        event_id: event_id.to_owned(),
        at,
    };
    let rooms = [vendor(&off.vendor_id), Room::Admin];
    Rc::new(Event {
        voids: Some(offer_event_id(&off.order_id, &off.vendor_id, off.tag)),
        ..about.event(CANCEL_PUSH, &rooms, off)
    })
}

/// `ORDER_ASSIGNED`, to everyone concerned. `of_offer` is the offer that was accepted.
pub fn assigned(
    event_id: &str,
    won: &VendorAssigned,
    of_offer: Option<Tag>,
    customer_id: &str,
    at: &str,
) -> Rc<Event> {
    let about = About {
        order_id: &won.order_id,
        event_id: event_id.to_owned(),
        at,
    };
    let rooms = [
        vendor(&won.vendor_id),
        Room::User(customer_id.to_owned()),
        Room::Order(won.order_id.clone()),
        Room::Admin,
    ];
    Rc::new(Event {
        voids: of_offer.map(|tag| offer_event_id(&won.order_id, &won.vendor_id, tag)),
        ..about.event(VENDOR_ASSIGNED, &rooms, won)
    })
}

/// The order has no vendor any more.
pub fn released(event_id: &str, of: &VendorReleased, customer_id: &str, at: &str) -> Rc<Event> {
    let about = About {
        order_id: &of.order_id,
        event_id: event_id.to_owned(),
        at,
    };
    let rooms = [
        vendor(&of.vendor_id),
        Room::User(customer_id.to_owned()),
        Room::Order(of.order_id.clone()),
        Room::Admin,
    ];
    Rc::new(about.event(VENDOR_RELEASED, &rooms, of))
}

/// `ASSIGNMENT_FAILED`, to those who follow the order, or to admins, who should look.
pub fn failed(event_id: &str, of: &AssignmentFailed, rooms: &[Room], at: &str) -> Rc<Event> {
    let about = About {
        order_id: &of.order_id,
        event_id: event_id.to_owned(),
        at,
    };
    Rc::new(about.event(ASSIGNMENT_FAILED, rooms, of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_offer_that_is_passed_on_is_the_same_event() {
        let offer = NewOrder {
            order_id: "o-1".into(),
            order_number: "ORD-2026-X".into(),
            vendor_id: "v \"1\"".into(),
            total_amount: 49.99,
            total_minor: 4999,
            currency: "EUR".into(),
            items: 3,
            delivery_address: "Torstr. 1".into(),
            delivery_latitude: 52.5,
            delivery_longitude: 13.4,
            distance: 1.25,
            ttl: 60,
            expires_at: "2026-01-01T00:01:00.000Z".into(),
            server_time: "2026-01-01T00:00:00.000Z".into(),
            tag: Tag { epoch: 1, batch: 2 },
        };
        let first = new_order(&offer, 1);
        let later = again(&json!(offer), &offer.vendor_id).unwrap();
        assert_eq!((&later.id, &later.event), (&first.id, &first.event));
        let payload = |event: &Event| serde_json::from_str::<Value>(&event.payload).unwrap();
        assert_eq!(payload(&later), payload(&first));
        assert!(again(&json!(offer), "somebody else").is_none());
        for odd in [
            json!({}),
            json!(7),
            json!({ "orderId": "o", "vendorId": "v" }),
        ] {
            assert!(again(&odd, "v").is_none(), "{odd}");
        }
    }
}
