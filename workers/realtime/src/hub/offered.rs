//! A vendor who comes in, new or back after too long, is told of the offers that are
//! open.
//!
//! What must hold: nothing falls between. What is read lags behind what happens, so the
//! vendor gets on top of it what its stream had of the last seconds when it came in, and
//! then what came since. What these tell anyway is left out of what was read, and the
//! other way round, so an offer is told once, and never behind what called it off.

use contract::Actor;
use contract::assignment::OFFER_SERVICE;
use contract::events::NEW_ORDER;
use contract::offers::again;
use contract::packet::event_frame;
use contract::realtime::Event;
use domain::live::crowd::Sending;
use edge::call::{To, get_as};
use edge::{Scope, telemetry};
use serde_json::Value;

use super::Inner;
use super::lines::Heard;

const OPEN_OFFERS: &str = "/api/vendor/offers";

impl Inner {
    /// The offers that are open to a vendor, as the events that they are. That they
    /// cannot be had is no reason to keep anybody out.
    pub(super) async fn open_offers(&self, actor: &Actor) -> Vec<Event> {
        let to = To::Service(OFFER_SERVICE);
        let scope = Scope::default().within(&self.state);
        let read = get_as::<Value>(&self.env, &scope, to, actor, OPEN_OFFERS).await;
        match read {
            Ok(page) => {
                let offers = page.get("offers").and_then(Value::as_array);
                let offers = offers.into_iter().flatten();
                offers.filter_map(|offer| again(offer, &actor.id)).collect()
            }
            Err(error) => {
                telemetry::error("offers_unread", &[("reason", &format!("{error:?}"))]);
                Vec::new()
            }
        }
    }

    /// Sends offers to one who is just coming in, before what its streams had lately and
    /// what waited.
    pub(super) fn send_offers(
        &self,
        number: u32,
        offers: &[Event],
        heard: &mut [Heard],
        waited: &[Sending],
    ) {
        if offers.is_empty() {
            return;
        }
        let lately = heard.iter().filter_map(|one| one.missed.as_ref());
        let called_off: Vec<&str> = lately
            .flat_map(|missed| &missed.events)
            .filter_map(|(_, event)| event.voids.as_deref())
            .collect();
        let is_news =
            |offer: &&Event| !called_off.contains(&offer.id.as_str()) && !comes(offer, waited);
        let told: Vec<&Event> = offers.iter().filter(is_news).collect();
        for offer in &told {
            let frame = event_frame(&offer.body(), None);
            self.sockets.send(number, &frame);
        }
        // These have the seconds that were left then; what was read has those of now.
        for missed in heard.iter_mut().filter_map(|one| one.missed.as_mut()) {
            let is_told = |event: &Event| told.iter().any(|offer| offer.id == event.id);
            missed.events.retain(|(_, event)| !is_told(event));
        }
    }
}

/// Whether an offer is among what waited to be sent, where it has a position.
fn comes(offer: &Event, waited: &[Sending]) -> bool {
    if waited.is_empty() {
        return false;
    }
    let name = format!("\"{NEW_ORDER}\",");
    let id = format!("\"eventId\":{}", Value::from(offer.id.as_str()));
    let mut bodies = waited.iter().map(|sending| &sending.live.body);
    bodies.any(|body| body.starts_with(&name) && body.contains(&id))
}
