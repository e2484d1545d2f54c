//! A stream: it numbers events, writes them down, and tells the hubs.
//!
//! What must hold: an event is written before anyone hears of it, and whoever
//! published it is answered when it is written (M1, M4). From then on every hub with
//! somebody in its rooms gets it, in order, or has those cut off whom it concerns, so
//! that they come back for it. After a crash the alarm goes on from how far each hub
//! is known to have got.
//!
//! Which rooms a hub has is in memory alone. A stream that lost it tells every hub
//! everything until it has been told again, which is more than enough.

mod attending;
mod rows;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use contract::realtime::{Append, AtStream, Event, HUB, Published, Tell, hub_name};
use contract::{Empty, Problem};
use domain::live::outlet::{Batch, Outlet};
use domain::live::ring::{Bounds, Ring};
use edge::alarm::Alarm;
use edge::call::{To, call, receive, reply};
use edge::{Scope, clock, config, faults, http, telemetry};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use rows::Rows;

/// What waits for hubs that have to be told is looked after so often.
const LOOK_AFTER_MS: i64 = 10_000;
const KEPT_COUNT: usize = 20_000;
const KEPT_BYTES: usize = 16 * 1024 * 1024;
/// Things of which only the latest counts, at most.
const LATEST_MAX: usize = 10_000;
/// A hub that fails so often in a row is left to the alarm.
const TRIES: u32 = 6;

#[durable_object]
pub struct StreamDesk {
    desk: Rc<Desk>,
}

/// An event with the time when it came.
type Timed = (i64, Rc<Event>);

struct Desk {
    state: State,
    env: Env,
    rows: Rows,
    alarm: Alarm,
    epoch: u32,
    /// Tells this life from others.
    boot: u64,
    ring: RefCell<Ring<Rc<Event>>>,
    outlets: RefCell<BTreeMap<u16, Outlet<Rc<Event>>>>,
    latest: RefCell<BTreeMap<String, Timed>>,
    /// Known from the commands; only those who have got one tell anybody.
    stream: Cell<u16>,
    window_ms: i64,
}

impl DurableObject for StreamDesk {
    fn new(state: State, env: Env) -> Self {
        telemetry::configure(&env);
        let now = clock::now_ms();
        let window_ms = config::number(&env, "RECOVERY_SECONDS", 120_i64).saturating_mul(1000);
        let bounds = Bounds {
            // Clients are told their position every minute, and what they say when they
            // are back may be as old.
            window_ms: window_ms.saturating_add(90_000.min(window_ms)),
            count: KEPT_COUNT,
            bytes: KEPT_BYTES,
        };
        let random = clock::random_bytes();
        let rows = Rows::open(state.storage().sql());
        let mut desk = Desk {
            alarm: Alarm::of(&state),
            state,
            env,
            epoch: 0,
            boot: u64::from_le_bytes(random) >> 12,
            ring: RefCell::new(Ring::new(0, bounds)),
            outlets: RefCell::default(),
            latest: RefCell::default(),
            stream: Cell::new(0),
            window_ms,
            rows,
        };
        if let Err(problem) = desk.remember(bounds, now) {
            telemetry::error("stream_lost", &[("reason", &problem.detail)]);
        }
        Self {
            desk: Rc::new(desk),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let (scope, command) = match receive(&mut request).await {
            Ok(received) => received,
            Err(problem) => return reply::<Empty>(Err(problem)),
        };
        let desk = &self.desk;
        let scope = scope.within(&desk.state);
        let response = match command {
            AtStream::Append(append) => reply(desk.append(&scope, &append).await),
            AtStream::Attend(attend) => reply(desk.attend(&attend)),
            AtStream::Online(ask) => reply(desk.online(&scope, &ask.rooms).await),
            AtStream::HubsOf(ask) => {
                let here = desk.presence(&scope).await;
                let hubs = here
                    .into_iter()
                    .filter(|(_, rooms)| rooms.contains(&ask.room));
                reply(Ok(hubs.map(|(hub, _)| hub).collect::<Vec<u16>>()))
            }
        };
        telemetry::flush_soon(&desk.env, &desk.state);
        response
    }

    /// Goes on with what hubs were not told, and writes how far they have got. Safe to
    /// run at any time and twice.
    async fn alarm(&self) -> Result<Response> {
        let desk = &self.desk;
        desk.alarm.went_off();
        let now = clock::now_ms();
        let failed = |problem: Problem| worker::Error::RustError(problem.detail);
        let stream = desk.rows.stream().map_err(failed)?;
        desk.stream.set(stream.unwrap_or_default());
        desk.ring.borrow_mut().trim(now);
        desk.tell_all();
        desk.rows.forget_old(now, desk.window_ms).map_err(failed)?;
        let head = desk.ring.borrow().head();
        let acked: Vec<(u16, u64)> = desk.acked();
        desk.rows.set_acked(&acked).map_err(failed)?;
        if acked.iter().any(|(_, acked)| *acked < head) {
            desk.wake(now).await?;
        }
        telemetry::flush_soon(&desk.env, &desk.state);
        Response::empty()
    }
}

impl Desk {
    /// Takes up what a former life wrote.
    fn remember(&mut self, bounds: Bounds, now: i64) -> std::result::Result<(), Problem> {
        let [a, b, c, d, ..] = clock::random_bytes();
        self.epoch = self.rows.epoch(u32::from_le_bytes([a, b, c, d]))?;
        let kept = self
            .rows
            .kept(now.saturating_sub(bounds.window_ms), KEPT_COUNT)?;
        let head = self.rows.head()?;
        let before = kept
            .first()
            .map_or(head, |first| first.seq.saturating_sub(1));
        let mut ring = Ring::new(before, bounds);
        for row in kept {
            let (bytes, at_ms) = (row.body.len(), row.at_ms);
            ring.push(at_ms, bytes, Rc::new(row.event()?));
        }
        self.ring = RefCell::new(ring);
        for (hub, acked) in self.rows.hubs()? {
            let mut outlet = Outlet::new(acked);
            if acked < head {
                outlet.doubt();
            }
            self.outlets.borrow_mut().insert(hub, outlet);
        }
        Ok(())
    }

