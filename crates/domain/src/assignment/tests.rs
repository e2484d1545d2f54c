use super::*;

const DEADLINE: i64 = 120_000;
const GRACE: i64 = 3_000;

fn tag(epoch: u32, batch: u32) -> Tag {
    Tag { epoch, batch }
}

fn candidate(vendor: &str, distance_m: u32, score: i64) -> Candidate {
    Candidate {
        vendor_id: vendor.into(),
        distance_m,
        score,
        free: None,
        usual_s: 60,
    }
}

fn found(search_no: u32, found: Vec<Candidate>) -> Command {
    Command::Candidates {
        search_no,
        found,
        passed: Vec::new(),
    }
}

fn accept(vendor: &str) -> Command {
    Command::Accept {
        vendor: vendor.into(),
        tag: None,
        preparation_s: Some(600),
    }
}

fn reject(vendor: &str) -> Command {
    Command::Reject {
        vendor: vendor.into(),
        tag: None,
        reason: "busy".into(),
    }
}

fn force(vendor: &str) -> Command {
    Command::ForceAssign {
        vendor: vendor.into(),
        preparation_s: 60,
    }
}

fn release(epoch: u32) -> Command {
    let reason = "no staff".into();
    Command::Release { epoch, reason }
}

/// What matters of effects: no rows, no timer.
fn acts(effects: &[Effect]) -> Vec<String> {
    let act = |effect: &Effect| match effect {
        Effect::Find { radius_m, .. } => Some(format!("find {}", radius_m.unwrap_or(0))),
        Effect::Push { vendor, .. } => Some(format!("push {vendor}")),
        Effect::CancelPush { vendor, .. } => Some(format!("cancel {vendor}")),
        Effect::TakePlace { vendor, claim, .. } => Some(format!("take {vendor} {claim}")),
        Effect::GivePlaceBack { vendor, claim } => Some(format!("give {vendor} {claim}")),
        Effect::Won { vendor, epoch, .. } => Some(format!("won {vendor} {epoch}")),
        Effect::Released { vendor, epoch, .. } => Some(format!("released {vendor} {epoch}")),
        Effect::Failed { .. } => Some("failed".into()),
        Effect::Attention { .. } => Some("attention".into()),
        Effect::RecordOffer { .. } | Effect::RecordEvent { .. } | Effect::WakeAt { .. } => None,
    };
    effects.iter().filter_map(act).collect()
}

fn does(engine: &mut Assignment, command: Command, now_ms: i64) -> Vec<String> {
    acts(&engine.apply(command, now_ms).unwrap())
}

fn begun(strategy: Strategy) -> Assignment {
    let mut engine = Assignment::new("o1", Settings::default(), 0);
    engine.apply(Command::Start { strategy }, 0).unwrap();
    engine
}

/// a, b and c have been asked; d is a little further off.
fn offered() -> Assignment {
    let mut engine = begun(Strategy::nearest());
    let near = ["a", "b", "c"].map(|name| candidate(name, 100, 0));
    let mut all = near.to_vec();
    all.push(candidate("d", 200, 0));
    let effects = does(&mut engine, found(1, all), 0);
    assert_eq!(effects, ["push a", "push b", "push c"]);
    engine
}

fn limited(free: u32) -> Assignment {
    let mut engine = begun(Strategy::scored());
    let mut both = vec![candidate("a", 1, 9), candidate("b", 1, 8)];
    for one in &mut both {
        one.free = Some(free);
    }
    engine.apply(found(1, both), 0).unwrap();
    engine
}

#[test]
fn the_first_accept_wins_and_the_others_are_told() {
    let mut engine = offered();
    let effects = does(&mut engine, accept("b"), 10);
    assert_eq!(effects, ["cancel a", "cancel c", "won b 1"]);
    let won = Answer::Won {
        epoch: 1,
        preparation_s: 600,
        at_ms: 10,
    };
    assert_eq!(engine.answer("b"), won);
    assert_eq!(engine.apply(accept("a"), 11), Err(Refusal::AlreadyAccepted));
    engine.left_over();
    assert_eq!(engine.apply(accept("d"), 11), Err(Refusal::NotOffered));
    assert_eq!(engine.apply(reject("b"), 11), Err(Refusal::AlreadyAccepted));
    assert_eq!(does(&mut engine, accept("b"), 12), [""; 0]);
    assert_eq!(engine.answer("b"), won);
}

