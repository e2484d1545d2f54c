//! The real code holds through a batch of schedules, every known mistake is found,
//! and seeds that once found something are played again.

use simulate::harness::{caught_after, complaints_of_kept, run_many};
use simulate::placement::mutant::Mutant;
use simulate::placement::{Placing, run};

const SCHEDULES: u64 = 6_000;

#[test]
fn schedules_hold_and_every_fault_strikes_every_step() {
    let batch = run_many::<Placing>(1, SCHEDULES, None);
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
        let caught = caught_after::<Placing>(first, within, mutant);
        assert!(caught.is_some(), "{} got through", mutant.name());
    }
}

#[test]
fn seeds_that_found_something_hold() {
    let file = include_str!("../seeds.txt");
    assert_eq!(complaints_of_kept::<Placing>(file), [""; 0]);
}
