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

mod rows;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use contract::realtime::{
    Append, AtStream, Attend, Attended, CallRoll, Event, HUB, Missed, Published, Tell, Wish,
    hub_name,
};
use contract::{Empty, Problem};
use domain::live::outlet::{Batch, Outlet};
use domain::live::ring::{Bounds, Ring};
use domain::live::room::Room;
use edge::alarm::Alarm;
use edge::call::{To, call, receive, reply};
use edge::{Scope, clock, config, faults, http, telemetry};
use futures::future::join_all;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use rows::Rows;

/// What waits for hubs that have to be told is looked after so often.
const LOOK_AFTER_MS: i64 = 10_000;
const KEPT_COUNT: usize = 20_000;
const KEPT_BYTES: usize = 16 * 1024 * 1024;
/// Things of which only the latest counts, at most.
const LATEST_MAX: usize = 10_000;
/// Those who cannot be told what they missed get what happened within this time on top
/// of their snapshot, which may lag as much.
const LAG_MS: i64 = 15_000;
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
            state,
            env,
            alarm: Alarm::default(),
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

    /// Synchronous, so what a hub hears of here and what it is told later fit together:
    /// nothing happens between.
    fn attend(&self, attend: &Attend) -> std::result::Result<Attended, Problem> {
        self.stream.set(attend.stream);
        let now = clock::now_ms();
        let mut outlets = self.outlets.borrow_mut();
        let known = outlets
            .get(&attend.hub)
            .is_some_and(|outlet| outlet.interest().is_some());
        if attend.all.is_none() && (attend.boot != self.boot || !known) {
            return Ok(Attended::Unknown);
        }
        let ring = self.ring.borrow();
        let head = ring.head();
        if let Some(all) = &attend.all {
            if all.is_empty() && attend.wishes.is_empty() {
                outlets.remove(&attend.hub);
                self.rows.forget_hub(attend.hub, now)?;
                return Ok(Attended::Known {
                    epoch: self.epoch,
                    boot: self.boot,
                    head,
                    acked: head,
                    pending: false,
                    missed: Vec::new(),
                });
            }
            if !outlets.contains_key(&attend.hub) {
                self.rows.add_hub(attend.hub, head)?;
            }
            let outlet = outlets
                .entry(attend.hub)
                .or_insert_with(|| Outlet::new(head));
            outlet.set_interest(all.iter().cloned().collect());
        }
        let Some(outlet) = outlets.get_mut(&attend.hub) else {
            return Ok(Attended::Unknown);
        };
        let mut missed = Vec::new();
        for wish in &attend.wishes {
            match wish {
                Wish::Add(room) => outlet.add_room(room),
                Wish::Remove(room) => outlet.remove_room(room),
                Wish::Join { pid, by, room } => {
                    self.rows.join(pid, by, room, attend.hub, head)?;
                    outlet.add_room(room);
                }
                Wish::Part { pid, room } => self.rows.part(pid, room)?,
                Wish::Gone { pid } => self.rows.gone(pid, now)?,
                Wish::Back {
                    pid,
                    by,
                    rooms,
                    epoch,
                    seq,
                } => {
                    let since = (*epoch == self.epoch).then_some(*seq);
                    let joined = self.rows.back(pid, by, attend.hub, now, self.window_ms)?;
                    for room in rooms.iter().chain(joined.keys()) {
                        outlet.add_room(room);
                    }
                    missed.push(self.missed(&ring, rooms, joined, since, now));
                }
            }
        }
        Ok(Attended::Known {
            epoch: self.epoch,
            boot: self.boot,
            head,
            acked: outlet.acked(),
            pending: outlet.is_pending(),
            missed,
        })
    }

    /// What a session missed that has heard everything up to `since`; the rooms that it
    /// joined by itself count from when it joined them.
    fn missed(
        &self,
        ring: &Ring<Rc<Event>>,
        rooms: &[String],
        joined: BTreeMap<String, u64>,
        since: Option<u64>,
        now: i64,
    ) -> Missed {
        let concerns = |seq: u64, event: &Event| {
            event.rooms.iter().any(|room| {
                rooms.contains(room) || joined.get(room).is_some_and(|from| *from < seq)
            })
        };
        let replay = since.and_then(|since| ring.since(since));
        let whole = replay.is_some();
        let events = match replay {
            Some(replay) => replay
                .filter(|(seq, event)| concerns(*seq, event))
                .map(|(seq, event)| (seq, Rc::clone(event)))
                .collect(),
            None => lately(ring, rooms, now),
        };
        let latest = self.latest.borrow();
        let fresh = now.saturating_sub(self.window_ms);
        let latest = latest
            .values()
            .filter(|(at_ms, event)| *at_ms >= fresh && whole && concerns(u64::MAX, event));
        Missed {
            whole,
            events,
            latest: latest.map(|(_, event)| Rc::clone(event)).collect(),
            joined: joined.into_keys().filter(|_| whole).collect(),
        }
    }

    /// The rooms of every hub. Hubs of which that is not known are asked to say so.
    async fn presence(&self, scope: &Scope) -> BTreeMap<u16, BTreeSet<String>> {
        let unknown: Vec<u16> = {
            let outlets = self.outlets.borrow();
            let unknown = outlets
                .iter()
                .filter(|(_, outlet)| outlet.interest().is_none());
            unknown.map(|(hub, _)| *hub).collect()
        };
        let stream = self.stream.get();
        let asked = unknown.into_iter().map(|hub| async move {
            let name = hub_name(hub);
            call(
                &self.env,
                scope,
                To::Object(HUB, &name),
                CallRoll { stream },
            )
            .await
        });
        join_all(asked).await;
        let outlets = self.outlets.borrow();
        let known = outlets
            .iter()
            .filter_map(|(hub, outlet)| Some((*hub, outlet.interest()?.clone())));
        known.collect()
    }

    async fn online(
        &self,
        scope: &Scope,
        asked: &[String],
    ) -> std::result::Result<Vec<String>, Problem> {
        let personal = |room: &String| {
            matches!(
                Room::parse(room),
                Some(Room::Vendor(_) | Room::Driver(_) | Room::User(_))
            )
        };
        let here = self.presence(scope).await;
        let rooms: BTreeSet<String> = here
            .into_values()
            .flatten()
            .filter(|room| match asked {
                [] => personal(room),
                asked => asked.contains(room),
            })
            .collect();
        Ok(rooms.into_iter().collect())
    }
}

/// The last events of some rooms, for one who gets a snapshot that may lag.
fn lately(ring: &Ring<Rc<Event>>, rooms: &[String], now: i64) -> Vec<(u64, Rc<Event>)> {
    let from = now.saturating_sub(LAG_MS);
    ring.recent(from)
        .filter(|(_, event)| event.rooms.iter().any(|room| rooms.contains(room)))
        .map(|(seq, event)| (seq, Rc::clone(event)))
        .collect()
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
