//! Whether an offer is on a device at all: by socket, or else by an alert, and for how long
//! it is borne that nobody has seen it.
//!
//! A vendor whose socket is there has it. For others their devices are rung, which may be
//! tried again at will. An offer that nobody could show to anybody in time moves on, and
//! does not count against the vendor.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use contract::offers::NewOrder;
use contract::realtime::{AskOnline, REALTIME_SERVICE};
use contract::vendor::{AlertVendor, RingableOf, VENDOR_SERVICE};
use domain::assignment::{Command, Tag};
use domain::live::room::Room;
use domain::set::set_of;
use edge::call::{To, call};
use edge::{clock, telemetry};
use futures::future::join_all;

use super::book::{Change, Rung};
use super::telling::offer_of;
use super::{Desk, no_scope};

/// From an offer to the question who is there: sockets that open at that moment are in.
const LOOK_AFTER_MS: i64 = 250;
/// An answer to that question takes no longer.
const LOOK_MS: i64 = 5_000;
/// Questions before an offer that is not sent yet is left to the next timer.
const LOOKS_MAX: u32 = 20;
const ALERTS_AT_ONCE: usize = 20;

/// Orders whose offers may be on no device.
#[derive(Default)]
pub struct Reach {
    orders: RefCell<BTreeSet<String>>,
    is_running: Cell<bool>,
}

struct Unseen {
    vendor: String,
    tag: Tag,
    was_alerted: bool,
    /// Until when that is borne.
    until_ms: i64,
    offer: NewOrder,
}

impl Desk {
    /// An offer may have waited long enough for a device.
    pub(super) fn look_for_devices(self: &Rc<Self>, order_id: &str, now: i64) {
        let late = self.book.with(&self.rows, order_id, |page| {
            let mut unseen = page.unseen(self.plan.unseen_ms);
            let late = unseen.any(|(_, _, at_ms)| at_ms <= now);
            drop(unseen);
            if late {
                page.asking_until_ms = now.saturating_add(LOOK_MS);
            }
            late
        });
        if late.unwrap_or(false) {
            self.reach_soon(order_id);
        }
    }

    pub(super) fn reach_soon(self: &Rc<Self>, order_id: &str) {
        self.reach.orders.borrow_mut().insert(order_id.to_owned());
        if self.reach.is_running.replace(true) {
            return;
        }
        let desk = Rc::clone(self);
        self.background(async move {
            for _ in 0..LOOKS_MAX {
                clock::pause(LOOK_AFTER_MS).await;
                let orders = desk.reach.orders.take();
                if orders.is_empty() {
                    break;
                }
                desk.settle_done().await;
                desk.look_who_is_there(orders).await;
            }
            desk.reach.is_running.set(false);
            let left = desk.reach.orders.borrow().first().cloned();
            if let Some(order_id) = left {
                desk.reach_soon(&order_id);
            }
            telemetry::flush_soon(&desk.env, &desk.state);
        });
    }

    async fn look_who_is_there(self: &Rc<Self>, orders: BTreeSet<String>) {
        let mut unseen: BTreeMap<String, Vec<Unseen>> = BTreeMap::new();
        for order_id in orders {
            let (found, unsent) = self.unseen_of(&order_id);
            if unsent {
                self.reach.orders.borrow_mut().insert(order_id.clone());
            }
            if !found.is_empty() {
                unseen.insert(order_id, found);
            }
        }
        if unseen.is_empty() {
            return;
        }
        let room = |one: &Unseen| Room::Vendor(one.vendor.clone()).name();
        let rooms = set_of(unseen.values().flatten().map(room));
        let rooms = rooms.into_iter().collect();
        let to = To::Service(REALTIME_SERVICE);
        let online = match call(&self.env, &no_scope(), to, AskOnline { rooms }).await {
            Ok(online) => set_of(online),
            Err(error) => {
                // The timer of the offers asks again.
                telemetry::error("presence_unknown", &[("reason", &format!("{error:?}"))]);
                return;
            }
        };
        let absent = unseen.values().flatten();
        let absent = absent.filter(|one| !one.was_alerted && !online.contains(&room(one)));
        let vendor_ids = set_of(absent.map(|one| one.vendor.clone()));
        let ringable = self.ringable(vendor_ids).await;
        let now = clock::now_ms();
        let (online, ringable) = (&online, ringable.as_ref());
        let orders = unseen.into_iter().map(|(order_id, of_order)| async move {
            let (here, absent): (Vec<Unseen>, Vec<Unseen>) = of_order
                .into_iter()
                .partition(|one| online.contains(&room(one)));
            let (late, absent): (Vec<Unseen>, Vec<Unseen>) = absent
                .into_iter()
                .partition(|one| one.until_ms <= now && one.was_alerted);
            self.note_devices(&order_id, here, late).await;
            if let Some(ringable) = ringable {
                self.alert(&order_id, absent, ringable).await;
            }
        });
        join_all(orders).await;
    }

