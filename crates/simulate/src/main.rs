//! `simulate placement|assignment|errands [--schedules N] [--from SEED] [--seed SEED] [--mutant NAME]`,
//! and the replays of deliveries: `simulate dispatch|generate|dispatch-bench`

#![allow(
    clippy::arithmetic_side_effects,
    reason = "it runs on the host only, where an overflow should stop it at once"
)]

use std::process::ExitCode;

mod cli;
mod deliveries;
mod worlds;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match cli::Command::parse(&arguments) {
        Ok(command) => command.run(),
        Err(complaint) => {
            eprintln!("{complaint}\n\n{}", cli::USAGE);
            ExitCode::from(2)
        }
    }
}