#[test]
fn an_accept_counts_within_the_grace_and_not_after_it() {
    let mut engine = offered();
    assert_eq!(engine.wake_at(), Some(2_000));
    assert_eq!(engine.timer(), Some(DEADLINE + GRACE + 1));
    let mut late = engine.clone();
    let effects = does(&mut engine, accept("a"), DEADLINE + GRACE);
    assert_eq!(effects, ["cancel b", "cancel c", "won a 1"]);
    let refused = late.apply(accept("a"), DEADLINE + GRACE + 1);
    assert_eq!(refused, Err(Refusal::OfferExpired));
    assert_eq!(
        acts(&late.left_over()),
        ["cancel a", "cancel b", "cancel c", "find 2500"],
        "the alert ends with the offer"
    );
}

#[test]
fn a_batch_follows_when_nobody_is_left_and_the_circle_grows() {
    let mut engine = offered();
    does(&mut engine, reject("a"), 10);
    let unreachable = Command::Unreachable {
        vendor: "b".into(),
        tag: tag(1, 1),
    };
    assert_eq!(does(&mut engine, unreachable, 20), ["cancel b"]);
    let effects = does(&mut engine, reject("c"), 30);
    assert_eq!(
        effects,
        ["cancel c", "find 2500"],
        "other devices stop ringing"
    );
    // A doubled answer to the first search, then too few in each circle but the last.
    assert_eq!(does(&mut engine, found(1, vec![]), 31), [""; 0]);
    let d = vec![candidate("d", 200, 0), candidate("a", 100, 0)];
    for (search_no, radius_m) in [(2, 5_000), (3, 7_500), (4, 10_000)] {
        let effects = does(&mut engine, found(search_no, d.clone()), 40);
        assert_eq!(effects, [format!("find {radius_m}")]);
    }
    assert_eq!(does(&mut engine, found(5, d), 50), ["push d"]);
    assert_eq!(
        does(&mut engine, reject("d"), 60),
        ["cancel d", "find 10000"]
    );
    // Nobody new: whoever was not reached is asked once more, who said no is not.
    assert_eq!(does(&mut engine, found(6, vec![]), 70), ["find 10000"]);
    let all = ["a", "b", "c", "d"].map(|name| candidate(name, 1, 0));
    let again = does(&mut engine, found(7, all.to_vec()), 80);
    assert_eq!(again, ["push b"]);
    does(&mut engine, Command::Timeout { vendor: None }, 90);
    let effects = does(&mut engine, found(8, all.to_vec()), 100);
    assert_eq!(effects, ["failed", "attention"]);
    assert_eq!(engine.timer(), Some(60_100));
    assert_eq!(does(&mut engine, Command::Due, 60_100)[0], "find 2500");
    assert_eq!(engine.round, 2);
}

#[test]
fn the_best_scored_are_asked_at_once() {
    let mut engine = begun(Strategy::Scored { limit: 2 });
    let some = vec![
        candidate("a", 1, 10),
        candidate("b", 90_000, 30),
        candidate("c", 2, 20),
    ];
    assert_eq!(does(&mut engine, found(1, some), 0), ["push b", "push c"]);
}

#[test]
fn batches_and_retries_come_to_an_end() {
    let settings = Settings {
        batches: 2,
        retry_after_ms: vec![50],
        ..Settings::default()
    };
    let mut engine = Assignment::new("o1", settings, 0);
    let strategy = Strategy::Scored { limit: 1 };
    let start = Command::Start { strategy };
    engine.apply(start.clone(), 0).unwrap();
    assert_eq!(
        engine.apply(start, 0),
        Ok(vec![Effect::WakeAt { at_ms: 2_000 }])
    );
    for round in 1..=2 {
        for batch in 1..=2 {
            let name = format!("v{round}{batch}");
            let search_no = engine.search.unwrap().no;
            engine
                .apply(found(search_no, vec![candidate(&name, 1, 1)]), 0)
                .unwrap();
            engine.apply(reject(&name), 0).unwrap();
        }
        assert_eq!((engine.phase, engine.batches), (Phase::Failed, 2));
        engine.apply(Command::Due, 50).unwrap();
    }
    assert_eq!((engine.phase, engine.timer()), (Phase::Failed, None));
    let retry = Command::Retry { strategy: None };
    assert_eq!(does(&mut engine, retry.clone(), 60), ["find 0"]);
    assert_eq!(engine.apply(retry, 60), Err(Refusal::NothingToRetry));
}

