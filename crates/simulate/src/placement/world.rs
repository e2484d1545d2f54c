//! Everybody together, one event at a time, until nothing is left to happen.

use std::rc::Rc;

use domain::stock::Place;

use super::cart_desk::CartDesk;
use super::check;
use super::database::Database;
use super::event::Event;
use super::fault::{Fault, Step};
use super::house::House;
use super::ledger::Stats;
use super::message::{CART_DESKS, CallId, Failed, Node, Reply, Request, SHARDS};
use super::mutant::Mutant;
use super::net::Net;
use super::order_desk::OrderDesk;
use super::scene::{Scene, Script};
use super::shopper::Shopper;
use super::stock_desk::StockDesk;
use crate::harness;

/// No schedule takes as many; one that does goes round in circles.
const EVENTS_MAX: u64 = 100_000;
/// How soon the platform fires an alarm again whose handler did not come to its end.
const ALARM_RETRY_MS: i64 = 2_000;

/// Somebody who is called, answered, woken, and may lose what is in memory.
pub trait Actor {
    fn request(&mut self, net: &mut Net, call: CallId, request: Request);
    fn answer(&mut self, net: &mut Net, call: CallId, result: Result<Reply, Failed>);
    fn wake(&mut self, _: &mut Net, _: u64) {}
    fn alarm(&mut self, _: &mut Net) {}
    fn alarm_at(&self) -> Option<i64> {
        None
    }
    fn set_alarm(&mut self, _: Option<i64>) {}
    /// Durable work that nobody but the timer will go on with after a crash.
    fn has_work(&self) -> bool {
        false
    }
    fn crash(&mut self, _: &mut Net) {}
    /// What should not be left when everything has come to rest.
    fn at_rest(&self) -> Vec<String> {
        Vec::new()
    }
}

#[derive(Debug)]
pub struct Cast {
    pub carts: Vec<CartDesk>,
    pub order: OrderDesk,
    pub stocks: Vec<StockDesk>,
    pub databases: Vec<Database>,
    pub shoppers: Vec<Shopper>,
    pub house: House,
}

impl Cast {
    pub fn get(&mut self, node: Node) -> Option<&mut dyn Actor> {
        Some(match node {
            Node::Cart(number) => self.carts.get_mut(usize::from(number))?,
            Node::Order => &mut self.order,
            Node::Stock(number) => self.stocks.get_mut(usize::from(number))?,
            Node::Database(number) => self.databases.get_mut(usize::from(number))?,
            Node::Shopper(number) => self.shoppers.get_mut(usize::from(number))?,
            Node::House => &mut self.house,
        })
    }
}

pub struct World {
    pub net: Net,
    pub cast: Cast,
    pub scene: Scene,
    /// The alarm that the platform knows of, by node.
    alarms: [Option<i64>; Node::CRASHABLE.len()],
}

pub type Outcome = harness::Outcome<Step, Fault, Stats>;

/// Runs the schedule that a seed is.
pub fn run(seed: u64, mutant: Option<Mutant>, traced: bool) -> Outcome {
    let mut world = World::new(seed, mutant, traced);
    world.play();
    let violations = std::mem::take(&mut world.net.ledger.violations);
    Outcome {
        violations,
        table: world.net.table,
        stats: world.net.ledger.stats,
        trace: world.net.trace.unwrap_or_default(),
    }
}

impl World {
    pub fn new(seed: u64, mutant: Option<Mutant>, traced: bool) -> Self {
        let mut net = Net::new(seed, mutant, traced);
        let script: Scene = Rc::new(Script::draw(&mut net.rng, net.now));
        let mut databases: Vec<Database> = (0..SHARDS).map(|_| Database::default()).collect();
        for (shard, place, stock) in &script.shelves {
            net.ledger.stocked(&place.sku, *stock, 0);
            if let Some(database) = databases.get_mut(usize::from(*shard)) {
                database.stock(place.clone(), *stock);
            }
        }
        let shoppers = (0..)
            .zip(&script.shoppers)
            .map(|(number, _)| Shopper::new(number, script.clone()))
            .collect();
        let cast = Cast {
            carts: (0..CART_DESKS)
                .map(|number| CartDesk::new(number, script.clone()))
                .collect(),
            order: OrderDesk::new(script.clone()),
            stocks: (0..SHARDS).map(StockDesk::new).collect(),
            databases,
            shoppers,
            house: House::new(script.clone()),
        };
        Self {
            net,
            cast,
            scene: script,
            alarms: [None; Node::CRASHABLE.len()],
        }
    }

