//! Breaking up small parts of a plan and putting them together better.
//!
//! A round starts from an order that waits for its driver, or has none: the chain it is
//! in and some of drivers nearby are emptied, and their orders put back one by one in
//! another sequence. What costs less in all is kept, and at first also what costs a little
//! more, for the way to a better plan may lead through a worse one. That frees an order from where an
//! earlier one left no room, which moving one order at a time cannot do. Chance comes
//! from a seed, so a plan can be made again.

use super::build::best_spot;
use super::chain::Chain;
use super::problem::{Problem, Task, sort};

/// Less than this is no gain.
const GAIN: f64 = 1e-6;
/// Minutes by which a plan may get worse in the first round, and less in each that follows.
const HEAT: f64 = 1.0;
const DICE: usize = 1000;
/// An order that could be a minute earlier is worth a look.
const WAITS: f64 = 1.0;

/// One spot in so many is passed over, or the same sequence would always end the same.
const SKIPS: usize = 16;

/// `SplitMix64`: all of its state is one number.
pub(super) struct Chance(pub u64);

impl Chance {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below a bound, or nought when there is nothing to choose from.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        let drawn = self.draw().checked_rem(bound).unwrap_or(0);
        usize::try_from(drawn).unwrap_or(0)
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for index in 1..list.len() {
            let other = self.below(index.saturating_add(1));
            list.swap(index, other);
        }
    }
}

pub(super) struct Ruin<'a> {
    pub problem: &'a Problem,
    pub chains: &'a mut [Chain],
    pub costs: Vec<f64>,
    pub left: Vec<usize>,
    pub chance: Chance,
}

impl Ruin<'_> {
    /// Returns what nobody can bring.
    pub fn run(mut self) -> Vec<usize> {
        let mut starts = self.waiting();
        let settings = self.problem.settings;
        let rounds = settings
            .rounds
            .saturating_mul(starts.len())
            .min(settings.rounds_max);
        for round in 0..rounds {
            if starts.is_empty() {
                break;
            }
            let start = self.chance.below(starts.len());
            let Some(start) = starts.get(start).copied() else {
                break;
            };
            let heat = HEAT * (1.0 - number(round) / number(rounds));
            let drawn = number(self.chance.below(DICE)) / number(DICE);
            self.round(start, heat * drawn - GAIN);
            // What waits changes slowly, and looking costs a walk through everything.
            if round.checked_rem(64) == Some(63) {
                starts = self.waiting();
            }
        }
        self.left
    }

    /// Orders that could be brought earlier were there drivers enough.
    fn waiting(&self) -> Vec<usize> {
        let mut waiting = self.left.clone();
        for (worker, chain) in self.chains.iter().enumerate() {
            self.problem.walk(worker, chain, |leg| {
                for (task, door) in leg.tasks.iter().zip(leg.dropoffs) {
                    let best = self.problem.tasks.get(*task).map_or(0.0, |task| {
                        task.ready.max(task.placed)
                            + task.way
                            + self.problem.settings.pickup_service / 2.0
                            + self.problem.settings.dropoff_service / 2.0
                    });
                    if *door - best > WAITS {
                        waiting.push(*task);
                    }
                }
            });
        }
        waiting
    }

    fn round(&mut self, start: usize, allowed: f64) {
        let workers = self.neighbours(start);
        let unserved = self.problem.settings.unserved;
        let mut out: Vec<usize> = std::mem::take(&mut self.left);
        let left_before = out.clone();
        // Most of what was left over stays so; a few at a time are tried.
        self.chance.shuffle(&mut out);
        let mut kept = out.split_off(out.len().min(4));
        if let Some(place) = kept.iter().position(|task| *task == start) {
            out.push(kept.swap_remove(place));
        }
        let mut before = unserved * number(out.len());
        let mut saved: Vec<(usize, Chain, f64)> = Vec::new();
        for worker in workers {
            let (Some(chain), Some(cost)) =
                (self.chains.get_mut(worker), self.costs.get_mut(worker))
            else {
                continue;
            };
            out.extend(chain.0.iter().map(|stop| stop.task));
            before += *cost;
            saved.push((worker, std::mem::take(chain), *cost));
            *cost = 0.0;
        }
        self.sequence(&mut out);
        let mut after = 0.0;
        let mut touched: Vec<(usize, Chain, f64)> = Vec::new();
        for task in out {
            let chance = &mut self.chance;
            let skip = || chance.below(SKIPS) == 0;
            let spot = best_spot(self.problem, self.chains, &self.costs, task, skip);
            let Some(spot) = spot.filter(|spot| spot.more < unserved) else {
                kept.push(task);
                after += unserved;
                continue;
            };
            let (Some(chain), Some(cost)) = (
                self.chains.get_mut(spot.worker),
                self.costs.get_mut(spot.worker),
            ) else {
                continue;
            };
            let known = |list: &[(usize, Chain, f64)]| list.iter().any(|one| one.0 == spot.worker);
            if !known(&saved) && !known(&touched) {
                touched.push((spot.worker, chain.clone(), *cost));
            }
            spot.put(chain, task);
            *cost += spot.more;
            after += spot.more;
            if after >= before + allowed {
                break;
            }
        }
        if after < before + allowed {
            self.left = kept;
            return;
        }
        self.left = left_before;
        for (worker, old, cost) in saved.into_iter().chain(touched) {
            if let (Some(chain), Some(slot)) =
                (self.chains.get_mut(worker), self.costs.get_mut(worker))
            {
                *chain = old;
                *slot = cost;
            }
        }
    }

    /// The chain of an order, and of some who work near it.
    fn neighbours(&mut self, start: usize) -> Vec<usize> {
        let mut workers: Vec<usize> = self
            .chains
            .iter()
            .position(|chain| chain.place_of(start).is_some())
            .into_iter()
            .collect();
        let site = self
            .problem
            .tasks
            .get(start)
            .map_or(usize::MAX, |task| task.site);
        let near = self
            .problem
            .soonest
            .get(site)
            .map_or(&[][..], Vec::as_slice);
        let mut others: Vec<usize> = near
            .iter()
            .copied()
            .filter(|worker| {
                self.chains
                    .get(*worker)
                    .is_some_and(|chain| !chain.is_empty())
            })
            .filter(|worker| !workers.contains(worker))
            .collect();
        let more = self.chance.below(3).saturating_add(1);
        for _ in 0..more.min(others.len()) {
            // The nearer ones more often.
            let bound = self.chance.below(others.len()).saturating_add(1);
            let pick = self.chance.below(bound);
            workers.push(others.remove(pick));
        }
        workers
    }

    fn sequence(&mut self, tasks: &mut [usize]) {
        self.chance.shuffle(tasks);
        let turn = self.chance.below(4);
        if turn > 1 {
            return;
        }
        let key = |task: &Task| if turn == 0 { task.placed } else { task.ready };
        let known = |task: &usize| self.problem.tasks.get(*task).map_or(0.0, key);
        let mut sorted: Vec<(f64, usize)> = tasks.iter().map(|task| (known(task), *task)).collect();
        sort(&mut sorted);
        for (slot, (_, task)) in tasks.iter_mut().zip(sorted) {
            *slot = task;
        }
    }
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
