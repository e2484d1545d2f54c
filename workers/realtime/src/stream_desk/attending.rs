//! What hubs ask of a stream: which rooms they have, what those who are back have
//! missed, and who is where.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use contract::Problem;
use contract::realtime::{Attend, Attended, CallRoll, Event, HUB, Missed, Wish, hub_name};
use domain::live::outlet::Outlet;
use domain::live::passing::Passing;
use domain::live::ring::Ring;
use domain::live::room::Room;
use edge::call::{To, call};
use edge::{Scope, clock};
use futures::future::join_all;

use super::Desk;

/// Those who cannot be told what they missed get what happened within this time on top
/// of their snapshot, which may lag as much; vendors on top of the offers they read.
const LAG_MS: i64 = 15_000;

impl Desk {
    /// Synchronous, so what a hub hears of here and what it is told later fit together:
    /// nothing happens between.
    pub(super) fn attend(&self, attend: &Attend) -> Result<Attended, Problem> {
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

    /// What a session missed that has heard everything up to `since`, but for what is
    /// over; the rooms that it joined by itself count from when it joined them.
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
                .filter(|(seq, event)| concerns(*seq, event) && !ring.is_over(*seq, event, now))
                .map(|(seq, event)| (seq, Rc::clone(event)))
                .collect(),
            None => lately(ring, rooms, now),
        };
        let latest = self.latest.borrow();
        let fresh = now.saturating_sub(self.window_ms);
        let latest = latest.values().filter(|(at_ms, event)| {
            *at_ms >= fresh && whole && concerns(u64::MAX, event) && !event.is_past(now)
        });
        Missed {
            whole,
            events,
            latest: latest.map(|(_, event)| Rc::clone(event)).collect(),
            joined: joined.into_keys().filter(|_| whole).collect(),
        }
    }

    /// The rooms of every hub. Hubs of which that is not known are asked to say so.
    pub(super) async fn presence(&self, scope: &Scope) -> BTreeMap<u16, BTreeSet<String>> {
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

    pub(super) async fn online(
        &self,
        scope: &Scope,
        asked: &[String],
    ) -> Result<Vec<String>, Problem> {
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

/// The last events of some rooms that are not over, for one who gets a snapshot, or
/// offers, that may lag.
fn lately(ring: &Ring<Rc<Event>>, rooms: &[String], now: i64) -> Vec<(u64, Rc<Event>)> {
    let from = now.saturating_sub(LAG_MS);
    ring.recent(from)
        .filter(|(_, event)| event.rooms.iter().any(|room| rooms.contains(room)))
        .filter(|(seq, event)| !ring.is_over(*seq, event, now))
        .map(|(seq, event)| (seq, Rc::clone(event)))
        .collect()
}
