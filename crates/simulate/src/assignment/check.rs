//! What must hold, at once where it can be seen at once, and at rest for the rest.

use std::collections::BTreeSet;

use domain::assignment::{Assignment, OfferState, Phase, Settings, Tag};

use super::world::World;

/// Nobody's offer expires before deadline and grace are over.
pub fn grace(world: &mut World, order: usize) {
    let grace_ms = Settings::default().grace_ms;
    let early = world.desk.written[order].offers.iter().find(|offer| {
        offer.state == OfferState::Expired
            && offer.closed_ms == Some(world.now)
            && world.now <= offer.expires_ms + grace_ms
            && world.now >= offer.expires_ms
    });
    if let Some(vendor) = early.map(|offer| offer.vendor_id.clone()) {
        world.violation(format!(
            "A2: the offer to {vendor} expired within the grace"
        ));
    }
}

/// Whoever won with an offer is never told that this offer is over, unless it was
/// given back.
pub fn cancelled(world: &mut World, order: usize, vendor: &str, tag: Tag) {
    let engine = &world.desk.written[order];
    let offer = engine.offer_to(vendor).filter(|offer| offer.tag == tag);
    if offer.is_some_and(|offer| offer.state == OfferState::Accepted) {
        world.violation(format!("A2: {vendor} won and is told that it is over"));
    }
}

pub fn capacity(world: &mut World) {
    let over = world.vendors.iter().find(|vendor| {
        let places = &vendor.places;
        places.capacity.is_some_and(|most| places.held.len() > most)
    });
    if let Some(vendor) = over.map(|vendor| vendor.name.clone()) {
        world.violation(format!("A4: {vendor} is above its capacity"));
    }
}

/// A5: the row may be late, and never shows another winner than the desk had.
pub fn row(world: &mut World, order: usize) {
    let row = &world.rows[order];
    let Some(locked) = row.locked.clone() else {
        return;
    };
    let (epoch, winner) = (row.epoch, world.winners.get(&(order, row.epoch)));
    if winner != Some(&locked) {
        world.violation(format!("A5: the row shows {locked} in epoch {epoch}"));
    }
}

pub fn at_rest(world: &mut World) {
    let mut broken = Vec::new();
    let mut wanted = BTreeSet::new();
    for (number, engine) in world.desk.written.iter().enumerate() {
        ended(engine, &mut broken);
        let row = &world.rows[number];
        let lock = engine.lock.as_ref().map(|lock| lock.vendor_id.clone());
        if (row.epoch, &row.locked) != (engine.epoch, &lock) {
            let shown = (row.epoch, &row.locked);
            broken.push(format!("A5: the row is {shown:?}, the desk has {lock:?}"));
        }
        for offer in &engine.offers {
            let key = (offer.tag, offer.vendor_id.clone());
            if row.offers.get(&key) != Some(offer) {
                broken.push(format!(
                    "A5: the offer to {} is not recorded",
                    offer.vendor_id
                ));
            }
        }
        let events = u32::try_from(row.events.len()).unwrap_or(0);
        if row.events.last().copied().unwrap_or(0) != events {
            broken.push(format!("A5: {} has holes in its story", engine.order_id));
        }
        if let Some(lock) = engine
            .lock
            .as_ref()
            .filter(|_| engine.phase == Phase::Assigned)
            && let Some(claim) = lock.claim
        {
            wanted.insert((number, claim));
        }
        let stats = &mut world.stats;
        stats.failed += u64::from(engine.phase == Phase::Failed);
        stats.cancelled += u64::from(engine.phase == Phase::Cancelled);
        stats.released += u64::from(engine.epoch > 1);
    }
    let places = world.vendors.iter().map(|vendor| &vendor.places);
    let held: BTreeSet<_> = places
        .flat_map(|one| one.held.union(&one.forced))
        .copied()
        .collect();
    if held != wanted {
        broken.push(format!(
            "places are held for {held:?}, and should be for {wanted:?}"
        ));
    }
    for text in broken {
        world.violation(text);
    }
}

fn ended(engine: &Assignment, broken: &mut Vec<String>) {
    let is_over = match engine.phase {
        Phase::Assigned | Phase::Cancelled | Phase::Closed => true,
        Phase::Failed => engine.retry_at_ms.is_none(),
        Phase::New | Phase::Searching | Phase::Offering => false,
    };
    if !is_over {
        broken.push(format!(
            "A6: {} is still {:?}",
            engine.order_id, engine.phase
        ));
    }
    if !engine.outbox.is_empty() {
        broken.push(format!("A6: {} has something left to do", engine.order_id));
    }
}