    fn play(&mut self) {
        self.describe();
        for (number, _) in (0..).zip(&self.cast.shoppers) {
            let at_ms = self.net.now + self.net.rng.between(0, self.scene.rush_ms);
            self.net.wake(Node::Shopper(number), at_ms, 0);
        }
        self.cast.house.open(&mut self.net);
        while let Some(event) = self.net.pop() {
            self.net.ledger.stats.events += 1;
            if self.net.ledger.stats.events > EVENTS_MAX {
                self.net.violation("it does not come to rest".into());
                return;
            }
            self.happen(event);
            if !self.net.ledger.violations.is_empty() {
                // What follows from a broken rule explains nothing.
                return;
            }
        }
        check::at_rest(self);
    }

    fn happen(&mut self, event: Event) {
        let node = match event {
            Event::Deliver { call, to, request } => {
                self.net
                    .note(|| format!("{to:?} is asked {call}: {request:?}"));
                self.with(to, |actor, net| actor.request(net, call, request));
                to
            }
            Event::Answer {
                call, to, result, ..
            } => {
                self.net.note(|| format!("{to:?} hears {call}: {result:?}"));
                self.with(to, |actor, net| actor.answer(net, call, result));
                to
            }
            Event::Deadline { call } => {
                let Some((to, epoch)) = self.net.expire(call) else {
                    return;
                };
                if self.net.epoch(to) != epoch {
                    return;
                }
                self.net
                    .note(|| format!("{to:?} waits no longer for {call}"));
                self.with(to, |actor, net| actor.answer(net, call, Err(Failed)));
                to
            }
            Event::Alarm { node, at_ms } => {
                let current = node
                    .slot()
                    .is_some_and(|slot| self.alarms[slot] == Some(at_ms));
                if !current {
                    return;
                }
                self.net.note(|| format!("{node:?} has its alarm"));
                // A fired alarm is used up.
                if let Some(slot) = node.slot() {
                    self.alarms[slot] = None;
                }
                let again = self.net.now + ALARM_RETRY_MS;
                self.with(node, |actor, net| {
                    actor.set_alarm(Some(again));
                    actor.alarm(net);
                });
                node
            }
            Event::Wake { node, token, .. } => {
                self.with(node, |actor, net| actor.wake(net, token));
                node
            }
        };
        for node in self.net.bury() {
            self.net.note(|| format!("   ## {node:?} loses its memory"));
            let lost = self.net.is(Mutant::LostAlarm);
            self.with(node, |actor, net| {
                actor.crash(net);
                if lost {
                    actor.set_alarm(None);
                }
            });
            self.keep_time(node);
        }
        self.keep_time(node);
        self.spread_news();
    }

    fn with(&mut self, node: Node, act: impl FnOnce(&mut dyn Actor, &mut Net)) {
        if let Some(actor) = self.cast.get(node) {
            act(actor, &mut self.net);
        }
    }

    /// The platform learns of a changed alarm; and work without a timer does not
    /// exist (A6).
    fn keep_time(&mut self, node: Node) {
        let (Some(slot), Some(actor)) = (node.slot(), self.cast.get(node)) else {
            return;
        };
        let alarm = actor.alarm_at();
        let forgotten = alarm.is_none() && actor.has_work();
        if self.alarms[slot] != alarm {
            self.alarms[slot] = alarm;
            if let Some(at_ms) = alarm {
                self.net.schedule_alarm(node, at_ms);
            }
        }
        if forgotten {
            self.net
                .violation(format!("I6: {node:?} has work and no timer"));
        }
    }

    fn spread_news(&mut self) {
        for order_id in std::mem::take(&mut self.net.ledger.standing) {
            check::just_placed(self, &order_id);
        }
        for order_id in std::mem::take(&mut self.net.ledger.placed) {
            self.cast.house.hears_of(&mut self.net, &order_id);
        }
        for order_id in std::mem::take(&mut self.net.ledger.stuck) {
            self.cast.house.is_called_to(&mut self.net, order_id);
        }
    }

    fn describe(&mut self) {
        let scene = self.scene.clone();
        let weather = self.net.weather.clone();
        self.net.note(|| format!("{weather:?}"));
        for (shard, place, stock) in &scene.shelves {
            self.net.note(|| {
                let Place { warehouse_id, sku } = place;
                format!("shard {shard} has {stock} of {sku} in {warehouse_id}")
            });
        }
        for (number, purchases) in scene.shoppers.iter().enumerate() {
            self.net.note(|| format!("shopper {number}: {purchases:?}"));
        }
    }
}
