//! From the desk to everyone who watches: what became of orders, a moment later.
//!
//! An order and its history are the outbox: what is to be told of a version follows
//! from them, and `announced` is the version up to which it was. So nothing is told
//! that is not durable, and nothing durable is left untold (M1, M4). Events gather with
//! those of other desks; what does not arrive that way is found when the alarm goes
//! off. Safe to repeat: the same version makes the same events, and streams know their
//! ids.

use std::rc::Rc;

use contract::Problem;
use contract::events::{of_assigned, of_order};
use contract::order::OrderSummary;
use contract::realtime::Event;
use domain::lifecycle::Delivery;
use domain::time::rfc3339;
use edge::gather::Parcel;
use edge::{announce, clock, telemetry};

use super::Desk;
use super::legs::Work;
use super::projection::Sent;
use super::rows::{GoodEnd, OrderRow, Reached};
use super::tracking::expected_of;

/// An order that has just come to stand.
pub fn placed(work: &Work, end: &GoodEnd) -> (Sent, Parcel<Rc<Event>>) {
    let content = &work.content;
    let life = end.life;
    let order = OrderSummary {
        order_id: content.order_id.clone(),
        order_number: work.number.clone(),
        status: life.status,
        payment_status: life.payment,
        fulfilment_status: life.fulfilment,
        delivery_status: life.delivery,
        payment_method: life.method,
        version: life.version,
        total_minor: content.totals.total_minor,
        currency: content.currency.clone(),
        created_at: rfc3339(work.created_ms),
        updated_at: rfc3339(end.at_ms),
    };
    let events = of_order(
        &order,
        &content.customer_id,
        &content.estimated_delivery_date,
    );
    parcel(&order.order_id, life.version, events)
}

fn parcel(order_id: &str, version: u32, events: Vec<Rc<Event>>) -> (Sent, Parcel<Rc<Event>>) {
    let sent = Sent {
        order_id: order_id.to_owned(),
        version,
    };
    let parcel = Parcel {
        id: sent.parcel_id(),
        rows: events,
        more: Vec::new(),
        notices: Vec::new(),
    };
    (sent, parcel)
}

impl Desk {
    /// Gives a version to be announced. The first of a quiet time goes at once, those
    /// that follow gather.
    pub(super) fn announce_soon(self: &Rc<Self>, (sent, parcel): (Sent, Parcel<Rc<Event>>)) {
        if !self.announced.give(sent, parcel, clock::now_ms()) {
            return;
        }
        let desk = Rc::clone(self);
        self.background(async move {
            announce::carry(&desk.env, desk.announce_ms).await;
            telemetry::flush_soon(&desk.env, &desk.state);
        });
    }

    /// An order has changed, and that is written. Everything that is not known to have
    /// been heard goes along, so that no version is heard before an earlier one.
    pub(super) fn announce_order(self: &Rc<Self>, order_id: &str) -> Result<(), Problem> {
        if let Some(row) = self.rows.order(order_id)? {
            let events = self.untold(&row)?;
            self.announce_soon(parcel(&row.order_id, row.version, events));
        }
        Ok(())
    }

    /// The events of every version that was not announced.
    fn untold(&self, row: &OrderRow) -> Result<Vec<Rc<Event>>, Problem> {
        let content = row.content()?;
        let latest = row.summary()?;
        let expected = expected_of(row)?;
        let mut events = Vec::new();
        for (entry, version) in self.rows.history(row)?.into_iter().zip(1..) {
            if version <= row.announced {
                continue;
            }
            let order = OrderSummary {
                status: entry.new_status,
                payment_status: entry.payment_status,
                fulfilment_status: entry.fulfilment_status,
                delivery_status: entry.delivery_status,
                version,
                updated_at: entry.created_at,
                ..latest.clone()
            };
            events.extend(of_order(&order, &content.customer_id, &expected));
            let is_assigned = order.delivery_status == Delivery::AssignedDriver;
            let driver = entry.changed_by.strip_prefix("driver:");
            if let Some(driver) = driver.filter(|_| is_assigned) {
                events.push(of_assigned(&order, driver));
            }
        }
        Ok(events)
    }

    /// What those who watch have not heard of this desk.
    pub(super) async fn announce_rows(&self, behind: &[OrderRow]) -> Result<(), Problem> {
        let mut events = Vec::new();
        for row in behind {
            events.extend(self.untold(row)?);
        }
        announce::publish(&self.env, events)
            .await
            .map_err(|error| error.into_problem("orders.announce"))?;
        let versions: Vec<Sent> = behind
            .iter()
            .map(|row| Sent {
                order_id: row.order_id.clone(),
                version: row.version,
            })
            .collect();
        self.rows
            .set_reached(Reached::Screens, &versions.iter().collect::<Vec<_>>())
    }
}
