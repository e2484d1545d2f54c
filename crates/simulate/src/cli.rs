//! What can be asked for on the command line, and how it is shown.

use std::process::ExitCode;
use std::time::Instant;

use simulate::placement::batch::{Batch, caught_after, run_many};
use simulate::placement::mutant::Mutant;
use simulate::placement::run;

pub const USAGE: &str = "\
usage: simulate placement [options]

  --schedules N   run N schedules (default 100000)
  --from SEED     the first seed of them (default 1)
  --seed SEED     replay one schedule and show its trace
  --mutant NAME   with a mistake put in on purpose; `all` says after how many
                  schedules each is caught";

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
}

impl Command {
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut words = arguments.iter().map(String::as_str);
        match words.next() {
            Some("placement") => {}
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
        let fine = match self {
            Self::Placement {
                schedules,
                from,
                mutant,
            } => placement(schedules, from, mutant),
            Self::Replay { seed, mutant } => replay(seed, mutant),
            Self::Mutants { from } => mutants(from),
        };
        if fine {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

fn placement(schedules: u64, from: u64, mutant: Option<Mutant>) -> bool {
    #[allow(
        clippy::disallowed_methods,
        reason = "a host program may look at the clock"
    )]
    let started = Instant::now();
    let batch = run_many(from, schedules, mutant);
    let seconds = started.elapsed().as_secs_f64();
    show(&batch, seconds);
    let zeros = batch.table.zeros();
    for (step, fault) in &zeros {
        println!("never struck: {} at {}", fault.name(), step.name());
    }
    for (seed, violations) in &batch.failures {
        println!("seed {seed}: {}", violations.join("; "));
    }
    if batch.failed > 0 {
        println!("{} of {} schedules failed", batch.failed, batch.schedules);
    }
    batch.failed == 0 && zeros.is_empty()
}

fn show(batch: &Batch, seconds: f64) {
    let stats = &batch.stats;
    println!("{}\n", batch.table.render());
    println!(
        "{} schedules in {seconds:.1} s ({:.0} a second), {} events",
        batch.schedules,
        batch.schedules as f64 / seconds.max(0.001),
        stats.events
    );
    println!(
        "{} orders placed, {} undone, {} buyers refused, {} told to come back",
        stats.placed, stats.undone, stats.refused, stats.busy
    );
    println!(
        "{} looks at all shards; {} refusals given up because shelves did not stand still, \
         {} because plans were overtaken",
        stats.collects, stats.restless, stats.overtaken
    );
    println!(
        "{} placements resumed, {} stuck and retried, {} batches in conflict, \
         longest unfinished {} ms",
        stats.resumed, stats.stuck, stats.conflicts, stats.longest_ms
    );
}

fn replay(seed: u64, mutant: Option<Mutant>) -> bool {
    let outcome = run(seed, mutant, true);
    for line in &outcome.trace {
        println!("{line}");
    }
    if outcome.violations.is_empty() {
        println!("seed {seed} holds");
    }
    for violation in &outcome.violations {
        println!("seed {seed}: {violation}");
    }
    outcome.violations.is_empty()
}

fn mutants(from: u64) -> bool {
    let mut all = true;
    for mutant in Mutant::ALL {
        match caught_after(from, CAUGHT_WITHIN, mutant) {
            Some((count, violations)) => println!(
                "{:<16} caught after {count} schedules: {}",
                mutant.name(),
                violations.join("; ")
            ),
            None => {
                println!(
                    "{:<16} not caught in {CAUGHT_WITHIN} schedules",
                    mutant.name()
                );
                all = false;
            }
        }
    }
    all
}