#[test]
fn a_search_that_nobody_answers_fails_by_itself() {
    let mut engine = begun(Strategy::scored());
    assert_eq!(does(&mut engine, Command::Due, 2_000), ["find 0"]);
    let effects = does(&mut engine, Command::Due, 60_001);
    assert_eq!(effects, ["failed", "attention"]);
}

#[test]
fn a_release_begins_an_epoch_without_the_one_who_gave_back() {
    let mut engine = offered();
    assert_eq!(engine.apply(release(1), 5), Err(Refusal::NotAssigned));
    engine.apply(accept("a"), 10).unwrap();
    let effects = does(&mut engine, release(1), 20);
    assert_eq!(effects, ["released a 2", "find 2500"]);
    // That a has it was not told yet, and now it is not true any more.
    assert!(!acts(&engine.resume(20)).contains(&"won a 1".to_owned()));
    assert_eq!(engine.apply(release(1), 21), Err(Refusal::NotAssigned));
    assert_eq!(engine.apply(accept("b"), 22), Err(Refusal::NotOffered));
    let all = ["a", "b", "c", "d"].map(|name| candidate(name, 1, 0));
    let effects = does(&mut engine, found(2, all.to_vec()), 30);
    assert_eq!(effects, ["push b", "push c", "push d"]);
    // What b said to the first offer is nothing to the second.
    let old = Command::Accept {
        vendor: "b".into(),
        tag: Some(tag(1, 1)),
        preparation_s: Some(1),
    };
    assert_eq!(engine.apply(old, 31), Err(Refusal::OfferExpired));
    let effects = does(&mut engine, accept("b"), 32);
    assert_eq!(effects, ["cancel c", "cancel d", "won b 2"]);
}

#[test]
fn an_admin_decides_unless_somebody_has_it() {
    let mut engine = offered();
    let effects = does(&mut engine, force("z"), 10);
    let cancels = ["cancel a", "cancel b", "cancel c"];
    assert_eq!(effects[..3], cancels);
    assert_eq!(effects[3..], ["won z 1", "take z 1"]);
    let granted = Command::Place {
        claim: 1,
        granted: true,
    };
    engine.apply(granted, 10).unwrap();
    assert!(!acts(&engine.resume(10)).contains(&"take z 1".to_owned()));
    assert_eq!(does(&mut engine, force("z"), 11), [""; 0]);
    assert_eq!(engine.apply(force("a"), 12), Err(Refusal::AlreadyAccepted));
    assert_eq!(engine.apply(accept("a"), 13), Err(Refusal::AlreadyAccepted));
    let effects = does(&mut engine, release(1), 14);
    assert_eq!(effects, ["give z 1", "released z 2", "find 2500"]);
}

#[test]
fn a_cancelled_order_is_nobodys() {
    let mut engine = offered();
    let cancel = || Command::Cancel {
        reason: "changed my mind".into(),
    };
    let effects = does(&mut engine, cancel(), 10);
    assert_eq!(effects, ["cancel a", "cancel b", "cancel c"]);
    for command in [accept("a"), reject("a"), force("a")] {
        assert_eq!(engine.apply(command, 11), Err(Refusal::OrderCancelled));
        engine.left_over();
    }
    assert_eq!(does(&mut engine, cancel(), 12), [""; 0]);
    let mut engine = offered();
    engine.apply(accept("a"), 10).unwrap();
    assert_eq!(does(&mut engine, cancel(), 11), ["released a 2"]);
    assert_eq!(engine.answer("a"), Answer::No(Refusal::OrderCancelled));
}

#[test]
fn the_first_place_granted_wins_and_the_other_is_given_back() {
    let mut engine = limited(1);
    assert_eq!(does(&mut engine, accept("a"), 10), ["take a 1"]);
    assert_eq!(does(&mut engine, accept("a"), 10), [""; 0]);
    assert_eq!(does(&mut engine, accept("b"), 11), ["take b 2"]);
    assert_eq!(engine.answer("a"), Answer::Pending);
    let granted = |claim| Command::Place {
        claim,
        granted: true,
    };
    let effects = does(&mut engine, granted(2), 12);
    assert_eq!(effects, ["give a 1", "cancel a", "won b 1"]);
    assert_eq!(engine.answer("a"), Answer::No(Refusal::AlreadyAccepted));
    assert_eq!(does(&mut engine, granted(1), 13), [""; 0]);
    assert_eq!(engine.lock.as_ref().unwrap().claim, Some(2));
    assert_eq!(does(&mut engine, Command::Close, 20), ["give b 2"]);
    assert_eq!(does(&mut engine, accept("b"), 21), [""; 0]);
    assert_eq!(engine.apply(release(1), 22), Err(Refusal::Closed));
}

