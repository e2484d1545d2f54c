//! The real code holds through a batch of schedules, and every known mistake is found.

use simulate::assignment::mutant::Mutant;
use simulate::assignment::{Assigning, run};
use simulate::harness::{caught_after, complaints_of_kept, run_many};

const SCHEDULES: u64 = 4_000;

#[test]
fn schedules_hold_and_every_fault_strikes_every_step() {
    let batch = run_many::<Assigning>(1, SCHEDULES, None);
    assert_eq!(batch.failures, []);
    assert_eq!(batch.table.zeros(), []);
    let stats = batch.stats;
    assert!(stats.won > 0 && stats.forced > 0 && stats.graceful > 0);
    assert!(stats.lost > 0 && stats.released > 0 && stats.failed > 0 && stats.full > 0);
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
        let caught = caught_after::<Assigning>(1, 4_000, mutant);
        assert!(caught.is_some(), "{} got through", mutant.name());
    }
}

#[test]
fn seeds_that_found_something_hold() {
    let file = include_str!("../seeds-assignment.txt");
    assert_eq!(complaints_of_kept::<Assigning>(file), [""; 0]);
}
