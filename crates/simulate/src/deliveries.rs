//! The command lines of the dispatch replays: `dispatch`, `generate` and `dispatch-bench`.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use simulate::dispatch::folder::{instances_in, play_all};
use simulate::dispatch::generate::{Recipe, generate};
use simulate::dispatch::replay::Policy;
use simulate::dispatch::report;
use simulate::dispatch::{bench, search};

use crate::cli::Shown;

/// A replay of all instances below some folders.
#[derive(Debug)]
pub struct Replay {
    folders: Vec<PathBuf>,
    policy: Policy,
    json: bool,
    progress: bool,
    out: Option<PathBuf>,
}

fn value<'a>(option: &str, words: &mut impl Iterator<Item = &'a str>) -> Result<&'a str, String> {
    words
        .next()
        .ok_or_else(|| format!("`{option}` wants a value"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

impl Replay {
    pub fn parse<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut ask = Self {
            folders: Vec::new(),
            policy: Policy::Window(domain::dispatch::window::Settings::default()),
            json: false,
            progress: std::io::stderr().is_terminal(),
            out: None,
        };
        let mut tuned = Vec::new();
        while let Some(word) = words.next() {
            match word {
                "--policy" => {
                    let name = value(word, &mut words)?;
                    ask.policy = Policy::named(name)
                        .ok_or_else(|| format!("there is no policy `{name}`"))?;
                }
                "--set" => tuned.push(value(word, &mut words)?),
                "--json" => ask.json = true,
                "--progress" => ask.progress = true,
                "--out" => ask.out = Some(value(word, &mut words)?.into()),
                _ if word.starts_with('-') => return Err(format!("there is no option `{word}`")),
                _ => ask.folders.push(word.into()),
            }
        }
        for setting in tuned {
            ask.policy.set(setting)?;
        }
        if ask.folders.is_empty() {
            return Err("which folder shall be replayed?".into());
        }
        Ok(ask)
    }

    pub fn run(&self) -> Shown {
        match self.play() {
            Ok(shown) => shown,
            Err(complaint) => {
                eprintln!("{complaint}");
                (false, String::new())
            }
        }
    }

    fn play(&self) -> Result<Shown, String> {
        let mut folders = Vec::new();
        for folder in &self.folders {
            folders.extend(instances_in(folder)?);
        }
        let all = folders.len();
        let outcomes = play_all(&folders, &self.policy, self.out.as_deref(), |done| {
            if self.progress {
                bar(done, all);
            }
        })?;
        let fine = outcomes.iter().all(|one| one.wrong.is_empty());
        let text = if self.json {
            report::json(&outcomes, self.policy.name())
        } else {
            report::table(&outcomes)
        };
        Ok((fine, text))
    }
}

const BAR: usize = 40;

fn bar(done: usize, all: usize) {
    let full = BAR * done / all.max(1);
    let end = if done == all { "\n" } else { "" };
    let mut out = std::io::stderr();
    let _ = write!(
        out,
        "\r[{}{}] {done} of {all}{end}",
        "#".repeat(full),
        " ".repeat(BAR - full)
    );
    let _ = out.flush();
}

/// Instances to be made up.
#[derive(Debug)]
pub struct Making {
    out: PathBuf,
    instances: u64,
    recipe: Recipe,
}

impl Making {
    pub fn parse<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let (mut out, mut instances, mut recipe) = (None, 1, Recipe::default());
        while let Some(word) = words.next() {
            let text = value(word, &mut words)?;
            match word {
                "--out" => out = Some(PathBuf::from(text)),
                "--instances" => instances = number(text)?,
                "--orders" => recipe.orders = number(text)?,
                "--seed" => recipe.seed = number(text)?,
                "--load" => recipe.load = number(text)?,
                "--preparation" => recipe.preparation = number(text)?,
                "--speed" => recipe.metres_per_minute = number(text)?,
                _ => return Err(format!("there is no option `{word}`")),
            }
        }
        let positive = [recipe.load, recipe.preparation, recipe.metres_per_minute];
        if positive
            .iter()
            .any(|number| *number <= 0.0 || !number.is_finite())
        {
            return Err("load, preparation and speed are above nought".into());
        }
        Ok(Self {
            out: out.ok_or("where shall they be written? `--out FOLDER`")?,
            instances,
            recipe,
        })
    }

    pub fn run(&self) -> Shown {
        for index in 0..self.instances {
            let recipe = Recipe {
                seed: self.recipe.seed + index,
                ..self.recipe
            };
            let name = format!("{}x{}s{}", recipe.orders, recipe.load, recipe.seed);
            if let Err(complaint) = generate(&name, &recipe).write(&self.out.join(&name)) {
                eprintln!("{complaint}");
                return (false, String::new());
            }
        }
        let text = format!("{} instances in {}\n", self.instances, self.out.display());
        (true, text)
    }
}

/// The benchmark.
#[derive(Debug)]
pub struct Bench {
    runs: usize,
    json: bool,
}

const RUNS: usize = 25;

impl Bench {
    pub fn parse<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut ask = Self {
            runs: RUNS,
            json: false,
        };
        while let Some(word) = words.next() {
            match word {
                "--runs" => ask.runs = number(value(word, &mut words)?)?,
                "--json" => ask.json = true,
                _ => return Err(format!("there is no option `{word}`")),
            }
        }
        Ok(ask)
    }

    pub fn run(&self) -> Shown {
        let bench = bench::run(self.runs, &search::CROWDS, &bench::DAYS);
        (
            true,
            if self.json {
                bench.json()
            } else {
                bench.text()
            },
        )
    }
}
