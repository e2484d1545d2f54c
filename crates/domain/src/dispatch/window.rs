//! All open orders of a cell planned for all its drivers at once.
//!
//! Every window a plan is made from nothing: each driver gets a chain of trips, a trip
//! being orders that are collected together at one site. The plan looks further than it
//! binds: only what has to leave before the next window is begun, so that an order placed
//! a minute later finds everything else still open. What a plan costs is told in minutes
//! that customers wait, see [`Settings`].
//!
//! 1. `build` puts the orders into the chains, those first that have waited longest, each
//!    where it costs least: on a trip of its own, or along with others of its site.
//! 2. [`super::matching`] then gives all chains to all drivers at the least total cost.
//! 3. `improve` takes orders out and puts them back where they cost less, until none moves
//!    or the passes are used up, and the chains are matched once more.
//! 4. A trip is begun when its driver would be late by leaving after the next window.
//!    Where it would also be collected before then, the driver is bound to its orders
//!    ([`Step::Commit`]); if not, the driver is only sent to the site ([`Step::Move`]),
//!    and which orders go along is decided at the door.
//!
//! Whoever calls it again with the same snapshot gets the same plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Snapshot, Travel, millis, minutes};

mod build;
mod chain;
mod improve;
mod problem;
mod ruin;

use chain::Chain;
use problem::Problem;

/// Times are minutes. What a plan costs is, summed over orders, the minutes from placing
/// to the door, with more on top where they are many, and a little for the drivers' work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How long until the next plan is made.
    pub every: f64,
    /// Who has to leave is bound to orders that are collected sooner than this. As small as
    /// `every` keeps them open to the door of the site; a large one binds at leaving.
    pub bind_within: f64,
    /// Orders that get ready later than this from now wait for a later plan.
    pub horizon: f64,
    /// Minutes of handing over at a pickup, half before the goods are had and half after.
    pub pickup_service: f64,
    pub dropoff_service: f64,
    /// From placing to the door.
    pub target: f64,
    pub limit: f64,
    /// What a minute beyond the target, or the limit, costs on top.
    pub late_weight: f64,
    pub limit_weight: f64,
    /// What a minute of a driver's work costs when nobody waits for a driver.
    pub work_weight: f64,
    /// What it costs on top for each order that is open per driver.
    pub load_weight: f64,
    /// What an order costs that nobody can bring.
    pub unserved: f64,
    /// How often every order is tried elsewhere.
    pub passes: u32,
    /// How often, for each order that waits, a part of the plan is broken up, and how often at most.
    pub rounds: usize,
    pub rounds_max: usize,
    pub seed: u64,
    /// Drivers that are tried for one order, the soonest at its site first.
    pub nearest: usize,
    /// Orders on one trip, whatever a driver could carry.
    pub trip_max: usize,
    pub radius_km: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            every: 1.0,
            bind_within: 1.0,
            horizon: 40.0,
            pickup_service: 4.0,
            dropoff_service: 4.0,
            target: 40.0,
            limit: 90.0,
            late_weight: 0.25,
            limit_weight: 0.25,
            work_weight: 0.02,
            load_weight: 0.02,
            unserved: 500.0,
            passes: 2,
            rounds: 20,
            rounds_max: 600,
            seed: 1,
            nearest: 25,
            trip_max: 6,
            radius_km: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The driver is bound to these orders.
    Commit,
    /// The driver goes to the site; the orders stay open.
    Move,
    /// Nothing needs to be done yet.
    Later,
}

/// One trip of a plan, by places in the snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trip {
    pub driver: usize,
    /// In the order in which they are brought.
    pub orders: Vec<usize>,
    pub step: Step,
    pub leave_ms: i64,
    /// When the driver can collect at the site, were everything ready.
    pub there_ms: i64,
    pub pickup_ms: i64,
    pub dropoffs_ms: Vec<i64>,
    pub free_ms: i64,
}

/// Trips of one driver follow each other as they stand.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    pub trips: Vec<Trip>,
    /// Orders that nobody can bring, or that are too far ahead.
    pub unplanned: Vec<usize>,
}

/// What a plan leaves to the next one: for each driver, by id, the orders of each trip.
/// Without it the next plan starts from nothing, and is a little worse.
pub type Memory = BTreeMap<String, Vec<Vec<String>>>;

impl Plan {
    pub fn memory<P>(&self, snapshot: &Snapshot<P>) -> Memory {
        let mut memory = Memory::new();
        for trip in self.trips.iter().filter(|trip| trip.step != Step::Commit) {
            let orders = trip
                .orders
                .iter()
                .filter_map(|order| snapshot.orders.get(*order));
            let orders = orders.map(|order| order.id.clone()).collect();
            if let Some(driver) = snapshot.drivers.get(trip.driver) {
                memory.entry(driver.id.clone()).or_default().push(orders);
            }
        }
        memory
    }
}

pub fn plan<P>(
    snapshot: &Snapshot<P>,
    travel: &impl Travel<P>,
    settings: &Settings,
    memory: &Memory,
) -> Plan {
    let problem = Problem::new(snapshot, travel, settings);
    let mut chains = vec![Chain::default(); problem.workers.len()];
    let placed = build::remember(&problem, &mut chains, snapshot, memory);
    let mut new = problem.by_age();
    new.retain(|task| !placed.get(*task).copied().unwrap_or(false));
    let left = build::insert_all(&problem, &mut chains, &new);
    improve::match_chains(&problem, &mut chains);
    let left = improve::relocate(&problem, &mut chains, left);
    improve::match_chains(&problem, &mut chains);
    let costs = build::costs_of(&problem, &chains);
    let seed = snapshot.now_ms.unsigned_abs() ^ settings.seed;
    let left = ruin::Ruin {
        problem: &problem,
        chains: &mut chains,
        costs,
        left,
        chance: ruin::Chance(seed),
    }
    .run();
    told(&problem, &chains, &left, snapshot.now_ms)
}

fn told(problem: &Problem, chains: &[Chain], left: &[usize], now_ms: i64) -> Plan {
    let at = |moment: f64| now_ms.saturating_add(millis(moment));
    let order_of = |task: usize| problem.tasks.get(task).map(|task| task.order);
    let mut plan = Plan::default();
    for (worker, chain) in chains.iter().enumerate() {
        let mut first = true;
        problem.walk(worker, chain, |leg| {
            let soon = problem.settings.every;
            let step = if !first || leg.leave >= soon {
                Step::Later
            } else if leg.pickup < soon.max(problem.settings.bind_within) {
                Step::Commit
            } else if leg.standing {
                Step::Later
            } else {
                Step::Move
            };
            first = false;
            plan.trips.push(Trip {
                driver: worker,
                orders: leg.tasks.iter().copied().filter_map(order_of).collect(),
                step,
                leave_ms: at(leg.leave),
                there_ms: at(leg.there),
                pickup_ms: at(leg.pickup),
                dropoffs_ms: leg.dropoffs.iter().copied().map(at).collect(),
                free_ms: at(leg.free),
            });
        });
    }
    plan.unplanned = left.iter().copied().filter_map(order_of).collect();
    plan.unplanned.extend(problem.beyond.iter().copied());
    plan.unplanned.sort_unstable();
    plan
}

#[cfg(test)]
mod tests;