    async fn wake(&self, now: i64) -> Result<()> {
        let at = now.saturating_add(LOOK_AFTER_MS);
        self.alarm.wake_by(&self.state, at).await
    }

    fn acked(&self) -> Vec<(u16, u64)> {
        let outlets = self.outlets.borrow();
        outlets
            .iter()
            .map(|(hub, outlet)| (*hub, outlet.acked()))
            .collect()
    }

    /// Safe to repeat: what is written under its id is not written again.
    async fn append(
        self: &Rc<Self>,
        scope: &Scope,
        append: &Append,
    ) -> std::result::Result<Published, Problem> {
        faults::before(scope, "stream.log")?;
        self.stream.set(append.stream);
        let now = clock::now_ms();
        let (latest, lasting): (Vec<&Rc<Event>>, Vec<&Rc<Event>>) =
            append.events.iter().partition(|event| event.latest);
        let mut known = self.rows.known(&lasting)?;
        let fresh: Vec<&Rc<Event>> = lasting
            .into_iter()
            .filter(|event| known.insert(event.id.clone()))
            .collect();
        for event in &latest {
            self.put_latest(event, now);
        }
        if !fresh.is_empty() {
            let head = self.ring.borrow().head();
            let bodies = self.rows.append(append.stream, head, &fresh, now)?;
            self.rows.set_acked(&self.acked())?;
            for (event, bytes) in fresh.iter().zip(bodies) {
                self.ring.borrow_mut().push(now, bytes, Rc::clone(event));
            }
            // One commit with the events: nothing was awaited between.
            self.wake(now).await.map_err(http::internal)?;
            faults::written(&self.state, scope, "stream.log").await?;
        }
        self.tell_all();
        let all = append.events.len();
        let accepted = fresh.len().saturating_add(latest.len());
        telemetry::count("events_published", &[], to_u64(accepted));
        Ok(Published {
            accepted: to_u32(accepted),
            repeated: to_u32(all.saturating_sub(accepted)),
        })
    }

    fn put_latest(&self, event: &Rc<Event>, now: i64) {
        let name = event.latest_name();
        let mut latest = self.latest.borrow_mut();
        if latest.len() >= LATEST_MAX {
            let oldest = now.saturating_sub(self.window_ms);
            latest.retain(|_, (at_ms, _)| *at_ms >= oldest);
        }
        if latest.len() < LATEST_MAX {
            latest.insert(name.clone(), (now, Rc::clone(event)));
        }
        for outlet in self.outlets.borrow_mut().values_mut() {
            outlet.put_latest(&name, event);
        }
    }

    fn tell_all(self: &Rc<Self>) {
        let hubs: Vec<u16> = self.outlets.borrow().keys().copied().collect();
        for hub in hubs {
            self.tell(hub);
        }
    }

    fn next(&self, hub: u16) -> Option<Batch<Rc<Event>>> {
        let ring = self.ring.borrow();
        let mut outlets = self.outlets.borrow_mut();
        outlets.get_mut(&hub)?.next(&ring)
    }

    /// Tells a hub what it has not been told, batch after batch, unless that is being
    /// done already. The platform holds calls back until what was written is durable.
    fn tell(self: &Rc<Self>, hub: u16) {
        let Some(mut batch) = self.next(hub) else {
            return;
        };
        let desk = Rc::clone(self);
        self.state.wait_until(async move {
            loop {
                let upto = batch.upto;
                let told = desk.send(hub, batch).await;
                let fails = {
                    let mut outlets = desk.outlets.borrow_mut();
                    let Some(outlet) = outlets.get_mut(&hub) else {
                        return;
                    };
                    if told {
                        outlet.arrived(upto);
                        0
                    } else {
                        outlet.lost()
                    }
                };
                if fails >= TRIES {
                    return;
                }
                if fails > 0 {
                    clock::pause(domain::placement::backoff_ms(fails)).await;
                }
                match desk.next(hub) {
                    Some(next) => batch = next,
                    None => return,
                }
            }
        });
    }

    async fn send(&self, hub: u16, batch: Batch<Rc<Event>>) -> bool {
        let tell = Tell {
            stream: self.stream.get(),
            epoch: self.epoch,
            boot: self.boot,
            after: batch.after,
            upto: batch.upto,
            events: batch.events,
            latest: batch.latest,
            repeated: batch.repeated,
            gap: batch.gap,
        };
        let scope = Scope::default().within(&self.state);
        let told = call(&self.env, &scope, To::Object(HUB, &hub_name(hub)), tell).await;
        if let Err(error) = &told {
            telemetry::error("hub_not_told", &[("reason", &format!("{error:?}"))]);
        }
        told.is_ok()
    }
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
