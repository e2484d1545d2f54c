//! What can be asked for on the command line, and how it is shown.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use simulate::placement::batch::{Batch, caught_after, run_many};
use simulate::placement::mutant::Mutant;
use simulate::placement::run;

use crate::{deliveries, offers};

pub const USAGE: &str = "\
usage: simulate placement|assignment [options]
       simulate dispatch FOLDER... [options]
       simulate generate --out FOLDER [options]
       simulate dispatch-bench [--runs N] [--json]

  --schedules N   run N schedules (default 100000 placements, 20000 assignments)
  --from SEED     the first seed of them (default 1)
  --seed SEED     replay one schedule and show its trace
  --mutant NAME   with a mistake put in on purpose; `all` says after how many
                  schedules each is caught

dispatch replays every instance below the folders:
  --policy NAME   priority or window (the default)
  --set NAME=N    one of the policy's settings
  --json          instances and total as JSON
  --out FOLDER    writes who brought what and when, one file an instance
  --progress      shows a bar even where nobody sits at a terminal

generate makes instances up:
  --instances N   with seeds counting up from the first (default 1)
  --orders N      orders of each (default 500)
  --seed S        the first seed (default 1)
  --load N        orders for each hour of a courier (default 2)
  --preparation N preparation times are multiplied by this (default 1)
  --speed N       metres a minute (default 320)";

const SCHEDULES: u64 = 100_000;
/// Schedules within which a mutant has to be caught.
const CAUGHT_WITHIN: u64 = 20_000;

#[derive(Debug)]
pub enum Command {
    Placement {
        schedules: u64,
        from: u64,
        mutant: Option<Mutant>,
    },
    Replay {
        seed: u64,
        mutant: Option<Mutant>,
    },
    Mutants {
        from: u64,
    },
    Offers(offers::Ask),
    Deliveries(deliveries::Replay),
    Making(deliveries::Making),
    DispatchBench(deliveries::Bench),
}

impl Command {
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut words = arguments.iter().map(String::as_str);
        match words.next() {
            Some("placement") => {}
            Some("assignment") => return offers::Ask::parse(words).map(Self::Offers),
            Some("dispatch") => return deliveries::Replay::parse(words).map(Self::Deliveries),
            Some("generate") => return deliveries::Making::parse(words).map(Self::Making),
            Some("dispatch-bench") => {
                return deliveries::Bench::parse(words).map(Self::DispatchBench);
            }
            Some(other) => return Err(format!("there is no `{other}`")),
            None => return Err("what shall be simulated?".into()),
        }
        let (mut schedules, mut from, mut seed) = (SCHEDULES, 1, None);
        let (mut mutant, mut all) = (None, false);
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
                "--schedules" => schedules = number()?,
                "--from" => from = number()?,
                "--seed" => seed = Some(number()?),
                "--mutant" if value == "all" => all = true,
                "--mutant" => {
                    let named = Mutant::from_name(value);
                    mutant = Some(named.ok_or_else(|| format!("there is no mutant `{value}`"))?);
                }
                _ => return Err(format!("there is no option `{word}`")),
            }
        }
        Ok(match seed {
            Some(seed) => Self::Replay { seed, mutant },
            None if all => Self::Mutants { from },
            None => Self::Placement {
                schedules,
                from,
                mutant,
            },
        })
    }

    pub fn run(self) -> ExitCode {
        let (fine, text) = match self {
            Self::Placement {
                schedules,
                from,
                mutant,
            } => placement(schedules, from, mutant),
            Self::Replay { seed, mutant } => replay(seed, mutant),
            Self::Mutants { from } => mutants(from),
            Self::Offers(ask) => ask.run(),
            Self::Deliveries(ask) => ask.run(),
            Self::Making(ask) => ask.run(),
            Self::DispatchBench(ask) => ask.run(),
        };
        // A reader who has seen enough is no error.
        let _ = std::io::stdout().write_all(text.as_bytes());
        if fine {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well, and what to print.
pub type Shown = (bool, String);

fn placement(schedules: u64, from: u64, mutant: Option<Mutant>) -> Shown {
    #[allow(
        clippy::disallowed_methods,
        reason = "a host program may look at the clock"
    )]
    let started = Instant::now();
    let batch = run_many(from, schedules, mutant);
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
         {} schedules in {}.{} s ({rate} a second), {} events\n\
         {} orders placed, {} undone, {} buyers refused, {} told to come back\n\
         {} looks at all shards; {} refusals not given because shelves did not stand still, \
         {} because plans were overtaken\n\
         {} placements resumed, {} stuck and retried, {} batches in conflict, \
         longest unfinished {} ms\n",
        batch.table.render(),
        batch.schedules,
        millis / 1000,
        millis % 1000 / 100,
        stats.events,
        stats.placed,
        stats.undone,
        stats.refused,
        stats.busy,
        stats.collects,
        stats.restless,
        stats.overtaken,
        stats.resumed,
        stats.stuck,
        stats.conflicts,
        stats.longest_ms,
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
            writeln!(text, "{name:<16} caught after {count} schedules: {broke}")
        } else {
            writeln!(text, "{name:<16} not caught in {CAUGHT_WITHIN} schedules")
        };
    }
    (all, text)
}
