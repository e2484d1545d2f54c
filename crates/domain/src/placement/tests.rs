use super::*;

fn short() -> Cause {
    Cause::Short {
        lines: vec![Shortage {
            sku: "A".into(),
            requested: 2,
            available: 1,
        }],
    }
}

#[test]
fn shards_are_deducted_in_one_order_and_settled() {
    let mut placement = Placement::new([1, 0, 1], 0);
    let deduct = |shard, last| vec![Effect::Deduct { shard, last }];
    assert_eq!(placement.apply(Event::Due, 0), deduct(0, false));
    assert_eq!(
        placement.apply(Event::Held { shard: 0 }, 1),
        deduct(1, true)
    );
    assert_eq!(
        placement.apply(Event::Held { shard: 1 }, 2),
        vec![Effect::Finish, Effect::Settle { shard: 0 }]
    );
    assert_eq!(placement.phase, Phase::Placed);
}

#[test]
fn a_refusal_releases_what_was_held_last_first() {
    let mut placement = Placement::new([0, 1, 2], 0);
    placement.apply(Event::Due, 0);
    placement.apply(Event::Held { shard: 0 }, 0);
    placement.apply(Event::Held { shard: 1 }, 0);
    let refused = Event::Refused {
        shard: 2,
        cause: short(),
    };
    assert_eq!(
        placement.apply(refused, 0),
        [Effect::Record, Effect::Release { shard: 2 }]
    );
    for shard in [2, 1] {
        let effects = placement.apply(Event::Released { shard }, 0);
        assert_eq!(effects, [Effect::Release { shard: shard - 1 }]);
    }
    let released = Event::Released { shard: 0 };
    assert_eq!(placement.apply(released, 0), [Effect::Finish]);
    assert_eq!(
        (placement.phase, placement.cause),
        (Phase::Undone, Some(short()))
    );
}

/// The first call was lost and is still on its way; its repeat was refused.
#[test]
fn a_refused_leg_is_closed_to_a_copy_that_comes_later() {
    let mut placement = Placement::new([3], 0);
    placement.apply(Event::Due, 0);
    placement.apply(Event::Lost { shard: 3 }, 0);
    placement.apply(Event::Due, 50);
    let refused = Event::Refused {
        shard: 3,
        cause: short(),
    };
    assert_eq!(
        placement.apply(refused, 60),
        [Effect::Record, Effect::Release { shard: 3 }]
    );
    let released = Event::Released { shard: 3 };
    assert_eq!(placement.apply(released, 70), [Effect::Finish]);
}

/// The first call was refused late; its repeat, asked meanwhile, was granted.
#[test]
fn a_late_answer_does_not_undo_what_is_held() {
    let mut placement = Placement::new([0, 1], 0);
    placement.apply(Event::Due, 0);
    placement.apply(Event::Lost { shard: 0 }, 0);
    placement.apply(Event::Due, 50);
    placement.apply(Event::Held { shard: 0 }, 60);
    let refused = Event::Refused {
        shard: 0,
        cause: short(),
    };
    for late in [
        refused,
        Event::Held { shard: 0 },
        Event::Lost { shard: 0 },
        Event::Released { shard: 0 },
    ] {
        let before = placement.clone();
        assert_eq!(placement.apply(late, 70), []);
        assert_eq!(placement, before);
    }
}

#[test]
fn an_unknown_outcome_is_repeated_then_undone_with_the_unknown_leg() {
    let mut placement = Placement::new([0, 1], 0);
    placement.apply(Event::Due, 0);
    placement.apply(Event::Held { shard: 0 }, 0);
    for attempt in 1..DEDUCT_TRIES {
        let effects = placement.apply(Event::Lost { shard: 1 }, 100);
        assert_eq!(
            effects,
            [Effect::Wake {
                at_ms: 100 + backoff_ms(attempt)
            }]
        );
        let effects = placement.apply(Event::Due, 200);
        assert_eq!(
            effects,
            [Effect::Deduct {
                shard: 1,
                last: true
            }]
        );
    }
    let effects = placement.apply(Event::Lost { shard: 1 }, 300);
    assert_eq!(effects, [Effect::Record, Effect::Release { shard: 1 }]);
}

