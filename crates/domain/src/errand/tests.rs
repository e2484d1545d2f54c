use super::*;

mod races;

const AUTOMATIC: Settings = Settings {
    offer_ms: None,
    grace_ms: 500,
    search_ms: 60_000,
    binds_late: false,
};
const ASKING: Settings = Settings {
    offer_ms: Some(20_000),
    ..AUTOMATIC
};

fn wish(attempt: u32) -> Wish {
    let at = |latitude| Point {
        latitude,
        longitude: 13.4,
    };
    Wish {
        attempt,
        site: "shop".into(),
        pickup: at(52.5),
        dropoff: at(52.52),
        placed_ms: 0,
        ready_ms: 600_000,
        radius_m: 5_000,
    }
}

fn open(settings: Settings) -> Errand {
    let mut errand = Errand::new("o", settings, 0);
    assert_eq!(errand.apply(Command::Wish(wish(1)), 0).unwrap(), []);
    assert!(errand.is_free());
    errand
}

fn choose(driver: &str) -> Command {
    Command::Choose {
        driver: driver.into(),
        eta_s: 900,
    }
}

fn force(driver: &str) -> Command {
    Command::Force {
        driver: driver.into(),
        eta_s: 900,
    }
}

fn took(claim: u32, granted: Granted) -> Command {
    Command::Took { claim, granted }
}

fn accept(driver: &str) -> Command {
    let driver = driver.into();
    Command::Accept { driver }
}

fn reject(driver: &str) -> Command {
    let driver = driver.into();
    Command::Reject { driver }
}

fn collect(driver: &str) -> Command {
    let driver = driver.into();
    Command::Collect { driver }
}

fn deliver(driver: &str) -> Command {
    Command::Deliver {
        driver: driver.into(),
        proof: "1234".into(),
    }
}

fn follow(attempt: u32, stage: Stage) -> Command {
    Command::Follow { attempt, stage }
}

fn told(effects: &[Effect]) -> Option<(u32, State, Option<&str>)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Tell(report) => Some((report.version, report.state, report.driver.as_deref())),
        _ => None,
    })
}

fn given_back(effects: &[Effect]) -> Option<(&str, u32, Why)> {
    effects.iter().find_map(|effect| match effect {
        Effect::GiveBack { driver, claim, why } => Some((driver.as_str(), *claim, *why)),
        _ => None,
    })
}

/// With the driver `a`, under claim 1.
fn held(settings: Settings) -> Errand {
    let mut errand = open(settings);
    errand.apply(choose("a"), 1).unwrap();
    errand.apply(took(1, Granted::Yes), 2).unwrap();
    if settings.offer_ms.is_some() {
        errand.apply(accept("a"), 3).unwrap();
    }
    assert_eq!(errand.phase, Phase::Held);
    errand
}

#[test]
fn who_is_chosen_and_has_room_gets_it_and_the_order_hears() {
    let mut errand = open(AUTOMATIC);
    let take = Effect::Take {
        driver: "a".into(),
        claim: 1,
        forced: false,
        offered: false,
    };
    assert_eq!(errand.apply(choose("a"), 1).unwrap(), [take]);
    assert_eq!(errand.apply(choose("b"), 1), Err(Refusal::NotOpen));
    let effects = errand.apply(took(1, Granted::Yes), 2).unwrap();
    assert_eq!(told(&effects), Some((1, State::Assigned, Some("a"))));
    assert_eq!(
        errand.apply(took(1, Granted::Full), 3).unwrap(),
        [],
        "a late copy of the answer"
    );
    let heard = Command::Heard {
        attempt: 1,
        version: 1,
    };
    errand.apply(heard, 3).unwrap();
    assert_eq!(errand.wake_at(), None);
    let effects = errand.apply(Command::Wish(wish(1)), 4).unwrap();
    assert_eq!(
        told(&effects),
        Some((1, State::Assigned, Some("a"))),
        "who asks again is told again"
    );
}

#[test]
fn nobody_else_is_asked_before_the_claim_is_closed() {
    let mut errand = open(AUTOMATIC);
    errand.apply(choose("a"), 1).unwrap();
    let effects = errand.apply(took(1, Granted::Full), 2).unwrap();
    assert_eq!(
        given_back(&effects),
        Some(("a", 1, Why::Replaced)),
        "a copy of the question may come late"
    );
    assert_eq!(errand.apply(choose("b"), 3), Err(Refusal::NotOpen));
    errand.apply(Command::Closed { claim: 1 }, 4).unwrap();
    errand.apply(choose("b"), 5).unwrap();
    assert_eq!((errand.claim, errand.phase), (2, Phase::Asking));
}

