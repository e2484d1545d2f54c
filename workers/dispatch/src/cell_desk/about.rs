//! Who is about: positions come in, neighbours and admins ask, and those who wait for an order
//! hear where it is.

use std::rc::Rc;

use contract::dispatch::{
    CellStats, DRIVER_DESK, FactsOfDriver, LendDrivers, Nearby, Ping, SeenDriver,
};
use contract::events::{DRIVER_LOCATION, DriverLocation, EtaUpdate, ORDER_ETA, order_event};
use contract::realtime::Event;
use contract::{Empty, Problem};
use domain::dispatch::Travel;
use domain::fleet::{Carried, Known};
use domain::geo::Point;
use domain::live::room::Room;
use domain::time::rfc3339;
use edge::call::{To, call};
use edge::{Scope, announce, clock, http, telemetry};
use futures::future::join_all;
use serde::Serialize;

use super::Desk;
use crate::standing;
/// Those who wait hear of another time when it is so much earlier or later.
const ETA_STEP_MS: u64 = 30_000;
/// Orders whose times are remembered.
const ETA_MAX: usize = 10_000;

impl Desk {
    /// Positions of many drivers. Whoever is new here, or was not heard of for a while, is
    /// asked for at its desk.
    pub(super) async fn take_pings(
        self: &Rc<Self>,
        scope: &Scope,
        pings: Vec<Ping>,
    ) -> Result<Empty, Problem> {
        let now = clock::now_ms();
        let (mut unknown, mut events) = (Vec::new(), Vec::new());
        {
            let mut fleet = self.fleet.borrow_mut();
            for ping in &pings {
                let is_news = fleet.ping(ping, now);
                // Whoever says where it is, however vaguely, has been heard.
                if fleet.wants_facts(&ping.driver_id, self.settings.facts_ms, now) {
                    unknown.push(ping);
                }
                if let Some(known) = fleet.get(&ping.driver_id).filter(|_| is_news) {
                    events.extend(self.seen(known, ping.seq, now));
                }
            }
        }
        telemetry::count("driver_pings", &[], u64::try_from(pings.len()).unwrap_or(0));
        if !unknown.is_empty() {
            let asked = unknown.into_iter().map(|ping| self.ask_for(scope, ping));
            join_all(asked).await;
            self.match_soon();
        }
        if !events.is_empty() {
            let desk = Rc::clone(self);
            self.state.wait_until(async move {
                // The next position says the same and more.
                drop(announce::publish(&desk.env, events).await);
            });
        }
        let snapshot = now.saturating_add(self.settings.snapshot_ms);
        self.wake_by(snapshot).await.map_err(http::internal)?;
        Ok(Empty {})
    }

    /// This cell, of a place in it.
    pub(super) fn name_at(&self, at: Point) -> Option<String> {
        if self.name.borrow().is_none() {
            self.name.replace(self.settings.cells.name_of(at));
        }
        self.name.borrow().clone()
    }

    async fn ask_for(&self, scope: &Scope, ping: &Ping) {
        let Some(cell) = self.name_at(ping.at) else {
            return;
        };
        let driver = ping.driver_id.clone();
        let name = self.desk_of(&driver);
        let facts = FactsOfDriver { driver, cell };
        let asked = call(&self.env, scope, To::Object(DRIVER_DESK, &name), facts).await;
        if let Ok(Some(facts)) = asked {
            self.fleet.borrow_mut().know(facts);
        }
    }

    /// Writes down how it stands here, now and then and where that has changed.
    pub(super) async fn say_how_it_stands(&self, now: i64) {
        let Some(cell) = self.name.borrow().clone() else {
            return;
        };
        let Ok((open_orders, until_ms)) = self.rows.open_since() else {
            return;
        };
        let began = until_ms.map(|until| until.saturating_sub(self.settings.errand.search_ms));
        let oldest_ms = began.map_or(0, |began| now.saturating_sub(began).max(0));
        let said = self.said.borrow().clone();
        let stats = CellStats {
            cell,
            available: u32::try_from(self.fleet.borrow().count_free(now)).unwrap_or(u32::MAX),
            open_orders,
            oldest_seconds: u32::try_from(oldest_ms / 1000).unwrap_or(u32::MAX),
            updated_at: rfc3339(now),
        };
        let is_known = said.is_some_and(|(said, at)| {
            let same = CellStats {
                updated_at: stats.updated_at.clone(),
                ..said
            };
            same == stats || now.saturating_sub(at) < self.settings.snapshot_ms
        });
        if is_known {
            return;
        }
        if let Err(problem) = standing::write(&self.env, &stats).await {
            telemetry::warn("standing_not_said", &[("reason", &problem.detail)]);
            return;
        }
        self.said.replace(Some((stats, now)));
    }

