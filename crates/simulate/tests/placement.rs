//! The real code holds through a batch of schedules, every known mistake is found,
//! and seeds that once found something are played again.

use simulate::placement::batch::{caught_after, run_many};
use simulate::placement::mutant::Mutant;
use simulate::placement::run;

const SCHEDULES: u64 = 6_000;

#[test]
fn schedules_hold_and_every_fault_strikes_every_step() {
    let batch = run_many(1, SCHEDULES, None);
    assert_eq!(batch.failures, []);
    assert_eq!(batch.table.zeros(), []);
    assert!(batch.stats.placed > 0 && batch.stats.refused > 0 && batch.stats.stuck > 0);
}

#[test]
fn a_seed_is_a_schedule() {
    for seed in 1..50 {
        let (one, other) = (run(seed, None, true), run(seed, None, true));
        assert_eq!(one.trace, other.trace);
        let untraced = run(seed, None, false);
        assert_eq!(untraced.stats, one.stats);
    }
}

/// Each within a bounded number of schedules. Those that show seldom, once in some
/// thousand, are looked for from a seed that is not far from one.
#[test]
fn each_mutant_is_caught() {
    for mutant in Mutant::ALL {
        let (first, within) = match mutant {
            Mutant::NoClaim
            | Mutant::NoMark
            | Mutant::SameCart
            | Mutant::NoHoldCheck
            | Mutant::DoubleRestore
            | Mutant::LostAlarm
            | Mutant::LateDeduct
            | Mutant::BackwardResume => (1, 200),
            Mutant::BelievedNo
            | Mutant::NoTombstone
            | Mutant::StaleLook
            | Mutant::BlindOrder
            | Mutant::ForgottenNo => (1, 4_000),
            Mutant::ImpatientResume | Mutant::OneLook | Mutant::SilentUndo => (3_900, 2_000),
        };
        let caught = caught_after(first, within, mutant);
        assert!(caught.is_some(), "{} got through", mutant.name());
    }
}

/// `seeds.txt`: a seed a line, then the mutant that it catches, if any.
#[test]
fn seeds_that_found_something_hold() {
    let file = include_str!("../seeds.txt");
    let lines = file
        .lines()
        .map(|line| line.split('#').next().unwrap_or(""));
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let seed: u64 = words.next().unwrap().parse().expect("a seed");
        assert_eq!(run(seed, None, false).violations, [""; 0], "seed {seed}");
        if let Some(name) = words.next() {
            let mutant = Mutant::from_name(name).expect("a mutant");
            let outcome = run(seed, Some(mutant), false);
            assert!(!outcome.violations.is_empty(), "seed {seed} {name}");
        }
    }
}