#[test]
fn an_offer_is_answered_once_and_in_time() {
    let mut errand = open(ASKING);
    errand.apply(choose("a"), 1).unwrap();
    assert_eq!(errand.apply(accept("a"), 1), Err(Refusal::NotYet));
    let offer = Effect::Offer {
        driver: "a".into(),
        claim: 1,
        until_ms: 20_002,
    };
    assert_eq!(errand.apply(took(1, Granted::Yes), 2).unwrap(), [offer]);
    assert_eq!(errand.apply(accept("b"), 3), Err(Refusal::NotYours));
    let mut late = errand.clone();
    assert_eq!(
        errand.apply(accept("a"), 20_502).map(|_| ()),
        Ok(()),
        "with grace"
    );
    assert_eq!(
        errand.apply(accept("a"), 90_000).unwrap(),
        [],
        "a repeat gets its answer"
    );
    assert_eq!(errand.apply(accept("b"), 90_000), Err(Refusal::Another));

    assert_eq!(late.apply(accept("a"), 20_503), Err(Refusal::NotYours));
    assert_eq!(given_back(&late.left_over()), Some(("a", 1, Why::Silent)));
    late.apply(Command::Closed { claim: 1 }, 20_600).unwrap();
    assert_eq!(
        late.apply(choose("a"), 20_600),
        Err(Refusal::NotOpen),
        "not asked again"
    );
}

#[test]
fn who_says_no_is_not_asked_again_and_may_say_it_twice() {
    let mut errand = open(ASKING);
    errand.apply(choose("a"), 1).unwrap();
    errand.apply(took(1, Granted::Yes), 2).unwrap();
    let effects = errand.apply(reject("a"), 3).unwrap();
    assert_eq!(given_back(&effects), Some(("a", 1, Why::Declined)));
    assert_eq!(errand.apply(reject("a"), 4).unwrap(), []);
    assert_eq!(
        told(&effects),
        None,
        "the order never heard of the one who was asked"
    );
}

#[test]
fn a_search_ends_and_its_time_does_not_begin_anew_with_each_refusal() {
    let mut errand = open(AUTOMATIC);
    for claim in 1..=5 {
        let now = i64::from(claim) * 10_000;
        errand.apply(choose("a"), now).unwrap();
        errand.apply(took(claim, Granted::Away), now + 1).unwrap();
        errand.apply(Command::Closed { claim }, now + 2).unwrap();
    }
    assert_eq!(errand.wake_at(), Some(60_000));
    let effects = errand.apply(Command::Due, 60_000).unwrap();
    assert_eq!(told(&effects), Some((1, State::Failed, None)));
    assert_eq!(errand.apply(choose("a"), 60_001), Err(Refusal::NotOpen));
    assert_eq!(errand.apply(Command::Wish(wish(2)), 70_000).unwrap(), []);
    assert!(errand.is_free(), "another attempt");
}

#[test]
fn who_goes_off_gives_it_back_and_somebody_else_is_looked_for() {
    for settings in [AUTOMATIC, ASKING] {
        let mut errand = held(settings);
        let drop = |claim| Command::Drop {
            driver: "a".into(),
            claim,
        };
        assert_eq!(
            errand.clone().apply(drop(2), 9).unwrap(),
            [],
            "another claim"
        );
        let effects = errand.apply(drop(1), 10).unwrap();
        assert_eq!(given_back(&effects), Some(("a", 1, Why::Gone)));
        assert_eq!(
            told(&effects).map(|(_, state, driver)| (state, driver)),
            Some((State::Searching, None))
        );
        assert_eq!(errand.search_until_ms, 60_010);
        assert_eq!(errand.apply(drop(1), 11).unwrap(), []);
    }
}

#[test]
fn what_was_collected_is_not_given_back() {
    let mut errand = held(AUTOMATIC);
    assert_eq!(errand.apply(deliver("a"), 3), Err(Refusal::NotCollected));
    assert_eq!(errand.apply(collect("b"), 3), Err(Refusal::Another));
    let effects = errand.apply(collect("a"), 4).unwrap();
    assert_eq!(told(&effects), Some((2, State::Collected, Some("a"))));
    let drop = Command::Drop {
        driver: "a".into(),
        claim: 1,
    };
    assert_eq!(errand.apply(drop, 5).unwrap(), []);
    assert_eq!(errand.apply(force("b"), 5), Err(Refusal::Collected));
    let effects = errand.apply(deliver("a"), 6).unwrap();
    assert_eq!(told(&effects), Some((3, State::Delivered, Some("a"))));
    assert_eq!(given_back(&effects), Some(("a", 1, Why::Delivered)));
    assert_eq!(errand.apply(deliver("b"), 7), Err(Refusal::Over));
    errand.apply(follow(1, Stage::Delivered), 8).unwrap();
    assert_eq!(
        errand.apply(deliver("a"), 9).unwrap(),
        [],
        "a repeat gets its answer, and tells nobody"
    );
}

