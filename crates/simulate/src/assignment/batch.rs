//! Many schedules, on every core, and what came of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::fault::Table;
use super::mutant::Mutant;
use super::world::{Outcome, Stats, run};

/// Failures kept; the rest is only counted.
const KEPT_MAX: usize = 20;

#[derive(Debug, Default)]
pub struct Batch {
    pub schedules: u64,
    pub failed: u64,
    /// The first by seed, with what each broke.
    pub failures: Vec<(u64, Vec<String>)>,
    pub table: Table,
    pub stats: Stats,
}

impl Stats {
    pub fn merge(&mut self, other: &Self) {
        self.events += other.events;
        self.won += other.won;
        self.forced += other.forced;
        self.graceful += other.graceful;
        self.lost += other.lost;
        self.released += other.released;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.full += other.full;
        self.crashes += other.crashes;
    }
}

impl Batch {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.schedules += 1;
        self.table.merge(&outcome.table);
        self.stats.merge(&outcome.stats);
        if !outcome.violations.is_empty() {
            self.failed += 1;
            self.failures.push((seed, outcome.violations));
            self.failures.sort();
            self.failures.truncate(KEPT_MAX);
        }
    }
}

/// Runs the schedules of `count` seeds from `first` on.
pub fn run_many(first: u64, count: u64, mutant: Option<Mutant>) -> Batch {
    let next = AtomicU64::new(0);
    let whole = Mutex::new(Batch::default());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let seed = first + number;
                    let outcome = run(seed, mutant, false);
                    if let Ok(mut whole) = whole.lock() {
                        whole.add(seed, outcome);
                    }
                }
            });
        }
    });
    whole.into_inner().unwrap_or_default()
}

/// How many schedules it takes from `first` on until one fails, and what it broke.
pub fn caught_after(first: u64, most: u64, mutant: Mutant) -> Option<(u64, Vec<String>)> {
    const STRETCH: u64 = 256;
    (0..most.div_ceil(STRETCH)).find_map(|stretch| {
        let done = stretch * STRETCH;
        let batch = run_many(first + done, STRETCH.min(most - done), Some(mutant));
        let (seed, violations) = batch.failures.into_iter().next()?;
        Some((seed - first + 1, violations))
    })
}
