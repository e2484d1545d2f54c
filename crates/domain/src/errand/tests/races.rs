//! What crosses on its way. Each of these was found by the simulator (`simulate errands`).

use super::*;

#[test]
fn claims_of_a_later_attempt_have_higher_numbers_in_every_cell() {
    let mut here = open(AUTOMATIC);
    for claim in 1..=9 {
        here.apply(choose("a"), 1).unwrap();
        here.apply(took(claim, Granted::Full), 2).unwrap();
        here.apply(Command::Closed { claim }, 3).unwrap();
    }
    let mut there = Errand::new("o", AUTOMATIC, 0);
    there.apply(Command::Wish(wish(2)), 4).unwrap();
    there.apply(choose("a"), 5).unwrap();
    assert!(
        there.claim > here.claim,
        "a desk that closed claims of the first cell would refuse it"
    );
}

#[test]
fn what_was_noted_before_it_was_collected_says_nothing_of_that() {
    let mut errand = held(ASKING);
    errand.apply(collect("a"), 4).unwrap();
    let noted = |is_collected| Command::Noted {
        claim: 1,
        is_collected,
    };
    let note = Effect::Note {
        driver: "a".into(),
        claim: 1,
        is_collected: true,
    };
    errand.apply(noted(false), 5).unwrap();
    assert!(errand.resume(6).contains(&note), "it is not known there");
    errand.apply(noted(true), 7).unwrap();
    assert!(!errand.resume(8).contains(&note));
}

/// Nobody was found in the first attempt, and then an admin knew somebody.
fn forced_after_it_failed() -> Errand {
    let mut errand = open(AUTOMATIC);
    errand.apply(Command::Due, 60_000).unwrap();
    errand.apply(force("b"), 60_001).unwrap();
    errand.apply(took(1, Granted::Yes), 60_002).unwrap();
    errand
}

#[test]
fn who_was_found_since_the_order_heard_of_nobody_keeps_it() {
    let mut phases = vec![forced_after_it_failed()];
    let mut collected = forced_after_it_failed();
    collected.apply(collect("b"), 60_003).unwrap();
    phases.push(collected.clone());
    collected.apply(deliver("b"), 60_004).unwrap();
    phases.push(collected);
    for mut errand in phases {
        let state = errand.report().state;
        let effects = errand.apply(Command::Wish(wish(2)), 60_010).unwrap();
        assert_eq!(told(&effects), Some((1, state, Some("b"))));
        assert_eq!(given_back(&effects), None);
        assert_eq!(errand.report().attempt, 2);
    }
    let mut elsewhere = forced_after_it_failed();
    let other = Wish {
        site: "other".into(),
        ..wish(2)
    };
    let effects = elsewhere.apply(Command::Wish(other), 60_010).unwrap();
    assert_eq!(given_back(&effects), Some(("b", 1, Why::Replaced)));
}

#[test]
fn who_is_still_asked_for_an_admin_when_the_order_asks_anew_goes_on_being_asked() {
    let mut errand = open(AUTOMATIC);
    errand.apply(Command::Due, 60_000).unwrap();
    errand.apply(force("b"), 60_001).unwrap();
    assert_eq!(errand.apply(Command::Wish(wish(2)), 60_002).unwrap(), []);
    let effects = errand.apply(took(1, Granted::Yes), 60_003).unwrap();
    assert_eq!(told(&effects), Some((1, State::Assigned, Some("b"))));
    assert_eq!(errand.report().attempt, 2);
}

#[test]
fn whom_an_admin_has_chosen_is_asked_though_the_search_has_ended() {
    let mut errand = open(AUTOMATIC);
    errand.apply(choose("a"), 1).unwrap();
    errand.apply(took(1, Granted::Full), 2).unwrap();
    errand.apply(force("b"), 59_999).unwrap();
    errand.apply(Command::Due, 60_001).unwrap();
    assert_eq!(errand.phase, Phase::Open);
    assert!(errand.wake_at().is_some(), "the claim has to be closed");
    let effects = errand.apply(Command::Closed { claim: 1 }, 60_002).unwrap();
    assert!(matches!(
        effects.as_slice(),
        [Effect::Take { claim: 2, .. }]
    ));
    errand.apply(took(2, Granted::Full), 60_003).unwrap();
    errand.apply(Command::Due, 60_004).unwrap();
    assert_eq!(errand.phase, Phase::Failed, "and then it is over");
}

#[test]
fn what_was_brought_is_told_though_the_order_says_again_that_it_left() {
    let mut errand = held(AUTOMATIC);
    errand.apply(follow(1, Stage::Collected), 3).unwrap();
    errand.apply(deliver("a"), 4).unwrap();
    errand.apply(follow(1, Stage::Collected), 5).unwrap();
    let again = errand.resume(6);
    assert_eq!(told(&again), Some((2, State::Delivered, Some("a"))));
    errand.apply(follow(1, Stage::Delivered), 7).unwrap();
    assert_eq!(told(&errand.resume(8)), None);
}
