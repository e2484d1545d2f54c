//! What can be asked for on the command line, and how it is shown.

use std::io::Write as _;
use std::process::ExitCode;

use simulate::assignment::Assigning;
use simulate::errands::Finding;
use simulate::placement::Placing;

use crate::deliveries;
use crate::worlds::Ask;

pub const USAGE: &str = "\
usage: simulate placement|assignment|errands [options]
       simulate dispatch FOLDER... [options]
       simulate generate --out FOLDER [options]
       simulate dispatch-bench [--runs N] [--json]

  --schedules N   run N schedules (default 100000, of assignments 20000)
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

#[derive(Debug)]
pub enum Command {
    Placement(Ask<Placing>),
    Offers(Ask<Assigning>),
    Errands(Ask<Finding>),
    Deliveries(deliveries::Replay),
    Making(deliveries::Making),
    DispatchBench(deliveries::Bench),
}

impl Command {
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut words = arguments.iter().map(String::as_str);
        match words.next() {
            Some("placement") => Ask::parse(words, 100_000).map(Self::Placement),
            Some("assignment") => Ask::parse(words, 20_000).map(Self::Offers),
            Some("errands") => Ask::parse(words, 100_000).map(Self::Errands),
            Some("dispatch") => deliveries::Replay::parse(words).map(Self::Deliveries),
            Some("generate") => deliveries::Making::parse(words).map(Self::Making),
            Some("dispatch-bench") => deliveries::Bench::parse(words).map(Self::DispatchBench),
            Some(other) => Err(format!("there is no `{other}`")),
            None => Err("what shall be simulated?".into()),
        }
    }

    pub fn run(self) -> ExitCode {
        let (fine, text) = match self {
            Self::Placement(ask) => ask.run(),
            Self::Offers(ask) => ask.run(),
            Self::Errands(ask) => ask.run(),
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