    /// Who of these can be rung; `None` when that could not be found out, and the timers
    /// of the offers ask again.
    async fn ringable(&self, vendor_ids: BTreeSet<String>) -> Option<BTreeSet<String>> {
        if vendor_ids.is_empty() {
            return Some(BTreeSet::new());
        }
        let ask = RingableOf {
            vendor_ids: vendor_ids.into_iter().collect(),
        };
        match call(&self.env, &no_scope(), To::Service(VENDOR_SERVICE), ask).await {
            Ok(ringable) => Some(set_of(ringable)),
            Err(error) => {
                telemetry::error("ringable_unknown", &[("reason", &format!("{error:?}"))]);
                None
            }
        }
    }

    /// Offers of an order that nobody is known to have seen, and whether there are some
    /// that are not sent yet.
    fn unseen_of(&self, order_id: &str) -> (Vec<Unseen>, bool) {
        let now = clock::now_ms();
        let found = self.book.with(&self.rows, order_id, |page| {
            let (sent, unsent): (Vec<_>, Vec<_>) = page
                .unseen(self.plan.unseen_ms)
                .partition(|(offer, _, _)| offer.pushed_ms.is_some());
            let sent = sent
                .into_iter()
                .map(|(offer, was_alerted, until_ms)| Unseen {
                    vendor: offer.vendor_id.clone(),
                    tag: offer.tag,
                    was_alerted,
                    until_ms,
                    offer: offer_of(&page.order, offer, now),
                });
            (sent.collect(), !unsent.is_empty())
        });
        found.unwrap_or_default()
    }

    async fn note_devices(self: &Rc<Self>, order_id: &str, here: Vec<Unseen>, late: Vec<Unseen>) {
        if here.is_empty() && late.is_empty() {
            return;
        }
        let commands = here
            .into_iter()
            .map(|one| Command::Delivered {
                vendor: one.vendor,
                tag: one.tag,
            })
            .chain(late.into_iter().map(|one| Command::Unreachable {
                vendor: one.vendor,
                tag: one.tag,
            }));
        if let Err(problem) = self
            .assign(order_id, Change::Commands(commands.collect()))
            .await
        {
            telemetry::error("presence_lost", &[("reason", &problem.detail)]);
        }
    }

    /// Rings where nobody is. It may ring from the moment at which it is asked for.
    async fn alert(
        self: &Rc<Self>,
        order_id: &str,
        absent: Vec<Unseen>,
        ringable: &BTreeSet<String>,
    ) {
        let fresh = absent.into_iter().filter(|one| !one.was_alerted);
        let (fresh, others): (Vec<Unseen>, Vec<Unseen>) =
            fresh.partition(|one| ringable.contains(&one.vendor));
        for one in &others {
            self.note_alert(order_id, one, Rung::Nothing);
        }
        if fresh.is_empty() {
            return;
        }
        for some in fresh.chunks(ALERTS_AT_ONCE) {
            let calls = some.iter().map(|one| async move {
                self.note_alert(order_id, one, Rung::Perhaps);
                let alert = AlertVendor {
                    offer: one.offer.clone(),
                };
                let to = To::Service(VENDOR_SERVICE);
                match call(&self.env, &no_scope(), to, alert).await {
                    Ok(true) => self.note_alert(order_id, one, Rung::Taken),
                    Ok(false) => self.note_alert(order_id, one, Rung::Refused),
                    // It is asked for again when somebody looks again.
                    Err(error) => {
                        telemetry::error("alert_failed", &[("reason", &format!("{error:?}"))]);
                    }
                }
            });
            join_all(calls).await;
        }
        // The time at which somebody has to look again has changed.
        if let Err(problem) = self.assign(order_id, Change::Look).await {
            telemetry::error("presence_lost", &[("reason", &problem.detail)]);
        }
    }

    fn note_alert(&self, order_id: &str, one: &Unseen, rung: Rung) {
        // Without its page there is nothing to remember it by.
        let _ = self.book.with(&self.rows, order_id, |page| {
            let key = (one.tag.batch, one.vendor.clone());
            page.alerted.insert(key, rung);
        });
    }
}
