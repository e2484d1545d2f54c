use proptest::prelude::*;

use super::*;

fn at(schedule: &Schedule, now_ms: i64) -> Moment<'_> {
    Moment {
        now_ms,
        chance: 0,
        schedule,
    }
}

#[test]
fn a_good_answer_ends_it_and_nothing_but_a_replay_begins_it_again() {
    let schedule = Schedule::default();
    let mut one = Delivery::new(100);
    assert_eq!(
        one.apply(Event::Due, at(&schedule, 99)),
        Some(Effect::WakeAt(100))
    );
    assert_eq!(
        one.apply(Event::Due, at(&schedule, 100)),
        Some(Effect::Send)
    );
    assert_eq!(
        one.apply(Event::Sent(204), at(&schedule, 150)),
        Some(Effect::Delivered)
    );
    let delivered = one;
    for event in [Event::Due, Event::EndpointGone] {
        assert_eq!(one.apply(event, at(&schedule, 200)), None);
        assert_eq!(one, delivered, "{event:?}");
    }
    for late in [
        Event::Sent(200),
        Event::Sent(500),
        Event::Sent(410),
        Event::Lost,
    ] {
        assert_eq!(one.apply(late, at(&schedule, 200)), None, "{late:?}");
        assert_eq!(one.state, State::Delivered);
    }
    assert_eq!(
        one.apply(Event::Replay, at(&schedule, 300)),
        Some(Effect::WakeAt(300))
    );
    assert_eq!(
        (one.state, one.tries, one.next_ms),
        (State::Waiting, 0, Some(300))
    );
    assert_eq!(
        one.apply(Event::Replay, at(&schedule, 300)),
        None,
        "asked twice is asked once"
    );
}

#[test]
fn failures_are_tried_again_until_the_schedule_ends() {
    let schedule = Schedule::default();
    let (mut one, mut now) = (Delivery::new(0), 0);
    for tries in 1..schedule.tries() {
        let event = if tries % 2 == 0 {
            Event::Lost
        } else {
            Event::Sent(503)
        };
        let wait = schedule.after(tries, 0).unwrap();
        let next = now + wait;
        assert_eq!(
            one.apply(event, at(&schedule, now)),
            Some(Effect::WakeAt(next))
        );
        assert_eq!(
            one.apply(Event::Due, at(&schedule, next - 1)),
            Some(Effect::WakeAt(next))
        );
        assert_eq!(
            one.apply(Event::Due, at(&schedule, next)),
            Some(Effect::Send)
        );
        now = next;
    }
    assert_eq!(
        one.apply(Event::Lost, at(&schedule, now)),
        Some(Effect::Died)
    );
    assert_eq!(
        (one.state, one.attempts, one.next_ms),
        (State::Dead, 10, None)
    );
    assert_eq!(one.apply(Event::Due, at(&schedule, now + 1)), None);
}

#[test]
fn redirects_and_refusals_are_failures_too() {
    let schedule = Schedule::default();
    for status in [100, 199, 300, 301, 308, 400, 404, 429, 500, 599] {
        let mut one = Delivery::new(0);
        let effect = one.apply(Event::Sent(status), at(&schedule, 0));
        assert_eq!(effect, Some(Effect::WakeAt(5_000)), "{status}");
    }
    for status in [200, 201, 299] {
        let effect = Delivery::new(0).apply(Event::Sent(status), at(&schedule, 0));
        assert_eq!(effect, Some(Effect::Delivered), "{status}");
    }
}

#[test]
fn gone_gives_up_the_endpoint_and_a_refusal_the_sending_alone() {
    let schedule = Schedule::default();
    let ends = [
        (Event::Sent(410), Effect::DiedWithEndpoint, 1),
        (Event::Refused, Effect::Died, 1),
        (Event::EndpointGone, Effect::Died, 0),
    ];
    for (event, effect, attempts) in ends {
        let mut one = Delivery::new(0);
        assert_eq!(one.apply(event, at(&schedule, 0)), Some(effect));
        assert_eq!((one.state, one.attempts), (State::Dead, attempts));
        assert_eq!(one.apply(event, at(&schedule, 0)), None, "told once");
    }
    let mut late = Delivery::stillborn();
    assert_eq!(
        late.apply(Event::Sent(200), at(&schedule, 9)),
        Some(Effect::Delivered)
    );
}

#[test]
fn a_replay_does_not_wait_for_the_schedule() {
    let schedule = Schedule::default();
    let mut one = Delivery::new(0);
    one.apply(Event::Lost, at(&schedule, 0));
    assert_eq!(
        one.apply(Event::Replay, at(&schedule, 10)),
        Some(Effect::WakeAt(10))
    );
    assert_eq!(one.apply(Event::Due, at(&schedule, 10)), Some(Effect::Send));
}

fn events() -> impl Strategy<Value = Vec<(Event, i64)>> {
    let event = prop_oneof![
        3 => Just(Event::Due),
        2 => (100..600_u16).prop_map(Event::Sent),
        1 => (200..300_u16).prop_map(Event::Sent),
        3 => Just(Event::Lost),
        1 => Just(Event::Refused),
        1 => Just(Event::Replay),
        1 => Just(Event::EndpointGone),
    ];
    prop::collection::vec((event, 0..100_000_000_i64), 0..60)
}

proptest! {
    #[test]
    fn whatever_happens_it_has_a_time_while_it_waits_and_is_left_alone_after(events in events(), chance: u16) {
        let schedule = Schedule::default();
        let (mut one, mut now) = (Delivery::new(0), 0);
        for (event, later) in events {
            now += later;
            let before = one;
            let moment = Moment { now_ms: now, chance, schedule: &schedule };
            let effect = one.apply(event, moment);
            prop_assert_eq!(one.next_ms.is_some(), one.state == State::Waiting);
            prop_assert!(one.attempts >= before.attempts && one.tries <= schedule.tries());
            let left_alone = before.state != State::Waiting && event != Event::Replay;
            let arrived = matches!(event, Event::Sent(200..=299));
            if left_alone && !arrived {
                prop_assert_eq!(effect, None);
                prop_assert_eq!(one.state, before.state);
            }
            if arrived {
                prop_assert_eq!(one.state, State::Delivered, "an answer counts however late");
            }
            if effect == Some(Effect::Send) {
                prop_assert!(before.next_ms.is_some_and(|next| next <= now));
                prop_assert_eq!(one, before, "sending by itself changes nothing");
            }
            if let Some(Effect::WakeAt(time)) = effect {
                prop_assert!(time >= now && one.next_ms == Some(time));
            }
        }
    }

    #[test]
    fn a_receiver_that_is_down_is_tried_just_so_often(statuses in prop::collection::vec(500..600_u16, 40), chance: u16) {
        let schedule = Schedule::default();
        let (mut one, mut now, mut sent) = (Delivery::new(0), 0, 0);
        for status in statuses {
            let moment = Moment { now_ms: now, chance, schedule: &schedule };
            if one.apply(Event::Due, moment) == Some(Effect::Send) {
                sent += 1;
                one.apply(Event::Sent(status), moment);
            }
            now = one.next_ms.unwrap_or(now + 1);
        }
        prop_assert_eq!((sent, one.state), (schedule.tries(), State::Dead));
    }
}
