use super::*;

fn on(capacity: u32) -> Shift {
    let mut shift = Shift::new(capacity, 0);
    assert_eq!(shift.turn(true, None, 0), []);
    shift
}

fn ask(order: &str, number: u32) -> Ask {
    Ask {
        order_id: order.into(),
        number,
        cell: "c".into(),
        forced: false,
        offered: false,
    }
}

fn drop_of(order: &str, number: u32) -> Effect {
    Effect::Drop {
        order_id: order.into(),
        cell: "c".into(),
        number,
    }
}

#[test]
fn never_more_than_fit_whoever_asks() {
    let mut shift = on(2);
    assert_eq!(shift.take(&ask("a", 1), 1), Granted::Yes);
    assert_eq!(shift.take(&ask("b", 1), 1), Granted::Yes);
    assert_eq!(shift.take(&ask("c", 1), 1), Granted::Full);
    let forced = Ask {
        forced: true,
        ..ask("c", 1)
    };
    assert_eq!(shift.take(&forced, 1), Granted::Full, "an admin's neither");
    assert_eq!(
        shift.take(&ask("a", 1), 1),
        Granted::Yes,
        "a repeat gets its answer"
    );
    assert!(shift.give_back("a", 1, 2).is_some());
    assert_eq!(shift.take(&ask("c", 1), 3), Granted::Yes);
    assert_eq!(shift.room(), 0);
}

#[test]
fn a_closed_claim_is_refused_for_ever_and_so_are_older_ones() {
    let mut shift = on(3);
    assert!(
        shift.give_back("a", 4, 1).is_none(),
        "closed before it was asked for"
    );
    for number in 1..=4 {
        assert_eq!(shift.take(&ask("a", number), 2), Granted::Away);
    }
    assert_eq!(shift.take(&ask("a", 5), 2), Granted::Yes);
    assert!(
        shift.give_back("a", 3, 3).is_none(),
        "an older one closes nothing"
    );
    assert!(shift.claims.contains_key("a"));
    assert_eq!(shift.take(&ask("a", 4), 3), Granted::Away);
    assert!(shift.give_back("a", 5, 4).is_some());
    assert_eq!(shift.take(&ask("a", 5), 5), Granted::Away);
}

#[test]
fn only_who_is_on_a_shift_is_taken_unless_an_admin_says_so() {
    let mut shift = Shift::new(2, 0);
    assert_eq!(shift.take(&ask("a", 1), 1), Granted::Away);
    shift.turn(true, Some(100), 1);
    assert_eq!(shift.take(&ask("a", 2), 99), Granted::Yes);
    assert_eq!(
        shift.take(&ask("b", 1), 100),
        Granted::Away,
        "the shift is over"
    );
    let forced = Ask {
        forced: true,
        ..ask("b", 1)
    };
    assert_eq!(shift.take(&forced, 100), Granted::Yes);
}

#[test]
fn who_goes_keeps_what_was_collected_and_asks_for_the_rest_to_go_until_it_has() {
    let mut shift = on(3);
    for order in ["a", "b", "c"] {
        assert_eq!(shift.take(&ask(order, 7), 1), Granted::Yes);
    }
    assert!(shift.note("b", 7, Progress::Collected, 2));
    assert_eq!(
        shift.turn(false, None, 3),
        [drop_of("a", 7), drop_of("c", 7)]
    );
    assert_eq!(shift.turn(false, None, 3), [], "said once");
    let again = shift.wake_at().unwrap();
    assert_eq!(
        shift.due(again),
        [drop_of("a", 7), drop_of("c", 7)],
        "until it is done"
    );
    shift.give_back("a", 7, again);
    assert_eq!(shift.resume(again), [drop_of("c", 7)]);
    assert!(
        shift.note("c", 7, Progress::Collected, again),
        "it was quicker"
    );
    assert_eq!(shift.wake_at(), None);
    assert_eq!(shift.claims.len(), 2);
}

#[test]
fn a_claim_never_goes_back() {
    let mut shift = on(1);
    let offered = Ask {
        offered: true,
        ..ask("a", 1)
    };
    assert_eq!(shift.take(&offered, 1), Granted::Yes);
    assert_eq!(shift.claims["a"].progress, Progress::Offered);
    assert!(shift.note("a", 1, Progress::Held, 2));
    assert!(!shift.note("a", 1, Progress::Held, 3), "that is known");
    assert!(shift.note("a", 1, Progress::Collected, 4));
    assert!(!shift.note("a", 1, Progress::Held, 5));
    assert!(!shift.note("a", 2, Progress::Collected, 5), "another claim");
    assert_eq!(shift.claims["a"].progress, Progress::Collected);
}

#[test]
fn closed_claims_are_forgotten_after_a_day() {
    let mut shift = on(1);
    shift.give_back("a", 1, 0);
    shift.due(CLOSED_TTL_MS - 1);
    assert_eq!(shift.take(&ask("a", 1), CLOSED_TTL_MS - 1), Granted::Away);
    shift.due(CLOSED_TTL_MS + 1);
    assert_eq!(shift.closed.len(), 0);
}
