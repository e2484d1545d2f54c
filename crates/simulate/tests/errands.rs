//! Drivers are found through a batch of schedules without a rule broken, and every known
//! mistake is found.

use simulate::errands::mutant::Mutant;
use simulate::errands::{Finding, run};
use simulate::harness::{caught_after, complaints_of_kept, run_many};

const SCHEDULES: u64 = 4_000;
/// Schedules within which a mistake has to be caught.
const CAUGHT_WITHIN: u64 = 4_000;

#[test]
fn schedules_hold_and_every_fault_strikes_every_step() {
    let batch = run_many::<Finding>(1, SCHEDULES, None);
    assert_eq!(batch.failures, []);
    assert_eq!(batch.table.zeros(), []);
    let stats = batch.stats;
    assert!(stats.accepted > 0 && stats.rejected > 0 && stats.silent > 0 && stats.forced > 0);
    assert!(stats.granted > 0 && stats.refused > 0 && stats.dropped > 0 && stats.moved > 0);
    assert!(stats.delivered > 0 && stats.failed > 0 && stats.for_good > 0);
}

#[test]
fn a_seed_is_a_schedule() {
    for seed in 1..50 {
        let (one, other) = (run(seed, None, true), run(seed, None, true));
        assert_eq!(one.trace, other.trace);
        assert_eq!(run(seed, None, false).stats, one.stats);
    }
}

#[test]
fn each_mutant_is_caught() {
    for mutant in Mutant::ALL {
        let caught = caught_after::<Finding>(1, CAUGHT_WITHIN, mutant);
        assert!(caught.is_some(), "{} got through", mutant.name());
    }
}

#[test]
fn seeds_that_found_something_hold() {
    let file = include_str!("../seeds-errands.txt");
    assert_eq!(complaints_of_kept::<Finding>(file), [""; 0]);
}
