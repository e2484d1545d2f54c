//! Commands drawn at random, at random times, in any order, many of them late or
//! doubled. After each what must hold is held against a memory of everything that
//! ever happened (A1, A2, A3, A6).

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::Strategy as Drawn;

use super::settings::Strategy;
use super::*;

const VENDORS: [&str; 5] = ["a", "b", "c", "d", "e"];

#[derive(Debug, Clone)]
enum Step {
    Pass(i64),
    /// To the next timer, and so much beyond it or short of it.
    ToTimer(i64),
    Answer {
        stale: bool,
        near: Vec<(usize, u32, Option<u32>)>,
    },
    Accept(usize, bool),
    Place(u32, bool),
    Reject(usize),
    Told(usize, u8),
    Timeout(Option<usize>),
    Due,
    Force(usize),
    Release(u32),
    Retry,
    Cancel,
    Close,
    Done(usize),
    Crash,
}

fn step() -> impl Drawn<Value = Step> {
    let vendor = 0..VENDORS.len();
    let near = prop::collection::vec(
        (0..VENDORS.len(), 0_u32..12_000, prop::option::of(0_u32..3)),
        0..6,
    );
    prop_oneof![
        3 => (0_i64..5_000).prop_map(Step::Pass),
        3 => (-2_i64..3).prop_map(Step::ToTimer),
        9 => (prop::bool::weighted(0.1), near).prop_map(|(stale, near)| Step::Answer { stale, near }),
        6 => (vendor.clone(), any::<bool>()).prop_map(|(vendor, tagged)| Step::Accept(vendor, tagged)),
        6 => (0_u32..4, prop::bool::weighted(0.7)).prop_map(|(back, granted)| Step::Place(back, granted)),
        4 => vendor.clone().prop_map(Step::Reject),
        4 => (vendor.clone(), 0_u8..3).prop_map(|(vendor, what)| Step::Told(vendor, what)),
        2 => prop::option::of(vendor.clone()).prop_map(Step::Timeout),
        3 => Just(Step::Due),
        1 => vendor.prop_map(Step::Force),
        2 => (0_u32..2).prop_map(Step::Release),
        1 => Just(Step::Retry),
        1 => prop::bool::weighted(0.2).prop_map(|yes| if yes { Step::Cancel } else { Step::Due }),
        1 => prop::bool::weighted(0.2).prop_map(|yes| if yes { Step::Close } else { Step::Due }),
        6 => (0_usize..8).prop_map(Step::Done),
        2 => Just(Step::Crash),
    ]
}

struct Memory {
    engine: Assignment,
    now_ms: i64,
    winners: BTreeMap<u32, String>,
    /// Claims that were asked for and not given back.
    claims: BTreeSet<u32>,
    last_claim: u32,
    /// By round: the offers to each vendor in it.
    asked: BTreeMap<(u32, String), BTreeSet<Tag>>,
    radius: (u32, u32),
}

impl Memory {
    fn new(strategy: Strategy) -> Self {
        let settings = Settings {
            batches: 4,
            ..Settings::default()
        };
        let mut memory = Self {
            engine: Assignment::new("o", settings, 0),
            now_ms: 0,
            winners: BTreeMap::new(),
            claims: BTreeSet::new(),
            last_claim: 0,
            asked: BTreeMap::new(),
            radius: (0, 0),
        };
        let _ = memory.apply(Command::Start { strategy });
        memory
    }

    fn tag_of(&self, vendor: &str) -> Tag {
        let first = Tag { epoch: 1, batch: 1 };
        self.engine
            .offer_to(vendor)
            .map_or(first, |offer| offer.tag)
    }

    fn take(&mut self, step: Step) {
        let name = |vendor: usize| VENDORS[vendor].to_owned();
        let epoch = self.engine.epoch;
        let command = match step {
            Step::Pass(ms) => {
                self.now_ms += ms;
                return;
            }
            Step::ToTimer(ms) => {
                self.now_ms = self.engine.timer().map_or(self.now_ms, |at_ms| at_ms + ms);
                return;
            }
            Step::Answer { stale, near } => Command::Candidates {
                search_no: self.engine.searches - u32::from(stale),
                found: near
                    .into_iter()
                    .map(|(vendor, distance_m, free)| Candidate {
                        vendor_id: name(vendor),
                        distance_m,
                        score: i64::from(distance_m) % 7,
                        free,
                        usual_s: 60,
                    })
                    .collect(),
                passed: Vec::new(),
            },
            Step::Accept(vendor, tagged) => return self.accept(&name(vendor), tagged),
            Step::Place(back, granted) => Command::Place {
                claim: self.last_claim.saturating_sub(back),
                granted,
            },
            Step::Reject(vendor) => Command::Reject {
                vendor: name(vendor),
                tag: None,
                reason: String::new(),
            },
            Step::Told(vendor, what) => {
                let (vendor, tag) = (name(vendor), self.tag_of(VENDORS[vendor]));
                match what {
                    0 => Command::Delivered { vendor, tag },
                    1 => Command::Seen { vendor, tag },
                    _ => Command::Unreachable { vendor, tag },
                }
            }
            Step::Timeout(vendor) => Command::Timeout {
                vendor: vendor.map(name),
            },
            Step::Due => Command::Due,
            Step::Force(vendor) => Command::ForceAssign {
                vendor: name(vendor),
                preparation_s: 1,
            },
            Step::Release(back) => Command::Release {
                epoch: epoch.saturating_sub(back),
                reason: String::new(),
            },
            Step::Retry => Command::Retry { strategy: None },
            Step::Cancel => Command::Cancel {
                reason: String::new(),
            },
            Step::Close => Command::Close,
            Step::Done(which) => {
                let id = self
                    .engine
                    .outbox
                    .effects()
                    .nth(which)
                    .map(|one| one.id("o"));
                let effects = self.engine.done(&id.unwrap_or_default(), self.now_ms);
                return self.look(&effects);
            }
            Step::Crash => {
                let text = serde_json::to_string(&self.engine).unwrap();
                self.engine = serde_json::from_str(&text).unwrap();
                let effects = self.engine.resume(self.now_ms);
                return self.look(&effects);
            }
        };
        let _ = self.apply(command);
    }

