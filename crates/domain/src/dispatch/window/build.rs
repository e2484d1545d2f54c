//! Where an order costs least.

use std::collections::BTreeMap;

use super::super::matching::FORBIDDEN;
use super::chain::{Chain, Stop};
use super::problem::Problem;
use super::{Memory, Snapshot};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Alone { place: usize },
    Along { start: usize, place: usize },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spot {
    pub worker: usize,
    way: Way,
    /// What the plan costs more with the order there.
    pub more: f64,
}

impl Spot {
    pub fn put(self, chain: &mut Chain, task: usize) {
        match self.way {
            Way::Alone { place } => chain.put_alone(place, task),
            Way::Along { start, place } => chain.put_along(start, place, task),
        }
    }
}

/// Takes over what the last plan had and what still can be. Tells of each task whether it
/// was placed.
pub(super) fn remember<P>(
    problem: &Problem,
    chains: &mut [Chain],
    snapshot: &Snapshot<P>,
    memory: &Memory,
) -> Vec<bool> {
    let mut placed = vec![false; problem.tasks.len()];
    if memory.is_empty() {
        return placed;
    }
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, task) in problem.tasks.iter().enumerate() {
        if let Some(order) = snapshot.orders.get(task.order) {
            ids.insert(&order.id, index);
        }
    }
    for ((worker, driver), chain) in snapshot.drivers.iter().enumerate().zip(chains) {
        for trip in memory.get(&driver.id).into_iter().flatten() {
            let known = chain.0.len();
            let mut site = None;
            for task in trip.iter().filter_map(|order| ids.get(order.as_str())) {
                let here = problem.tasks.get(*task).map(|task| task.site);
                if let Some(done @ false) = placed.get_mut(*task)
                    && (site.is_none() || site == here)
                {
                    *done = true;
                    let joined = site.is_some();
                    chain.0.push(Stop {
                        task: *task,
                        joined,
                    });
                    site = here;
                }
            }
            if problem.cost(worker, chain) >= FORBIDDEN {
                for stop in chain.0.drain(known..) {
                    if let Some(done) = placed.get_mut(stop.task) {
                        *done = false;
                    }
                }
            }
        }
    }
    placed
}

/// Puts tasks into chains one by one, and tells which found no place.
pub(super) fn insert_all(problem: &Problem, chains: &mut [Chain], tasks: &[usize]) -> Vec<usize> {
    let mut costs = costs_of(problem, chains);
    let mut left = Vec::new();
    for task in tasks {
        match best_spot(problem, chains, &costs, *task, || false) {
            Some(spot) => {
                if let Some(chain) = chains.get_mut(spot.worker) {
                    spot.put(chain, *task);
                }
                if let Some(cost) = costs.get_mut(spot.worker) {
                    *cost += spot.more;
                }
            }
            None => left.push(*task),
        }
    }
    left
}

pub(super) fn costs_of(problem: &Problem, chains: &[Chain]) -> Vec<f64> {
    chains
        .iter()
        .enumerate()
        .map(|(worker, chain)| problem.cost(worker, chain))
        .collect()
}

/// The cheapest spot of all that are not skipped, if there is any.
pub(super) fn best_spot(
    problem: &Problem,
    chains: &[Chain],
    costs: &[f64],
    task: usize,
    mut skip: impl FnMut() -> bool,
) -> Option<Spot> {
    let site = problem.tasks.get(task)?.site;
    let mut best: Option<Spot> = None;
    let mut scratch = Chain::default();
    let near = problem.soonest.get(site).map_or(&[][..], Vec::as_slice);
    let mut consider = |best: &mut Option<Spot>, worker: usize, way: Way, chain: &Chain| {
        if skip() {
            return;
        }
        scratch.0.clear();
        scratch.0.extend_from_slice(&chain.0);
        let spot = Spot {
            worker,
            way,
            more: 0.0,
        };
        spot.put(&mut scratch, task);
        let now = costs.get(worker).copied().unwrap_or(0.0);
        let bound = best.map_or(FORBIDDEN / 2.0, |best| best.more);
        let more = problem.cost_within(worker, &scratch, now + bound) - now;
        if more < bound {
            *best = Some(Spot { more, ..spot });
        }
    };
    for worker in near {
        let least = problem.least(*worker, task);
        if best.is_some_and(|best| best.more <= least) {
            // Those who follow are there no sooner.
            break;
        }
        let Some(chain) = chains.get(*worker) else {
            continue;
        };
        for (place, stop) in chain.0.iter().enumerate() {
            if !stop.joined {
                consider(&mut best, *worker, Way::Alone { place }, chain);
            }
        }
        let place = chain.0.len();
        consider(&mut best, *worker, Way::Alone { place }, chain);
    }
    if problem.is_alone(site) {
        return best;
    }
    for (worker, chain) in chains.iter().enumerate() {
        let mut start = None;
        for (place, stop) in chain.0.iter().enumerate() {
            if !stop.joined {
                if let Some(start) = start {
                    consider(&mut best, worker, Way::Along { start, place }, chain);
                }
                let of_site = problem
                    .tasks
                    .get(stop.task)
                    .is_some_and(|task| task.site == site);
                start = of_site.then_some(place);
            }
            if let Some(start) = start {
                consider(&mut best, worker, Way::Along { start, place }, chain);
            }
        }
        if let Some(start) = start {
            let place = chain.0.len();
            consider(&mut best, worker, Way::Along { start, place }, chain);
        }
    }
    best
}
