//! Two desks, one order, every interleaving at small bounds: the order desk has its life,
//! the offer desk who has it, and what they tell each other is lost, late, doubled or
//! overtaken. The rules are those of `domain::assignment`; what is said here once more is
//! when the order is marked and when the end is told.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a host program, where such a thing should stop it at once"
)]

use std::collections::BTreeSet;

use domain::assignment::{
    Assignment, Candidate, Command, Over, Phase, Settings, Strategy, is_end, may_offer,
};
use domain::lifecycle::{Life, Method, Mode, Status};
use stateright::{Checker, Model, Property};

const VENDORS: [&str; 2] = ["v", "w"];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Message {
    /// The offer desk wants to know what may be told of the order.
    Ask,
    Yes,
    No,
    Over(Over),
    /// The offer desk knows that it is over.
    Known,
}

/// A rule that is left out, to see that it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    None,
    /// Facts leave without a mark, so nobody is told of an end.
    NoMark,
    /// The end of an order that was not begun is forgotten.
    NoTombstone,
    /// The order desk tells an end once, and does not ask whether it was heard.
    ToldOnce,
    /// Whoever has the order when the news comes keeps it.
    AnyLock,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    status: Status,
    marked: bool,
    /// The end is to be told until it is known.
    chore: bool,
    ended_ms: Option<i64>,
    offers: Option<Assignment>,
    net: BTreeSet<Message>,
    clock_ms: i64,
    starts: u32,
    accepts: u32,
    releases: u32,
    losses: u32,
    copies: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Action {
    Start,
    Accept(usize),
    Release,
    End(Status),
    Tell,
    /// It arrives; a copy of it may still be on its way.
    Deliver(Message, bool),
    Lose(Message),
}

struct TwoDesks(Mutant);

fn life(status: Status) -> Life {
    Life {
        status,
        ..Life::placed(Method::Cod, Mode::Vendor)
    }
}

impl World {
    fn is_known(&self) -> bool {
        is_end(self.status) && !self.chore
    }

    fn may_be_offered(&self) -> bool {
        let offers = self.offers.as_ref();
        offers.is_some_and(|offers| !offers.is_over())
    }

    /// Begins, and asks both vendors at once.
    fn start(&mut self) {
        let now = self.clock_ms;
        let offers = self
            .offers
            .get_or_insert_with(|| Assignment::new("o", Settings::default(), now));
        let strategy = Strategy::Scored { limit: 2 };
        if offers.apply(Command::Start { strategy }, now).is_err() {
            return;
        }
        self.found();
    }

    fn found(&mut self) {
        let now = self.clock_ms;
        let Some(offers) = &mut self.offers else {
            return;
        };
        let Some(search) = offers.search else { return };
        let found = VENDORS.map(|vendor| Candidate {
            vendor_id: vendor.into(),
            distance_m: 1,
            score: 1,
            free: None,
            usual_s: 60,
        });
        let _ = offers.apply(
            Command::Candidates {
                search_no: search.no,
                found: found.into(),
                passed: Vec::new(),
            },
            now,
        );
        offers.outbox = domain::assignment::Outbox::default();
    }

    fn deliver(&mut self, message: &Message, mutant: Mutant) {
        match message {
            Message::Ask => {
                let may = may_offer(life(self.status)).is_ok();
                self.marked |= may && mutant != Mutant::NoMark;
                self.net
                    .insert(if may { Message::Yes } else { Message::No });
            }
            Message::Yes => self.start(),
            Message::No => {}
            Message::Over(over) => {
                let mut over = over.clone();
                if mutant == Mutant::AnyLock {
                    over.at_ms = i64::MAX;
                }
                let now = self.clock_ms;
                if self.offers.is_none() && mutant != Mutant::NoTombstone {
                    self.offers = Some(Assignment::new("o", Settings::default(), now));
                }
                if let Some(offers) = &mut self.offers {
                    let command = offers.ending(over);
                    let _ = offers.apply(command, now);
                    offers.outbox = domain::assignment::Outbox::default();
                }
                self.net.insert(Message::Known);
            }
            Message::Known => self.chore = false,
        }
    }
}