    /// What those hear who wait for what a driver carries.
    fn seen(&self, known: &Known, seq: i64, now: i64) -> Vec<Rc<Event>> {
        let mut events = Vec::new();
        for carried in known.facts.iter().flat_map(|facts| &facts.carries) {
            let location = DriverLocation {
                order_id: carried.order_id.clone(),
                latitude: known.at.latitude,
                longitude: known.at.longitude,
                timestamp: rfc3339(known.at_ms),
            };
            events.push(about(
                &carried.order_id,
                DRIVER_LOCATION,
                seq,
                now,
                location,
            ));
            if let Some(at_ms) = self.other_eta(known, carried, now) {
                let update = EtaUpdate {
                    order_id: carried.order_id.clone(),
                    estimated_time: Some(rfc3339(at_ms)),
                    timestamp: rfc3339(now),
                };
                events.push(about(&carried.order_id, ORDER_ETA, seq, now, update));
            }
        }
        events
    }

    /// When it will be there, where that differs from what was said before.
    fn other_eta(&self, known: &Known, carried: &Carried, now: i64) -> Option<i64> {
        let travel = self.settings.travel;
        let minutes = match carried.pickup {
            None => travel.minutes(&known.at, &carried.dropoff),
            Some(pickup) => {
                let ready = minutes_until(carried.ready_ms, now);
                travel.minutes(&known.at, &pickup).max(ready)
                    + travel.minutes(&pickup, &carried.dropoff)
            }
        };
        #[allow(
            clippy::cast_possible_truncation,
            reason = "the cast goes to the nearest bound"
        )]
        let at_ms = now.saturating_add((minutes * 60_000.0) as i64);
        let mut told = self.told_eta.borrow_mut();
        if told.len() >= ETA_MAX {
            told.clear();
        }
        let before = told.get(&carried.order_id).copied();
        let is_news = before.is_none_or(|before| before.abs_diff(at_ms) >= ETA_STEP_MS);
        is_news.then(|| {
            told.insert(carried.order_id.clone(), at_ms);
            at_ms
        })
    }

    /// For a neighbour whose order is close to the border.
    pub(super) fn lend(&self, lend: &LendDrivers) -> Vec<Nearby> {
        let now = clock::now_ms();
        let fleet = self.fleet.borrow();
        let found = fleet.free_around(lend.at, lend.radius_km, now).into_iter();
        found
            .filter_map(|(_, known)| {
                Some(Nearby {
                    at: known.at,
                    at_ms: known.at_ms,
                    offers: known.recent_offers(now),
                    facts: known.facts.clone()?,
                })
            })
            .collect()
    }

    pub(super) fn show(&self) -> Vec<SeenDriver> {
        let now = clock::now_ms();
        let fleet = self.fleet.borrow();
        fleet
            .all()
            .map(|(id, known)| {
                let facts = known.facts.as_ref();
                let carries = facts.into_iter().flat_map(|facts| &facts.carries);
                SeenDriver {
                    driver_id: id.clone(),
                    latitude: known.at.latitude,
                    longitude: known.at.longitude,
                    seen_at: rfc3339(known.at_ms),
                    stale: known.is_stale(now),
                    available: facts.is_some_and(|facts| facts.is_on),
                    room: facts.map_or(0, |facts| facts.room),
                    orders: carries.map(|carried| carried.order_id.clone()).collect(),
                }
            })
            .collect()
    }
}

fn about(order_id: &str, name: &str, seq: i64, now: i64, of: impl Serialize) -> Rc<Event> {
    let event = order_event(
        format!("{order_id}:{name}:{seq}:{now}"),
        order_id,
        name,
        &[Room::Order(order_id.to_owned())],
        rfc3339(now),
        of,
    );
    Rc::new(Event {
        latest: true,
        ..event
    })
}

pub(super) fn minutes_until(at_ms: i64, now_ms: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "minutes, not centuries")]
    let minutes = at_ms.saturating_sub(now_ms).max(0) as f64 / 60_000.0;
    minutes
}
