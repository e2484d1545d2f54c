//! Many schedules, on every core, and what came of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::fault::Table;
use super::ledger::Stats;
use super::mutant::Mutant;
use super::run;

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

impl Batch {
    fn merge(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.failed += other.failed;
        self.failures.extend(other.failures);
        self.failures.sort();
        self.failures.truncate(KEPT_MAX);
        self.table.merge(&other.table);
        self.stats.merge(&other.stats);
    }

    fn add(&mut self, seed: u64, mutant: Option<Mutant>) {
        let outcome = run(seed, mutant, false);
        self.schedules += 1;
        self.table.merge(&outcome.table);
        self.stats.merge(&outcome.stats);
        if !outcome.violations.is_empty() {
            self.failed += 1;
            if self.failures.len() < KEPT_MAX {
                self.failures.push((seed, outcome.violations));
            }
        }
    }
}

/// Runs the schedules of `count` seeds from `first` on.
pub fn run_many(first: u64, count: u64, mutant: Option<Mutant>) -> Batch {
    const PORTION: u64 = 64;
    let next = AtomicU64::new(0);
    let whole = Mutex::new(Batch::default());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = Batch::default();
                loop {
                    let from = next.fetch_add(PORTION, Ordering::Relaxed);
                    if from >= count {
                        break;
                    }
                    for seed in from..count.min(from + PORTION) {
                        mine.add(first + seed, mutant);
                    }
                }
                if let Ok(mut whole) = whole.lock() {
                    whole.merge(mine);
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
