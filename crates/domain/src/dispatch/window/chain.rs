//! The trips of one driver, one after the other, and what they cost.
//!
//! A chain is a flat list of stops at doors. A stop that is `joined` is of the same trip
//! as the one before it; any other begins a trip with a visit to its site.

use super::super::matching::FORBIDDEN;
use super::problem::Problem;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    pub task: usize,
    pub joined: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chain(pub Vec<Stop>);

/// A trip with its times, in minutes from now.
pub(super) struct Leg<'a> {
    pub tasks: &'a [usize],
    pub leave: f64,
    pub there: f64,
    pub pickup: f64,
    pub dropoffs: &'a [f64],
    pub free: f64,
    pub standing: bool,
}

impl Chain {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a task on a trip of its own before the stop at `place`, which begins a trip.
    pub fn put_alone(&mut self, place: usize, task: usize) {
        self.0.insert(
            place.min(self.0.len()),
            Stop {
                task,
                joined: false,
            },
        );
    }

    /// Puts a task on the trip that begins at `start`, to be brought at `place`.
    pub fn put_along(&mut self, start: usize, place: usize, task: usize) {
        let begins = place == start;
        if begins && let Some(first) = self.0.get_mut(start) {
            first.joined = true;
        }
        let stop = Stop {
            task,
            joined: !begins,
        };
        self.0.insert(place.min(self.0.len()), stop);
    }

    pub fn take_out(&mut self, place: usize) {
        let begins = self.0.get(place).is_some_and(|stop| !stop.joined);
        if place < self.0.len() {
            self.0.remove(place);
        }
        if begins && let Some(next) = self.0.get_mut(place) {
            next.joined = false;
        }
    }

    pub fn place_of(&self, task: usize) -> Option<usize> {
        self.0.iter().position(|stop| stop.task == task)
    }

    /// Where each trip begins and ends.
    pub fn trips(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let starts = self.0.iter().enumerate().filter(|(_, stop)| !stop.joined);
        starts.map(|(start, _)| {
            let next = start.saturating_add(1);
            let rest = self.0.iter().skip(next);
            (
                start,
                next.saturating_add(rest.take_while(|stop| stop.joined).count()),
            )
        })
    }
}

impl Problem {
    /// What it costs when a worker does a chain, or more than anything when that cannot be.
    pub fn cost(&self, worker: usize, chain: &Chain) -> f64 {
        self.cost_within(worker, chain, FORBIDDEN)
    }

    /// The same for who does not care any more once it costs more than a bound.
    pub fn cost_within(&self, worker: usize, chain: &Chain, bound: f64) -> f64 {
        let Some(who) = self.workers.get(worker) else {
            return FORBIDDEN;
        };
        let settings = &self.settings;
        let (before, at_door) = (
            settings.pickup_service / 2.0,
            settings.dropoff_service / 2.0,
        );
        let (mut clock, mut work, mut cost) = (who.free, 0.0, 0.0);
        let mut last: Option<usize> = None;
        let mut stops = chain.0.as_slice();
        while let Some((first, rest)) = stops.split_first() {
            let joined = rest.iter().take_while(|stop| stop.joined).count();
            let (along, next) = rest.split_at_checked(joined).unwrap_or((rest, &[]));
            stops = next;
            let Some(task) = self.tasks.get(first.task) else {
                return FORBIDDEN;
            };
            if joined >= who.capacity || self.is_barred(worker, first.task) {
                return FORBIDDEN;
            }
            let site = task.site;
            let (way, _) = self.way_to(worker, last, site);
            let mut ready = task.ready;
            for stop in along {
                if self.is_barred(worker, stop.task) {
                    return FORBIDDEN;
                }
                ready = self
                    .tasks
                    .get(stop.task)
                    .map_or(ready, |task| ready.max(task.ready));
            }
            let pickup = (clock + way).max(ready);
            if pickup > who.ends || way >= FORBIDDEN || task.way >= FORBIDDEN {
                return FORBIDDEN;
            }
            let set_out = pickup - way;
            clock = pickup + before + task.way + at_door;
            cost += self.toll(task.placed, clock);
            let mut here = task.local;
            for stop in along {
                let Some(task) = self.tasks.get(stop.task) else {
                    return FORBIDDEN;
                };
                clock += at_door + self.door_to_door(site, here, task.local) + at_door;
                cost += self.toll(task.placed, clock);
                here = task.local;
            }
            clock += at_door;
            work += clock - set_out;
            if cost + work * self.work > bound {
                return FORBIDDEN;
            }
            last = Some(along.last().map_or(first.task, |stop| stop.task));
        }
        cost + work * self.work
    }