#[test]
fn an_admin_takes_it_from_one_and_gives_it_to_another() {
    let mut errand = held(AUTOMATIC);
    let effects = errand.apply(force("b"), 5).unwrap();
    assert_eq!(given_back(&effects), Some(("a", 1, Why::Reassigned)));
    assert!(!errand.is_free(), "no policy chooses in between");
    let effects = errand.apply(Command::Closed { claim: 1 }, 6).unwrap();
    assert!(matches!(
        effects.first(),
        Some(Effect::Take {
            claim: 2,
            forced: true,
            offered: false,
            ..
        })
    ));
    assert_eq!(errand.apply(force("b"), 6).unwrap(), [], "a repeat");
    let effects = errand.apply(took(2, Granted::Yes), 7).unwrap();
    assert_eq!(
        told(&effects).map(|(_, state, driver)| (state, driver)),
        Some((State::Assigned, Some("b")))
    );
    assert!(errand.report().by_hand);

    let mut failed = open(AUTOMATIC);
    failed.apply(Command::Due, 60_000).unwrap();
    let effects = failed.apply(force("b"), 60_001).unwrap();
    assert!(
        matches!(effects.as_slice(), [Effect::Take { .. }]),
        "nobody was found, and an admin knows somebody"
    );
}

#[test]
fn what_the_order_says_ends_it_in_every_phase_and_before_it_began() {
    let mut phases = vec![open(AUTOMATIC), held(AUTOMATIC), held(ASKING)];
    let mut asking = open(AUTOMATIC);
    asking.apply(choose("a"), 1).unwrap();
    phases.push(asking);
    let mut offered = open(ASKING);
    offered.apply(choose("a"), 1).unwrap();
    offered.apply(took(1, Granted::Yes), 1).unwrap();
    phases.push(offered);
    let mut collected = held(AUTOMATIC);
    collected.apply(collect("a"), 4).unwrap();
    phases.push(collected);
    for mut errand in phases {
        let had_one = errand.driver.is_some();
        let effects = errand.apply(follow(1, Stage::Cancelled), 10).unwrap();
        assert_eq!(given_back(&effects).is_some(), had_one);
        assert_eq!(errand.apply(accept("a"), 11), Err(Refusal::Over));
        assert_eq!(
            errand.apply(Command::Wish(wish(1)), 12).unwrap(),
            [],
            "a late copy of the wish"
        );
        assert_eq!(errand.phase, Phase::Over);
        assert_eq!(errand.has_nobody(), !had_one, "until it is closed");
        errand.apply(Command::Closed { claim: 1 }, 13).unwrap();
        assert!(errand.has_nobody());
        assert_eq!(errand.wake_at(), None);
        errand.apply(Command::Wish(wish(2)), 14).unwrap();
        assert!(errand.is_free(), "another attempt is another matter");
    }
    let mut early = Errand::new("o", AUTOMATIC, 0);
    early.apply(follow(1, Stage::Cancelled), 1).unwrap();
    early.apply(Command::Wish(wish(1)), 2).unwrap();
    assert_eq!((early.phase, early.wake_at()), (Phase::Over, None));
}

#[test]
fn goods_that_left_without_asking_need_nobody_or_stay_with_whom_they_are() {
    let mut errand = open(AUTOMATIC);
    errand.apply(follow(1, Stage::Collected), 1).unwrap();
    assert_eq!(errand.phase, Phase::Over);
    let mut errand = held(AUTOMATIC);
    let effects = errand.apply(follow(1, Stage::Collected), 5).unwrap();
    assert_eq!(
        (errand.phase, given_back(&effects)),
        (Phase::Collected, None)
    );
    let effects = errand.apply(follow(1, Stage::Delivered), 6).unwrap();
    assert_eq!(given_back(&effects), Some(("a", 1, Why::Delivered)));
}

#[test]
fn a_later_attempt_ends_all_before_it() {
    let mut errand = held(AUTOMATIC);
    let elsewhere = Wish {
        site: "other".into(),
        ..wish(2)
    };
    let effects = errand.apply(Command::Wish(elsewhere), 5).unwrap();
    assert_eq!(given_back(&effects), Some(("a", 1, Why::Replaced)));
    assert_eq!(told(&effects), None);
    errand.apply(follow(1, Stage::Cancelled), 6).unwrap();
    assert_eq!(
        errand.phase,
        Phase::Open,
        "what comes late is about what is over"
    );
    errand.apply(Command::Closed { claim: 1 }, 7).unwrap();
    errand.apply(choose("b"), 8).unwrap();
    let claim = errand.claim;
    let effects = errand.apply(took(claim, Granted::Yes), 9).unwrap();
    assert_eq!(told(&effects), Some((1, State::Assigned, Some("b"))));
}

#[test]
fn a_crash_leaves_nothing_undone() {
    let mut errand = open(ASKING);
    errand.apply(choose("a"), 1).unwrap();
    let text = serde_json::to_string(&errand).unwrap();
    let mut back: Errand = serde_json::from_str(&text).unwrap();
    assert!(matches!(
        back.resume(2).as_slice(),
        [Effect::Take { claim: 1, .. }]
    ));
    back.apply(took(1, Granted::Yes), 3).unwrap();
    assert!(matches!(
        back.resume(4).as_slice(),
        [Effect::Offer { claim: 1, .. }]
    ));
    back.apply(Command::Sent { claim: 1 }, 5).unwrap();
    assert_eq!(back.resume(6), []);
    assert_eq!(back.wake_at(), Some(3 + 20_000 + 501), "it ends by itself");
}