impl Model for TwoDesks {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            status: Status::AwaitingAssignment,
            marked: false,
            chore: false,
            ended_ms: None,
            offers: None,
            net: BTreeSet::new(),
            clock_ms: 0,
            starts: 2,
            accepts: 2,
            releases: 1,
            losses: 1,
            copies: 1,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.starts > 0 {
            actions.push(Action::Start);
        }
        if world.accepts > 0 && world.offers.is_some() {
            actions.extend([Action::Accept(0), Action::Accept(1)]);
        }
        let has_vendor = |offers: &Assignment| offers.phase == Phase::Assigned;
        if world.releases > 0 && world.offers.as_ref().is_some_and(has_vendor) {
            actions.push(Action::Release);
        }
        if !is_end(world.status) {
            actions.extend([Status::Cancelled, Status::Shipped].map(Action::End));
        }
        if world.chore {
            actions.push(Action::Tell);
        }
        for message in &world.net {
            actions.push(Action::Deliver(message.clone(), false));
            if world.copies > 0 {
                actions.push(Action::Deliver(message.clone(), true));
            }
            if world.losses > 0 {
                actions.push(Action::Lose(message.clone()));
            }
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        match action {
            Action::Start => {
                world.starts -= 1;
                match &world.offers {
                    None => {
                        world.net.insert(Message::Ask);
                    }
                    Some(_) => world.start(),
                }
            }
            Action::Accept(vendor) => {
                world.accepts -= 1;
                world.clock_ms += 1;
                let accept = Command::Accept {
                    vendor: VENDORS.get(vendor).copied().unwrap_or_default().into(),
                    tag: None,
                    preparation_s: None,
                };
                let offers = world.offers.as_mut()?;
                let _ = offers.apply(accept, world.clock_ms);
                offers.outbox = domain::assignment::Outbox::default();
            }
            Action::Release => {
                world.releases -= 1;
                let offers = world.offers.as_mut()?;
                let epoch = offers.lock.as_ref()?.epoch;
                let reason = "no cook".into();
                let _ = offers.apply(Command::Release { epoch, reason }, world.clock_ms);
                world.found();
            }
            Action::End(status) => {
                world.clock_ms += 1;
                world.status = status;
                world.ended_ms = Some(world.clock_ms);
                world.chore = world.marked;
            }
            Action::Tell => {
                let over = Over {
                    left: world.status == Status::Shipped,
                    at_ms: world.ended_ms?,
                    reason: String::new(),
                };
                world.chore &= self.0 != Mutant::ToldOnce;
                world.net.insert(Message::Over(over));
            }
            Action::Deliver(message, stays) => {
                if stays {
                    world.copies -= 1;
                } else {
                    world.net.remove(&message);
                }
                world.deliver(&message, self.0);
            }
            Action::Lose(message) => {
                world.losses -= 1;
                world.net.remove(&message);
            }
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "nothing is offered whose end is known",
                |_, world: &World| {
                    // What is still to be told has time.
                    let on_its_way = world.net.iter().any(|one| matches!(one, Message::Over(_)));
                    !world.is_known() || on_its_way || !world.may_be_offered()
                },
            ),
            Property::always("a cancelled order is nobody's", |_, world: &World| {
                let lock = world
                    .offers
                    .as_ref()
                    .and_then(|offers| offers.lock.as_ref());
                !(world.is_known() && world.marked && world.status == Status::Cancelled)
                    || lock.is_none()
            }),
            Property::always(
                "who took it behind the end does not keep it",
                |_, world: &World| {
                    let lock = world
                        .offers
                        .as_ref()
                        .and_then(|offers| offers.lock.as_ref());
                    let late = lock.is_some_and(|lock| Some(lock.at_ms) > world.ended_ms);
                    !(world.is_known() && world.marked && late)
                },
            ),
            Property::sometimes("an accept overtakes the news", |_, world: &World| {
                let lock = world
                    .offers
                    .as_ref()
                    .and_then(|offers| offers.lock.as_ref());
                world.chore && lock.is_some_and(|lock| Some(lock.at_ms) > world.ended_ms)
            }),
            Property::sometimes("it leaves with its vendor", |_, world: &World| {
                let offers = world.offers.as_ref();
                offers.is_some_and(|offers| offers.phase == Phase::Closed && offers.lock.is_some())
            }),
            Property::sometimes("it is over before it was begun", |_, world: &World| {
                let offers = world.offers.as_ref();
                offers.is_some_and(|offers| offers.is_over() && offers.asked.is_empty())
            }),
        ]
    }
}

#[test]
fn the_order_s_life_has_the_last_word() {
    let checker = TwoDesks(Mutant::None)
        .checker()
        .threads(2)
        .spawn_dfs()
        .join();
    println!(
        "two desks: {} states, {} of them distinct",
        checker.state_count(),
        checker.unique_state_count()
    );
    checker.assert_properties();
}

#[test]
fn every_rule_is_needed() {
    for mutant in [
        Mutant::NoMark,
        Mutant::NoTombstone,
        Mutant::ToldOnce,
        Mutant::AnyLock,
    ] {
        let checker = TwoDesks(mutant).checker().threads(2).spawn_dfs().join();
        let always = [
            "nothing is offered whose end is known",
            "a cancelled order is nobody's",
            "who took it behind the end does not keep it",
        ];
        let found = always.iter().find(|name| checker.discovery(name).is_some());
        println!("{mutant:?}: {found:?}");
        assert!(found.is_some(), "{mutant:?} is not caught");
    }
}
