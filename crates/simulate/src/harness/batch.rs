//! Many schedules, on every core, and what came of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::{Figures, Named, Table, World};

/// Failures kept; the rest is only counted.
const KEPT_MAX: usize = 20;

#[derive(Debug)]
pub struct Batch<S, F, T> {
    pub schedules: u64,
    pub failed: u64,
    /// The first by seed, with what each broke.
    pub failures: Vec<(u64, Vec<String>)>,
    pub table: Table<S, F>,
    pub stats: T,
}

type BatchOf<W> = Batch<<W as World>::Step, <W as World>::Fault, <W as World>::Stats>;

impl<S: Named, F: Named, T: Figures> Default for Batch<S, F, T> {
    fn default() -> Self {
        Self {
            schedules: 0,
            failed: 0,
            failures: Vec::new(),
            table: Table::default(),
            stats: T::default(),
        }
    }
}

impl<S: Named, F: Named, T: Figures> Batch<S, F, T> {
    fn merge(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.failed += other.failed;
        self.failures.extend(other.failures);
        self.failures.sort();
        self.failures.truncate(KEPT_MAX);
        self.table.merge(&other.table);
        self.stats.merge(&other.stats);
    }

    fn add<W>(&mut self, seed: u64, mutant: Option<W::Mutant>)
    where
        W: World<Step = S, Fault = F, Stats = T>,
    {
        let outcome = W::run(seed, mutant, false);
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
pub fn run_many<W: World>(first: u64, count: u64, mutant: Option<W::Mutant>) -> BatchOf<W> {
    const PORTION: u64 = 64;
    let next = AtomicU64::new(0);
    let whole = Mutex::new(BatchOf::<W>::default());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = BatchOf::<W>::default();
                loop {
                    let from = next.fetch_add(PORTION, Ordering::Relaxed);
                    if from >= count {
                        break;
                    }
                    for seed in from..count.min(from + PORTION) {
                        mine.add::<W>(first + seed, mutant);
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
pub fn caught_after<W: World>(
    first: u64,
    most: u64,
    mutant: W::Mutant,
) -> Option<(u64, Vec<String>)> {
    const STRETCH: u64 = 256;
    (0..most.div_ceil(STRETCH)).find_map(|stretch| {
        let done = stretch * STRETCH;
        let batch = run_many::<W>(first + done, STRETCH.min(most - done), Some(mutant));
        let (seed, violations) = batch.failures.into_iter().next()?;
        Some((seed - first + 1, violations))
    })
}

/// What is wrong with a file of kept seeds. Each line has a seed and, if there is one, the
/// mutant that it catches: the real code has to hold, and the mutant must not.
pub fn complaints_of_kept<W: World>(file: &str) -> Vec<String> {
    let lines = file.lines().map(|line| match line.split_once('#') {
        Some((before, _)) => before.trim(),
        None => line.trim(),
    });
    let kept = lines.filter(|line| !line.is_empty());
    kept.filter_map(|line| complaint_of::<W>(line).err())
        .collect()
}

fn complaint_of<W: World>(line: &str) -> Result<(), String> {
    let (seed, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let seed: u64 = seed.parse().map_err(|_| format!("`{seed}` is no seed"))?;
    let violations = W::run(seed, None, false).violations;
    if !violations.is_empty() {
        return Err(format!("seed {seed}: {}", violations.join("; ")));
    }
    let name = name.trim();
    if name.is_empty() {
        return Ok(());
    }
    let mutant = W::Mutant::named(name).ok_or_else(|| format!("there is no mutant `{name}`"))?;
    if W::run(seed, Some(mutant), false).violations.is_empty() {
        return Err(format!("seed {seed} does not catch {name}"));
    }
    Ok(())
}
