//! A snapshot in numbers: minutes from now, and every way that a plan may take measured
//! once. Nothing behind this asks for names or places any more.

use std::collections::BTreeMap;

use super::super::matching::{FORBIDDEN, Table};
use super::super::{Driver, Order};
use super::chain::Chain;
use super::{Settings, Snapshot, Travel, minutes};

/// An order that is planned for.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// Its place in the snapshot.
    pub order: usize,
    pub site: usize,
    /// Its place among the orders of its site.
    pub local: usize,
    pub placed: f64,
    pub ready: f64,
    /// From the site to its door.
    pub way: f64,
    /// Workers who are not asked.
    pub barred: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Worker {
    pub free: f64,
    pub ends: f64,
    pub capacity: usize,
    pub standing: Option<usize>,
}

pub(super) struct Problem {
    pub settings: Settings,
    pub tasks: Vec<Task>,
    pub workers: Vec<Worker>,
    /// Worker by site, and task by site: from where each is free.
    pub reach: Table,
    pub back: Table,
    /// Door to door, of the orders of one site.
    between: Vec<Table>,
    /// For each site the workers who could be there first.
    pub soonest: Vec<Vec<usize>>,
    /// What a minute of work costs in this plan.
    pub work: f64,
    /// Orders that get ready after the horizon.
    pub beyond: Vec<usize>,
}

impl Problem {
    pub fn new<P>(snapshot: &Snapshot<P>, travel: &impl Travel<P>, settings: &Settings) -> Self {
        // A place that is none has no way to it, and must not spoil sums.
        let way = |from: &P, to: &P| sane(travel.minutes(from, to));
        let from_now = |ms: i64| minutes(ms.saturating_sub(snapshot.now_ms));
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut places, mut members): (Vec<&P>, Vec<Vec<&P>>) = (Vec::new(), Vec::new());
        let (mut tasks, mut beyond) = (Vec::new(), Vec::new());
        for (index, order) in snapshot.orders.iter().enumerate() {
            let ready = from_now(order.ready_ms);
            if ready > settings.horizon {
                beyond.push(index);
                continue;
            }
            let next = places.len();
            let site = *names.entry(&order.site).or_insert(next);
            if site == next {
                places.push(&order.pickup);
                members.push(Vec::new());
            }
            let Some(doors) = members.get_mut(site) else {
                continue;
            };
            tasks.push(Task {
                order: index,
                site,
                local: doors.len(),
                placed: from_now(order.placed_ms),
                ready,
                way: way(&order.pickup, &order.dropoff),
                barred: barred(order, &snapshot.drivers),
            });
            doors.push(&order.dropoff);
        }
        let workers: Vec<Worker> = snapshot
            .drivers
            .iter()
            .map(|driver| Worker {
                free: from_now(driver.free_ms).max(0.0),
                ends: driver.ends_ms.map_or(f64::INFINITY, from_now),
                capacity: usize::try_from(driver.capacity)
                    .unwrap_or(usize::MAX)
                    .min(settings.trip_max),
                standing: driver
                    .standing
                    .as_deref()
                    .and_then(|site| names.get(site).copied()),
            })
            .collect();
        let mut reach = Table::new(places.len());
        for driver in &snapshot.drivers {
            reach.push_row(places.iter().map(|site| {
                let far = settings
                    .radius_km
                    .is_some_and(|radius| travel.km(&driver.place, site) > radius);
                if far {
                    FORBIDDEN
                } else {
                    way(&driver.place, site)
                }
            }));
        }
        let mut back = Table::new(places.len());
        for task in &tasks {
            if let Some(order) = snapshot.orders.get(task.order) {
                back.push_row(places.iter().map(|site| way(&order.dropoff, site)));
            }
        }
        let between = members
            .iter()
            .map(|doors| {
                let mut table = Table::new(doors.len());
                for from in doors {
                    table.push_row(doors.iter().map(|to| way(from, to)));
                }
                table
            })
            .collect();
        let mut problem = Self {
            settings: *settings,
            work: settings.work_weight,
            soonest: Vec::new(),
            tasks,
            workers,
            reach,
            back,
            between,
            beyond,
        };
        problem.soonest = (0..places.len())
            .map(|site| problem.nearest(site))
            .collect();
        problem.work = problem.price_of_work();
        problem
    }

    fn nearest(&self, site: usize) -> Vec<usize> {
        let mut workers: Vec<(f64, usize)> = self
            .workers
            .iter()
            .enumerate()
            .map(|(index, worker)| (worker.free + self.reach.at(index, site), index))
            .filter(|(there, _)| *there < FORBIDDEN)
            .collect();
        sort(&mut workers);
        workers.truncate(self.settings.nearest);
        workers.into_iter().map(|(_, index)| index).collect()
    }

    /// The workers who could be first where a chain begins.
    pub fn soonest_for(&self, chain: &Chain) -> &[usize] {
        let first = chain.0.first();
        first
            .and_then(|stop| self.tasks.get(stop.task))
            .and_then(|task| self.soonest.get(task.site))
            .map_or(&[], Vec::as_slice)
    }

    /// The scarcer drivers are, the dearer is what keeps them from the next order.
    fn price_of_work(&self) -> f64 {
        let settings = &self.settings;
        let open = self.tasks.len();
        let there = self
            .workers
            .iter()
            .filter(|worker| worker.free <= settings.horizon && worker.ends > 0.0)
            .count();
        let load = count(open) / count(there.max(1));
        settings.work_weight + settings.load_weight * load
    }

    /// Those first that were placed first.
    pub fn by_age(&self) -> Vec<usize> {
        let mut tasks: Vec<(f64, usize)> = self
            .tasks
            .iter()
            .enumerate()
            .map(|(index, task)| (task.placed, index))
            .collect();
        sort(&mut tasks);
        tasks.into_iter().map(|(_, index)| index).collect()
    }

    pub fn door_to_door(&self, site: usize, from: usize, to: usize) -> f64 {
        self.between
            .get(site)
            .map_or(FORBIDDEN, |table| table.at(from, to))
    }

    /// There is but one order of that site.
    pub fn is_alone(&self, site: usize) -> bool {
        self.between
            .get(site)
            .is_none_or(|table| table.columns() < 2)
    }

    pub fn is_barred(&self, worker: usize, task: usize) -> bool {
        self.tasks
            .get(task)
            .is_some_and(|task| task.barred.contains(&worker))
    }
}

fn barred<P>(order: &Order<P>, drivers: &[Driver<P>]) -> Vec<usize> {
    if order.barred.is_empty() {
        return Vec::new();
    }
    let drivers = drivers.iter().enumerate();
    drivers
        .filter(|(_, driver)| order.barred.contains(&driver.id))
        .map(|(worker, _)| worker)
        .collect()
}

/// The smaller number first. One function for all, since each kind of sorting is some
/// kilobytes in a worker.
#[inline(never)]
pub(super) fn sort(list: &mut [(f64, usize)]) {
    list.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
}

fn sane(minutes: f64) -> f64 {
    if minutes.is_finite() {
        minutes.clamp(0.0, FORBIDDEN)
    } else {
        FORBIDDEN
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}