    /// Whoever lost an epoch is refused in it for ever, and the winner is always told the same.
    fn accept(&mut self, vendor: &str, tagged: bool) {
        let epoch = self.engine.epoch;
        let before = self.engine.answer(vendor);
        let winner = self.winners.get(&epoch).cloned();
        let closed = self.engine.phase == Phase::Cancelled;
        let result = self.apply(Command::Accept {
            vendor: vendor.to_owned(),
            tag: tagged.then(|| self.tag_of(vendor)),
            preparation_s: Some(1),
        });
        match winner {
            Some(winner) if winner == vendor && !closed && self.engine.epoch == epoch => {
                assert_eq!(self.engine.answer(vendor), before);
                assert!(tagged || result.is_ok());
            }
            Some(_) if self.engine.epoch == epoch => assert!(result.is_err()),
            _ => {}
        }
        let asked = self.engine.offer_to(vendor).is_some();
        assert!(asked || result.is_err() || matches!(before, Answer::Won { .. }));
    }

    fn apply(&mut self, command: Command) -> Result<(), Refusal> {
        let result = self.engine.apply(command, self.now_ms);
        let (effects, result) = match result {
            Ok(effects) => (effects, Ok(())),
            Err(refusal) => (self.engine.left_over(), Err(refusal)),
        };
        self.look(&effects);
        result
    }

    fn look(&mut self, effects: &[Effect]) {
        if let Some(lock) = &self.engine.lock {
            let winner = self
                .winners
                .entry(lock.epoch)
                .or_insert(lock.vendor_id.clone());
            assert_eq!(*winner, lock.vendor_id, "A1");
            assert_eq!(self.engine.open_offers().count(), 0, "A2");
        }
        for effect in effects {
            self.look_at(effect);
        }
        let held: BTreeSet<u32> = self
            .engine
            .open_offers()
            .filter_map(|offer| offer.claim.map(|claim| claim.no))
            .chain(self.engine.lock.as_ref().and_then(|lock| lock.claim))
            .collect();
        let finished = self.engine.phase == Phase::Closed;
        assert!(
            finished || held == self.claims,
            "{held:?} {:?}",
            self.claims
        );
        self.timers(effects);
        assert!(self.engine.batches <= self.engine.settings.batches());
    }

    fn timers(&self, effects: &[Effect]) {
        let engine = &self.engine;
        let wake_at = engine.wake_at();
        let waits = engine.open_offers().count() > 0 || engine.search.is_some();
        let retries = engine.phase == Phase::Failed && engine.failures <= 3;
        assert!(
            wake_at.is_some() || !(waits || retries || !engine.outbox.is_empty()),
            "A6"
        );
        if let Some(Effect::WakeAt { at_ms }) = effects.last() {
            assert_eq!(Some(*at_ms), wake_at);
        }
        let searching = engine.phase == Phase::Searching;
        let finds = |effect: &Effect| matches!(effect, Effect::Find { search_no, .. } if *search_no == engine.searches);
        assert_eq!(searching, engine.outbox.find(finds).is_some());
        assert_eq!(
            engine.phase == Phase::Offering,
            engine.open_offers().count() > 0
        );
    }

    fn look_at(&mut self, effect: &Effect) {
        let engine = &self.engine;
        match effect {
            Effect::Find { radius_m, .. } => {
                let radius_m = radius_m.unwrap_or_default();
                let (round, before) = self.radius;
                assert!(radius_m <= 10_000 && (round < engine.round || radius_m >= before));
                self.radius = (engine.round, radius_m);
            }
            Effect::Push { vendor, tag, .. } => {
                let key = (engine.round, vendor.clone());
                let tags = self.asked.entry(key).or_default();
                tags.insert(*tag);
                let most = 1 + usize::from(engine.again);
                assert!(tags.len() <= most, "asked twice too early");
                assert!(!engine.declined.contains(vendor));
                let size = engine
                    .offers
                    .iter()
                    .filter(|offer| offer.tag == *tag)
                    .count();
                assert!(size <= engine.strategy.size());
            }
            Effect::CancelPush { vendor, tag, .. } => {
                let held = engine
                    .lock
                    .as_ref()
                    .is_some_and(|lock| lock.vendor_id == *vendor);
                assert!(!held, "the winner's offer is not cancelled");
                let offer = engine
                    .offers
                    .iter()
                    .find(|offer| offer.tag == *tag && offer.vendor_id == *vendor);
                assert!(offer.is_none_or(|offer| offer.state != OfferState::Accepted && !offer.is_open()));
            }
            Effect::TakePlace { claim, .. } => {
                self.last_claim = self.last_claim.max(*claim);
                self.claims.insert(*claim);
            }
            Effect::GivePlaceBack { claim, .. } => {
                self.claims.remove(claim);
            }
            Effect::Won { vendor, epoch, .. } => assert_eq!(self.winners.get(epoch), Some(vendor)),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]
    #[test]
    fn what_must_hold_holds_after_every_step(
        scored in any::<bool>(),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let strategy = if scored { Strategy::Scored { limit: 2 } } else { Strategy::nearest() };
        let mut memory = Memory::new(strategy);
        for step in steps {
            memory.take(step);
        }
    }
}
