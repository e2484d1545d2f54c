//! How an order's offers stand, for others.

use contract::assignment::{Holding, Routing, RoutingStatus, routing_id};
use domain::assignment::{Assignment, Phase};
use domain::time::rfc3339;

fn status_of(engine: &Assignment) -> RoutingStatus {
    match engine.phase {
        Phase::New => RoutingStatus::NotStarted,
        Phase::Searching | Phase::Offering => RoutingStatus::PendingBids,
        Phase::Assigned => RoutingStatus::VendorAccepted,
        Phase::Failed => RoutingStatus::Failed,
        Phase::Cancelled => RoutingStatus::Cancelled,
        Phase::Closed => RoutingStatus::Closed,
    }
}

pub fn routing_of(engine: &Assignment) -> Routing {
    Routing {
        routing_id: routing_id(&engine.order_id),
        order_id: engine.order_id.clone(),
        status: status_of(engine),
        locked_vendor_id: engine.lock.as_ref().map(|lock| lock.vendor_id.clone()),
        version: version_at(engine.epoch, engine.lock.is_some()),
        epoch: engine.epoch,
        vendors: engine
            .open_offers()
            .map(|offer| offer.vendor_id.clone())
            .collect(),
        retry_at: engine.retry_at_ms.map(rfc3339),
    }
}

pub fn holding_of(engine: &Assignment) -> Holding {
    Holding {
        vendor_id: engine.lock.as_ref().map(|lock| lock.vendor_id.clone()),
        status: status_of(engine),
        preparation_s: engine.lock.as_ref().map(|lock| lock.preparation_s),
        version: holding_version(engine),
    }
}

/// Grows whenever somebody gets or loses the order, and whenever nobody was found.
fn holding_version(engine: &Assignment) -> u32 {
    let by_lock = version_at(engine.epoch, engine.lock.is_some());
    let failures = engine.failures.min(0x7fff).saturating_mul(2);
    let failed = failures.saturating_add(u32::from(engine.phase == Phase::Failed));
    by_lock.saturating_mul(0x1_0000).saturating_add(failed)
}

/// One more for every lock that was taken, and for every one that ended.
pub fn version_at(epoch: u32, is_locked: bool) -> u32 {
    let ended = epoch.saturating_sub(1).saturating_mul(2);
    ended.saturating_add(1).saturating_add(u32::from(is_locked))
}
