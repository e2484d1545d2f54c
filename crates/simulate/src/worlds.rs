//! The command line of one world. The options are the same in each, and what is printed has
//! the same parts: the table of faults, figures, and what failed.

use std::fmt::Write as _;
use std::time::Instant;

use simulate::harness::{Figures, Named, World, caught_after, run_many};

use crate::cli::Shown;

/// Schedules within which a mutant has to be caught.
const CAUGHT_WITHIN: u64 = 20_000;

#[derive(Debug)]
pub struct Ask<W: World> {
    schedules: u64,
    from: u64,
    seed: Option<u64>,
    mutant: Option<W::Mutant>,
    all: bool,
}

impl<W: World> Ask<W> {
    /// `schedules` is how many are run where nobody says how many.
    pub fn parse<'a>(
        mut words: impl Iterator<Item = &'a str>,
        schedules: u64,
    ) -> Result<Self, String> {
        let mut ask = Self {
            schedules,
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
                    let named = W::Mutant::named(value);
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
            Some(seed) => replay::<W>(seed, self.mutant),
            None if self.all => mutants::<W>(self.from),
            None => self.schedules(),
        }
    }

    fn schedules(&self) -> Shown {
        #[allow(
            clippy::disallowed_methods,
            reason = "a host program may look at the clock"
        )]
        let started = Instant::now();
        let batch = run_many::<W>(self.from, self.schedules, self.mutant);
        let millis = started.elapsed().as_millis();
        let rate = u128::from(batch.schedules) * 1000 / millis.max(1);
        let mut text = format!(
            "{}\n\n{} schedules in {}.{} s ({rate} a second), {}\n",
            batch.table.render(),
            batch.schedules,
            millis / 1000,
            millis % 1000 / 100,
            batch.stats.tell(),
        );
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
}

fn replay<W: World>(seed: u64, mutant: Option<W::Mutant>) -> Shown {
    let outcome = W::run(seed, mutant, true);
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

fn mutants<W: World>(from: u64) -> Shown {
    let (mut all, mut text) = (true, String::new());
    let names = W::Mutant::all().iter().map(|mutant| mutant.name().len());
    let width = names.max().unwrap_or(0).next_multiple_of(2);
    for mutant in W::Mutant::all() {
        let name = mutant.name();
        let caught = caught_after::<W>(from, CAUGHT_WITHIN, *mutant);
        all &= caught.is_some();
        let _ = if let Some((count, violations)) = caught {
            let broke = violations.join("; ");
            writeln!(
                text,
                "{name:<width$} caught after {count} schedules: {broke}"
            )
        } else {
            writeln!(
                text,
                "{name:<width$} not caught in {CAUGHT_WITHIN} schedules"
            )
        };
    }
    (all, text)
}
