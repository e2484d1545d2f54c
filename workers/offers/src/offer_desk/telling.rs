//! What vendors, the customer and admins hear of an order's offers.
//!
//! Each effect is one event, with the effect's id, so it is heard once however often it
//! is sent. Events go with those of the orders' versions, of all desks of the isolate.

use std::rc::Rc;

use contract::assignment::{OrderFacts, fail_words, off_words};
use contract::offers::{
    AssignmentFailed, CancelPush, NewOrder, VendorAssigned, VendorReleased, assigned, cancel_push,
    failed, new_order, released,
};
use contract::realtime::Event;
use domain::assignment::{Assignment, CancelReason, Effect, Offer, OfferState, Tag};
use domain::live::room::Room;
use domain::money::decimal;
use domain::time::rfc3339;

use super::book::Page;

/// An effect of an order, by its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    pub order_id: String,
    pub effect_id: String,
}

/// The offer as its vendor sees it now.
pub fn offer_of(order: &OrderFacts, offer: &Offer, now_ms: i64) -> NewOrder {
    let left_ms = offer.expires_ms.saturating_sub(now_ms).max(0);
    NewOrder {
        order_id: order.order_id.clone(),
        order_number: order.number.clone(),
        vendor_id: offer.vendor_id.clone(),
        total_amount: decimal(order.total_minor),
        total_minor: order.total_minor,
        currency: order.currency.clone(),
        items: order.items,
        delivery_address: order.address.clone(),
        delivery_latitude: order.at.latitude,
        delivery_longitude: order.at.longitude,
        distance: f64::from(offer.distance_m) / 1000.0,
        ttl: left_ms
            .saturating_add(999)
            .checked_div(1000)
            .unwrap_or_default(),
        expires_at: rfc3339(offer.expires_ms),
        server_time: rfc3339(now_ms),
        tag: offer.tag,
    }
}

pub fn off(order_id: &str, vendor: &str, tag: Tag, reason: CancelReason) -> CancelPush {
    CancelPush {
        order_id: order_id.to_owned(),
        vendor_id: vendor.to_owned(),
        reason: off_words(reason).to_owned(),
        tag,
    }
}

fn offer_by_tag<'a>(engine: &'a Assignment, vendor: &str, tag: Tag) -> Option<&'a Offer> {
    let mut offers = engine.offers.iter();
    offers.find(|offer| offer.tag == tag && offer.vendor_id == vendor)
}

/// The event that an effect is, if it is one. None for an offer that has left the state:
/// nobody needs to hear of it any more.
pub fn event_of(page: &Page, effect: &Effect, now_ms: i64) -> Option<Rc<Event>> {
    let order = &page.order;
    let (order_id, at) = (&order.order_id, rfc3339(now_ms));
    let event_id = effect.id(order_id);
    let followers = || {
        [
            Room::User(order.customer_id.clone()),
            Room::Order(order_id.clone()),
        ]
    };
    Some(match effect {
        Effect::Push { vendor, tag, .. } => {
            let offer = offer_by_tag(&page.engine, vendor, *tag)?;
            let until_ms = offer.last_ms(page.engine.settings.grace_ms);
            new_order(&offer_of(order, offer, now_ms), until_ms)
        }
        Effect::CancelPush {
            vendor,
            tag,
            reason,
        } => cancel_push(&event_id, &off(order_id, vendor, *tag, *reason), &at),
        Effect::Won {
            vendor,
            preparation_s,
            forced,
            ..
        } => {
            let won = VendorAssigned {
                order_id: order_id.clone(),
                vendor_id: vendor.clone(),
                status: "vendor_accepted".into(),
                preparation_time: preparation_s.div_ceil(60),
                forced: *forced,
            };
            let mut offers = page.engine.offers.iter();
            let mine = offers
                .find(|offer| offer.state == OfferState::Accepted && offer.vendor_id == *vendor);
            let tag = mine.map(|offer| offer.tag);
            assigned(&event_id, &won, tag, &order.customer_id, &at)
        }
        Effect::Released { vendor, reason, .. } => {
            let of = VendorReleased {
                order_id: order_id.clone(),
                vendor_id: vendor.clone(),
                reason: reason.clone(),
            };
            released(&event_id, &of, &order.customer_id, &at)
        }
        Effect::Failed {
            reason,
            retry_at_ms,
            ..
        }
        | Effect::Attention {
            reason,
            retry_at_ms,
            ..
        } => {
            let of = AssignmentFailed {
                order_id: order_id.clone(),
                reason: fail_words(*reason).to_owned(),
                retry_at: retry_at_ms.map(rfc3339),
            };
            let rooms = match effect {
                Effect::Failed { .. } => followers().to_vec(),
                _ => vec![Room::Admin],
            };
            failed(&event_id, &of, &rooms, &at)
        }
        Effect::Find { .. }
        | Effect::TakePlace { .. }
        | Effect::GivePlaceBack { .. }
        | Effect::RecordOffer { .. }
        | Effect::RecordEvent { .. }
        | Effect::WakeAt { .. } => return None,
    })
}