#[test]
fn a_full_vendor_may_try_again_and_its_claims_are_closed() {
    let mut engine = limited(1);
    engine.apply(accept("a"), 10).unwrap();
    let full = Command::Place {
        claim: 1,
        granted: false,
    };
    assert_eq!(does(&mut engine, full.clone(), 11), ["give a 1"]);
    assert_eq!(engine.answer("a"), Answer::No(Refusal::VendorFull));
    assert_eq!(does(&mut engine, accept("a"), 12), ["take a 2"]);
    // The first answer again: the second claim is not its business.
    assert_eq!(does(&mut engine, full, 13), [""; 0]);
    // Nobody answers; after a while nobody waits.
    assert_eq!(does(&mut engine, Command::Due, 10_013)[0], "give a 2");
    assert_eq!(engine.answer("a"), Answer::No(Refusal::PlaceUnknown));
}

#[test]
fn a_claim_under_way_outlives_the_deadline() {
    let mut engine = limited(1);
    engine.apply(accept("a"), DEADLINE).unwrap();
    engine.apply(Command::Due, DEADLINE + GRACE + 1).unwrap();
    assert_eq!(engine.offer_to("b").unwrap().state, OfferState::Expired);
    let granted = Command::Place {
        claim: 1,
        granted: true,
    };
    let effects = does(&mut engine, granted, DEADLINE + 9_000);
    assert_eq!(effects, ["won a 1"]);
}

#[test]
fn what_is_not_known_to_be_done_is_done_again() {
    let mut engine = offered();
    let push = |vendor: &str| format!("o1:1:1:{vendor}:push");
    engine.done(&push("a"), 7);
    assert_eq!(engine.offer_to("a").unwrap().pushed_ms, Some(7));
    let text = serde_json::to_string(&engine).unwrap();
    let mut engine: Assignment = serde_json::from_str(&text).unwrap();
    assert_eq!(acts(&engine.resume(8)), ["push b", "push c"]);
    engine.done(&push("b"), 9);
    assert_eq!(
        acts(&engine.apply(Command::Due, 10_000).unwrap()),
        ["push c"]
    );
    // An offer that is over need not be pushed any more.
    engine.apply(accept("a"), 10_001).unwrap();
    assert_eq!(
        acts(&engine.resume(10_002)),
        ["cancel b", "cancel c", "won a 1"]
    );
    let ids: Vec<String> = engine.outbox.effects().map(|one| one.id("o1")).collect();
    let mut distinct = ids.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len());
    for id in ids {
        engine.done(&id, 10_003);
    }
    assert!(engine.outbox.is_empty() && engine.wake_at().is_none());
}

#[test]
fn the_ledger_of_an_offer_is_kept_and_late_answers_are_recorded() {
    let mut engine = offered();
    let (vendor, first) = ("a".to_owned(), tag(1, 1));
    let delivered = Command::Delivered {
        vendor: vendor.clone(),
        tag: first,
    };
    engine.apply(delivered, 5).unwrap();
    let seen = Command::Seen { vendor, tag: first };
    engine.apply(seen.clone(), 6).unwrap();
    engine.apply(seen, 9).unwrap();
    engine.apply(accept("b"), 10).unwrap();
    let refused = engine.apply(accept("a"), 11);
    assert_eq!(refused, Err(Refusal::AlreadyAccepted));
    let left = engine.left_over();
    let recorded =
        |happened: &Happened| matches!(happened, Happened::TooLate { vendor } if vendor == "a");
    assert!(left.iter().any(
        |effect| matches!(effect, Effect::RecordEvent { happened, .. } if recorded(happened))
    ));
    let offer = engine.offer_to("a").unwrap();
    assert_eq!((offer.delivered_ms, offer.seen_ms), (Some(5), Some(6)));
    assert_eq!((offer.state, offer.late_ms), (OfferState::Lost, Some(11)));
}