    /// Minutes until a worker can collect at a site, and whether that needs no way.
    fn way_to(&self, worker: usize, last: Option<usize>, site: usize) -> (f64, bool) {
        let before = self.settings.pickup_service / 2.0;
        match last {
            Some(task) => (self.back.at(task, site) + before, false),
            None if self.stands_at(worker, site) => (0.0, true),
            None => (self.reach.at(worker, site) + before, false),
        }
    }

    fn stands_at(&self, worker: usize, site: usize) -> bool {
        self.workers
            .get(worker)
            .is_some_and(|worker| worker.standing == Some(site))
    }

    /// No spot on a trip of its own with this worker costs less.
    pub fn least(&self, worker: usize, task: usize) -> f64 {
        let (Some(who), Some(task)) = (self.workers.get(worker), self.tasks.get(task)) else {
            return FORBIDDEN;
        };
        let settings = &self.settings;
        let (at_site, at_door) = (
            settings.pickup_service / 2.0,
            settings.dropoff_service / 2.0,
        );
        let there = who.free + self.reach.at(worker, task.site);
        let way = at_site + task.way + at_door;
        self.toll(task.placed, there.max(task.ready) + way) + (way + at_door) * self.work
    }

    fn toll(&self, placed: f64, door: f64) -> f64 {
        let settings = &self.settings;
        let waited = door - placed;
        waited
            + (waited - settings.target).max(0.0) * settings.late_weight
            + (waited - settings.limit).max(0.0) * settings.limit_weight
    }

    /// Goes through a chain and shows each trip with its times.
    pub fn walk(&self, worker: usize, chain: &Chain, mut show: impl FnMut(&Leg)) {
        let Some(who) = self.workers.get(worker) else {
            return;
        };
        let settings = &self.settings;
        let (before, at_door) = (
            settings.pickup_service / 2.0,
            settings.dropoff_service / 2.0,
        );
        let (mut clock, mut last) = (who.free, None);
        let (mut tasks, mut dropoffs) = (Vec::new(), Vec::new());
        for (start, end) in chain.trips() {
            let stops = chain.0.get(start..end).unwrap_or(&[]);
            let Some(site) = stops
                .first()
                .and_then(|stop| self.tasks.get(stop.task))
                .map(|task| task.site)
            else {
                continue;
            };
            let (way, standing) = self.way_to(worker, last, site);
            let ready = stops
                .iter()
                .filter_map(|stop| self.tasks.get(stop.task))
                .map(|task| task.ready)
                .fold(f64::NEG_INFINITY, f64::max);
            let there = clock + way;
            let pickup = there.max(ready);
            let leave = pickup - way;
            tasks.clear();
            dropoffs.clear();
            clock = pickup + before;
            let mut here: Option<usize> = None;
            for stop in stops {
                let Some(task) = self.tasks.get(stop.task) else {
                    continue;
                };
                clock += here.map_or(task.way, |from| self.door_to_door(site, from, task.local));
                clock += at_door;
                tasks.push(stop.task);
                dropoffs.push(clock);
                clock += at_door;
                here = Some(task.local);
                last = Some(stop.task);
            }
            show(&Leg {
                tasks: &tasks,
                leave,
                there: leave.max(0.0) + way,
                pickup,
                dropoffs: &dropoffs,
                free: clock,
                standing,
            });
        }
    }
}