#[test]
fn an_undoing_that_does_not_end_is_stuck_until_retried() {
    let mut placement = Placement::new([0], 0);
    placement.apply(Event::Due, 0);
    for _ in 0..DEDUCT_TRIES {
        placement.apply(Event::Lost { shard: 0 }, 0);
    }
    let lost = || Event::Lost { shard: 0 };
    assert!(matches!(
        placement.apply(lost(), 59_999)[..],
        [Effect::Wake { .. }]
    ));
    assert_eq!(placement.apply(lost(), 60_000), [Effect::Attention]);
    assert_eq!(placement.apply(Event::Due, 70_000), []);
    assert_eq!(
        placement.apply(Event::Retry, 70_000),
        [Effect::Release { shard: 0 }]
    );
    assert_eq!(
        placement.apply(Event::Released { shard: 0 }, 70_001),
        [Effect::Finish]
    );
}

#[test]
fn answers_after_the_end_change_nothing() {
    let mut placement = Placement::new([0], 0);
    placement.apply(Event::Due, 0);
    placement.apply(Event::Held { shard: 0 }, 0);
    let end = placement.clone();
    for event in [
        Event::Due,
        Event::Held { shard: 0 },
        Event::Lost { shard: 0 },
        Event::Released { shard: 0 },
        Event::Retry,
    ] {
        assert_eq!(placement.apply(event, 9), []);
        assert_eq!(placement, end);
    }
}

#[test]
fn the_backoff_doubles_up_to_its_bound() {
    assert_eq!(backoff_ms(1), 50);
    assert_eq!(backoff_ms(2), 100);
    assert_eq!(backoff_ms(40), BACKOFF_MAX_MS);
}

#[test]
fn what_was_never_asked_is_not_released() {
    let mut placement = Placement::new([0, 1], 0);
    placement.apply(Event::Due, 0);
    let refused = Event::Refused {
        shard: 0,
        cause: short(),
    };
    assert_eq!(
        placement.apply(refused, 0),
        [Effect::Record, Effect::Release { shard: 0 }]
    );
    let released = Event::Released { shard: 0 };
    assert_eq!(placement.apply(released, 0), [Effect::Finish]);
}

/// It may have been undoing, with a release still on its way: whoever went on to
/// place it would see its stock given back.
#[test]
fn after_a_crash_a_deducting_placement_goes_on_to_its_end() {
    let mut placement = Placement::new([0, 1], 0);
    placement.apply(Event::Due, 0);
    placement.resume(9);
    let deduct = |shard, last| vec![Effect::Deduct { shard, last }];
    assert_eq!(placement.apply(Event::Due, 9), deduct(0, false));
    assert_eq!(
        placement.apply(Event::Held { shard: 0 }, 9),
        deduct(1, true)
    );
    placement.apply(Event::Held { shard: 1 }, 9);
    assert_eq!(placement.phase, Phase::Placed);
}

#[test]
fn after_a_crash_every_leg_may_be_held() {
    let mut placement = Placement::new([0, 1], 0);
    placement.resume(9);
    placement.apply(Event::Due, 9);
    let refused = Event::Refused {
        shard: 0,
        cause: short(),
    };
    assert_eq!(
        placement.apply(refused, 9),
        [Effect::Record, Effect::Release { shard: 1 }]
    );
}

#[test]
fn after_a_crash_an_undoing_is_undone() {
    let mut placement = Placement::new([0, 1], 0);
    placement.apply(Event::Due, 0);
    placement.apply(Event::Held { shard: 0 }, 0);
    let refused = Event::Refused {
        shard: 1,
        cause: short(),
    };
    placement.apply(refused, 0);
    placement.resume(100_000);
    let release = |shard| vec![Effect::Release { shard }];
    assert_eq!(placement.apply(Event::Due, 100_000), release(1));
    // The pause does not count: it is not stuck at the first failure.
    let lost = Event::Lost { shard: 1 };
    assert!(matches!(
        placement.apply(lost, 100_001)[..],
        [Effect::Wake { .. }]
    ));
    assert_eq!(
        placement.apply(Event::Released { shard: 1 }, 100_002),
        release(0)
    );
    assert_eq!(
        placement.apply(Event::Released { shard: 0 }, 100_003),
        [Effect::Finish]
    );
}

/// Its end may have been told and not written: then it has to come to that end.
#[test]
fn after_a_crash_no_unknown_outcome_undoes_it() {
    let mut placement = Placement::new([0], 0);
    placement.resume(9);
    placement.apply(Event::Due, 9);
    for attempt in 1..3 * DEDUCT_TRIES {
        let effects = placement.apply(Event::Lost { shard: 0 }, 100);
        let at_ms = 100 + backoff_ms(attempt);
        assert_eq!(effects, [Effect::Wake { at_ms }]);
        placement.apply(Event::Due, at_ms);
    }
    placement.apply(Event::Held { shard: 0 }, 90_000);
    assert_eq!(placement.phase, Phase::Placed);
}
