//! Making a plan cheaper.

use super::super::matching::{self, FORBIDDEN, Table};
use super::build::{best_spot, costs_of};
use super::chain::Chain;
use super::problem::Problem;

/// Less than this is no gain, or two spots of the same price would be traded for ever.
const GAIN: f64 = 1e-6;

/// Gives the chains to those workers with whom they cost least in all.
pub(super) fn match_chains(problem: &Problem, chains: &mut [Chain]) {
    let holders = chains.iter().enumerate();
    let held: Vec<(usize, Chain)> = holders
        .filter(|(_, chain)| !chain.is_empty())
        .map(|(worker, chain)| (worker, chain.clone()))
        .collect();
    if held.is_empty() {
        return;
    }
    let before: f64 = costs_of(problem, chains).iter().sum();
    let mut costs = Table::filled(held.len(), chains.len(), FORBIDDEN);
    for (row, (holder, chain)) in held.iter().enumerate() {
        let near = problem.soonest_for(chain).iter().copied();
        for worker in near.chain([*holder]) {
            costs.set(row, worker, problem.cost(worker, chain));
        }
    }
    let matched = matching::assign(&costs);
    let after: f64 = matched
        .iter()
        .enumerate()
        .map(|(chain, worker)| worker.map_or(FORBIDDEN, |worker| costs.at(chain, worker)))
        .sum();
    if after >= before - GAIN {
        return;
    }
    for chain in chains.iter_mut() {
        chain.0.clear();
    }
    for ((_, chain), worker) in held.into_iter().zip(matched) {
        if let Some(slot) = worker.and_then(|worker| chains.get_mut(worker)) {
            *slot = chain;
        }
    }
}

/// Takes each order out and puts it where it costs least. Returns what is left over.
pub(super) fn relocate(problem: &Problem, chains: &mut [Chain], left: Vec<usize>) -> Vec<usize> {
    let mut left = left;
    let mut costs = costs_of(problem, chains);
    let tasks = problem.by_age();
    for _ in 0..problem.settings.passes {
        let mut moved = false;
        for task in &tasks {
            moved |= move_task(problem, chains, &mut costs, *task, &mut left);
        }
        if !moved {
            break;
        }
    }
    left
}

fn move_task(
    problem: &Problem,
    chains: &mut [Chain],
    costs: &mut [f64],
    task: usize,
    left: &mut Vec<usize>,
) -> bool {
    let held = chains
        .iter()
        .enumerate()
        .find_map(|(worker, chain)| chain.place_of(task).map(|place| (worker, place)));
    let mut saved = problem.settings.unserved;
    let mut kept = None;
    if let Some((worker, place)) = held {
        let Some(chain) = chains.get_mut(worker) else {
            return false;
        };
        let old = chain.clone();
        chain.take_out(place);
        let without = problem.cost(worker, chain);
        let Some(cost) = costs.get_mut(worker) else {
            return false;
        };
        saved = *cost - without;
        kept = Some((worker, old, *cost));
        *cost = without;
    }
    let spot = best_spot(problem, chains, costs, task, || false);
    if let Some(spot) = spot.filter(|spot| spot.more < saved - GAIN) {
        if let Some(chain) = chains.get_mut(spot.worker) {
            spot.put(chain, task);
        }
        if let Some(cost) = costs.get_mut(spot.worker) {
            *cost += spot.more;
        }
        left.retain(|one| *one != task);
        return true;
    }
    if let Some((worker, old, cost)) = kept {
        if let Some(chain) = chains.get_mut(worker) {
            *chain = old;
        }
        if let Some(slot) = costs.get_mut(worker) {
            *slot = cost;
        }
    }
    false
}
