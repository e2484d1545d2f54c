//! The command line of the world `assignment`: the same options as for placements.

use std::fmt::Write as _;
use std::time::Instant;

use simulate::assignment::batch::{Batch, caught_after, run_many};
use simulate::assignment::mutant::Mutant;
use simulate::assignment::run;

use crate::cli::Shown;

const SCHEDULES: u64 = 20_000;
/// Schedules within which a mutant has to be caught.
const CAUGHT_WITHIN: u64 = 20_000;

#[derive(Debug)]
pub struct Ask {
    schedules: u64,
    from: u64,
    seed: Option<u64>,
    mutant: Option<Mutant>,
    all: bool,
}

impl Ask {
    pub fn parse<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut ask = Self {
            schedules: SCHEDULES,
            from: 1,
            seed: None,
            mutant: None,
            all: false,
        };
        while let Some(word) = words.next() {
            let value = words
                .next()
                .ok_or_else(|| format!("`{word}` wants a value"))?;
            let number = || {
                value
                    .parse::<u64>()
                    .map_err(|_| format!("`{value}` is no number"))
            };
            match word {
                "--schedules" => ask.schedules = number()?,
                "--from" => ask.from = number()?,
                "--seed" => ask.seed = Some(number()?),
                "--mutant" if value == "all" => ask.all = true,
                "--mutant" => {
                    let named = Mutant::from_name(value);
                    ask.mutant =
                        Some(named.ok_or_else(|| format!("there is no mutant `{value}`"))?);
                }
                _ => return Err(format!("there is no option `{word}`")),
            }
        }
        Ok(ask)
    }

    pub fn run(&self) -> Shown {
        match self.seed {
            Some(seed) => replay(seed, self.mutant),
            None if self.all => mutants(self.from),
            None => schedules(self),
        }
    }
}

fn schedules(ask: &Ask) -> Shown {
    #[allow(
        clippy::disallowed_methods,
        reason = "a host program may look at the clock"
    )]
    let started = Instant::now();
    let batch = run_many(ask.from, ask.schedules, ask.mutant);
    let mut text = figures(&batch, started.elapsed().as_millis());
    let zeros = batch.table.zeros();
    for (step, fault) in &zeros {
        let _ = writeln!(text, "never struck: {} at {}", fault.name(), step.name());
    }
    for (seed, violations) in &batch.failures {
        let _ = writeln!(text, "seed {seed}: {}", violations.join("; "));
    }
    let _ = writeln!(
        text,
        "{} of {} schedules failed",
        batch.failed, batch.schedules
    );
    (batch.failed == 0 && zeros.is_empty(), text)
}

fn figures(batch: &Batch, millis: u128) -> String {
    let stats = &batch.stats;
    let rate = u128::from(batch.schedules) * 1000 / millis.max(1);
    format!(
        "{}\n\n\
         {} schedules in {}.{} s ({rate} a second), {} events, {} crashes\n\
         {} victories, {} of them forced and {} within the grace; {} accepts came too late, \
         {} places refused\n\
         {} orders given back, {} without a vendor, {} cancelled\n",
        batch.table.render(),
        batch.schedules,
        millis / 1000,
        millis % 1000 / 100,
        stats.events,
        stats.crashes,
        stats.won,
        stats.forced,
        stats.graceful,
        stats.lost,
        stats.full,
        stats.released,
        stats.failed,
        stats.cancelled,
    )
}

fn replay(seed: u64, mutant: Option<Mutant>) -> Shown {
    let outcome = run(seed, mutant, true);
    let mut text = outcome.trace.join("\n");
    text.push('\n');
    if outcome.violations.is_empty() {
        let _ = writeln!(text, "seed {seed} holds");
    }
    for violation in &outcome.violations {
        let _ = writeln!(text, "seed {seed}: {violation}");
    }
    (outcome.violations.is_empty(), text)
}

fn mutants(from: u64) -> Shown {
    let (mut all, mut text) = (true, String::new());
    for mutant in Mutant::ALL {
        let name = mutant.name();
        let caught = caught_after(from, CAUGHT_WITHIN, mutant);
        all &= caught.is_some();
        let _ = if let Some((count, violations)) = caught {
            let broke = violations.join("; ");
            writeln!(text, "{name:<18} caught after {count} schedules: {broke}")
        } else {
            writeln!(text, "{name:<18} not caught in {CAUGHT_WITHIN} schedules")
        };
    }
    (all, text)
}
