//! Where an order is, for those who wait for it.

use std::rc::Rc;

use contract::order::{Tracking, TrackingStep};
use contract::{Actor, Problem};
use domain::lifecycle::{Delivery, Mode, Status};
use domain::time::rfc3339;
use edge::Scope;

use super::Desk;
use super::rows::{OrderRow, Step};

/// How long the way to the door takes, where nobody has said.
const WAY_MS: i64 = 30 * 60 * 1000;

impl Desk {
    pub(super) async fn track(
        self: &Rc<Self>,
        scope: &Scope,
        order: &str,
        viewer: &Actor,
    ) -> Result<Tracking, Problem> {
        let row = self.order_for(scope, order, viewer).await?;
        let (life, standing) = (row.life(), row.standing());
        let history = self.rows.history(&row)?;
        let arrived = |step: &TrackingStep| step.delivery_status == Delivery::Delivered;
        let timeline: Vec<TrackingStep> = history
            .into_iter()
            .map(|entry| TrackingStep {
                status: entry.new_status,
                delivery_status: entry.delivery_status,
                at: entry.created_at,
            })
            .collect();
        Ok(Tracking {
            order_number: row.number.clone().unwrap_or_default(),
            status: life.status,
            delivery_status: life.delivery,
            tracking_number: row.tracking_number.clone(),
            carrier: standing.carrier,
            driver_id: standing.driver_id,
            estimated_delivery: expected_of(&row)?,
            delivered_at: timeline
                .iter()
                .find(|step| arrived(step))
                .map(|step| step.at.clone()),
            timeline,
            updated_at: rfc3339(row.updated_ms),
            order_id: row.order_id,
        })
    }
}

/// A day, or a time once somebody is at it.
pub(super) fn expected_of(row: &OrderRow) -> Result<String, Problem> {
    match row.standing().expected_ms {
        Some(at) => Ok(rfc3339(at)),
        None => Ok(row.content()?.estimated_delivery_date),
    }
}

/// When it is expected from this step on. What goes by parcel keeps its day.
pub(super) fn expect(step: &mut Step<'_>, preparation_s: Option<u32>) {
    let now = step.at_ms;
    let at = match (step.life.status, step.life.mode) {
        (Status::Delivered, _) => Some(now),
        (Status::VendorAccepted, Mode::Vendor) => {
            let preparing = i64::from(preparation_s.unwrap_or_default()).saturating_mul(1000);
            let ready = now.saturating_add(preparing);
            step.standing.ready_ms = Some(ready);
            Some(ready.saturating_add(WAY_MS))
        }
        (Status::Shipped, Mode::Vendor) => Some(now.saturating_add(WAY_MS)),
        (Status::AwaitingAssignment | Status::Processing | Status::Cancelled, _) => None,
        _ => return,
    };
    step.standing.expected_ms = at;
}
