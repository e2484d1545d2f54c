//! The object that owns orders: it journals, drives placements, answers for them,
//! and sees to it that what an order's life asks of the stock is done.
//!
//! Only the journal survives. A placement in memory may be lost at any instant; the
//! timer then reads it back and goes on in the direction that was written. Nobody
//! is told of a failure before it is written. That an order stands may be told
//! first, since journal and holds come to that end again.

use std::collections::{BTreeMap, BTreeSet};

use domain::lifecycle::Status;
use domain::placement::{Cause, Event, Phase, Placement};

use super::fault::Step;
use super::journal::{Journal, OrderRow};
use super::message::{CallId, CartFate, Content, Failed, Node, Reply, Request};
use super::mutant::Mutant;
use super::net::Net;
use super::placing::FLUSH;
use super::scene::Scene;
use super::world::Actor;

/// How long a stock desk may take. More than a buyer may wait for other orders' stock.
pub const STOCK_MS: i64 = 6_000;
pub const ME: Node = Node::Order;

/// A placement in memory.
#[derive(Debug)]
pub struct Run {
    pub number: u64,
    pub placement: Placement,
    /// The effect whose outcome is awaited.
    pub asked: Option<CallId>,
    /// Shards whose deduction was asked before.
    pub repeats: BTreeSet<u16>,
}

#[derive(Debug, Clone)]
pub enum Asked {
    Leg {
        order_id: String,
        run: u64,
        shard: u16,
    },
    Chore {
        order_id: String,
        index: usize,
    },
}

#[derive(Debug)]
pub struct OrderDesk {
    pub journal: Journal,
    pub scene: Scene,
    pub runs: BTreeMap<String, Run>,
    /// Good ends that are told and not written yet: order, placement, to be paid by.
    pub late: Vec<(String, Placement, i64)>,
    pub waiters: BTreeMap<String, Vec<CallId>>,
    pub calls: BTreeMap<CallId, Asked>,
    pub wakes: BTreeMap<u64, String>,
    pub serial: u64,
}

impl OrderDesk {
    pub fn new(scene: Scene) -> Self {
        Self {
            journal: Journal::default(),
            scene,
            runs: BTreeMap::new(),
            late: Vec::new(),
            waiters: BTreeMap::new(),
            calls: BTreeMap::new(),
            wakes: BTreeMap::new(),
            serial: 0,
        }
    }

    fn place(&mut self, net: &mut Net, call: CallId, content: Content) {
        // Under its own id, or else what there is of its cart.
        let journal = &self.journal;
        let known = if journal.rows.contains_key(&content.order_id) {
            Some(content.order_id.clone())
        } else if net.is(Mutant::NoClaim) {
            None
        } else if journal.rows.contains_key(&content.cart_id) {
            Some(content.cart_id.clone())
        } else {
            journal
                .live_of_cart(&content.cart_id)
                .map(|(id, _)| id.clone())
        };
        let order_id = known.unwrap_or_else(|| content.order_id.clone());
        if let Some(row) = self.journal.rows.get(&order_id) {
            if !row.lines.is_empty()
                && (row.cart_id != content.cart_id || row.lines != content.lines)
            {
                net.violation(format!("I5: {order_id} is asked for with another content"));
            }
            if row.is_open() {
                self.waiters.entry(order_id.clone()).or_default().push(call);
                self.go_on(net, &order_id);
            } else {
                net.reply(call, Reply::Place(row.reply()));
            }
            return;
        }
        let row = OrderRow::new(content, self.scene.stuck_after_ms, net.now);
        let placement = row.placement.clone();
        let journal = &mut self.journal;
        let now = net.now;
        if !net.persist(ME, Some(Step::OrderJournal), || {
            journal.rows.insert(order_id.clone(), row.clone());
            journal.arm(now);
        }) {
            return;
        }
        self.waiters.entry(order_id.clone()).or_default().push(call);
        self.run(net, &order_id, placement);
        self.apply(net, &order_id, Event::Due);
    }

    fn resolve(&mut self, net: &mut Net, call: CallId, (customer, cart_id): (u8, String)) {
        if let Some((order_id, row)) = self.journal.live_of_cart(&cart_id) {
            let (order_id, key) = (order_id.clone(), row.key.clone());
            if row.is_open() {
                self.go_on(net, &order_id);
                net.reply(call, Reply::Fate(CartFate::Unfinished));
            } else if row.placement.phase == Phase::Placed {
                net.reply(call, Reply::Fate(CartFate::Placed { order_id, key }));
            } else {
                net.reply(call, Reply::Fate(CartFate::Unfinished));
            }
            return;
        }
        let row = OrderRow::tombstone(customer, cart_id.clone(), net.now);
        let journal = &mut self.journal;
        let written = net.is(Mutant::NoTombstone)
            || net.persist(ME, Some(Step::Resolve), || {
                journal
                    .rows
                    .entry(cart_id.clone())
                    .or_insert_with(|| row.clone());
            });
        if written {
            net.reply(call, Reply::Fate(CartFate::Closed));
        }
    }

    fn run(&mut self, net: &mut Net, order_id: &str, placement: Placement) {
        let taken_up = &mut net.ledger.taken_up;
        taken_up.insert(order_id.to_owned(), net.now);
        self.serial += 1;
        let run = Run {
            number: self.serial,
            placement,
            asked: None,
            repeats: BTreeSet::new(),
        };
        self.runs.insert(order_id.to_owned(), run);
    }

    /// Picks an unfinished placement up where the journal left it, unless it runs.
    fn go_on(&mut self, net: &mut Net, order_id: &str) {
        if self.runs.contains_key(order_id) {
            return;
        }
        let Some(row) = self.journal.rows.get(order_id) else {
            return;
        };
        let mut placement = row.placement.clone();
        placement.resume(net.now);
        placement.resumed &= !net.is(Mutant::ImpatientResume);
        if net.is(Mutant::BackwardResume) && placement.phase == Phase::Deducting {
            placement.phase = Phase::Undoing;
            placement.cause = Some(Cause::Closed);
        }
        net.ledger.stats.resumed += 1;
        let shards: Vec<u16> = row.shards().collect();
        self.run(net, order_id, placement);
        if let Some(run) = self.runs.get_mut(order_id) {
            run.repeats.extend(shards);
        }
        self.apply(net, order_id, Event::Due);
    }

    /// A person wants a stuck placement tried again. Once that is written the timer
    /// sees to it.
    fn retry(&mut self, net: &mut Net, call: CallId, order_id: &str) {
        if let Some(row) = self.journal.rows.get(order_id)
            && row.placement.phase == Phase::Stuck
            && !self.runs.contains_key(order_id)
        {
            let mut placement = row.placement.clone();
            let effects = placement.apply(Event::Retry, net.now);
            self.run(net, order_id, placement);
            if !self.write(net, order_id, Step::OrderFinish) {
                return;
            }
            self.perform_all(net, order_id, &effects);
        }
        net.reply(call, Reply::Done(true));
    }
}

impl Actor for OrderDesk {
    fn request(&mut self, net: &mut Net, call: CallId, request: Request) {
        // What gathered is written before anybody looks.
        if !self.flush(net) {
            return;
        }
        match request {
            Request::Place(content) => self.place(net, call, content),
            Request::Resolve { customer, cart_id } => {
                self.resolve(net, call, (customer, cart_id));
            }
            Request::Move { order_id, to } => {
                if let Some(done) = self.walk(net, &order_id, to) {
                    net.reply(call, Reply::Done(done));
                }
            }
            Request::Retry { order_id } => self.retry(net, call, &order_id),
            _ => {}
        }
    }

    fn answer(&mut self, net: &mut Net, call: CallId, result: Result<Reply, Failed>) {
        let Some(asked) = self.calls.remove(&call) else {
            return;
        };
        match asked {
            Asked::Leg {
                order_id,
                run,
                shard,
            } => {
                if result.is_err() && net.weather.late_answers {
                    // Its answer may come after all, and must do no harm.
                    let late = Asked::Leg {
                        order_id: order_id.clone(),
                        run,
                        shard,
                    };
                    self.calls.insert(call, late);
                }
                self.leg_answered(net, call, (&order_id, run, shard), result);
            }
            Asked::Chore { order_id, index } => {
                if let Ok(Reply::Stock(answer)) = result {
                    self.chore_answered(net, &order_id, index, &answer);
                }
            }
        }
    }

    fn wake(&mut self, net: &mut Net, token: u64) {
        if token == FLUSH {
            let _ = self.flush(net);
            return;
        }
        let Some(order_id) = self.wakes.remove(&token) else {
            return;
        };
        let idle = |run: &Run| run.asked.is_none();
        if self.runs.get(&order_id).is_some_and(idle) {
            self.apply(net, &order_id, Event::Due);
        }
    }

    fn alarm(&mut self, net: &mut Net) {
        if !self.flush(net) {
            return;
        }
        let journal = &mut self.journal;
        let now = net.now;
        if !net.persist(ME, None, || {
            journal.alarm = None;
            journal.arm(now);
        }) {
            return;
        }
        let ids: Vec<String> = self.journal.rows.keys().cloned().collect();
        for order_id in ids {
            let Some(row) = self.journal.rows.get(&order_id) else {
                continue;
            };
            if row.is_open() {
                self.go_on(net, &order_id);
            } else if row.awaits_payment() && row.pay_by_ms <= net.now {
                self.walk(net, &order_id, Status::Cancelled);
            } else {
                self.do_chores(net, &order_id);
            }
        }
        let journal = &mut self.journal;
        let _ = net.persist(ME, None, || {
            journal.alarm = None;
            journal.arm(now);
        });
    }

    fn alarm_at(&self) -> Option<i64> {
        self.journal.alarm
    }

    fn set_alarm(&mut self, at_ms: Option<i64>) {
        self.journal.alarm = at_ms;
    }

    fn has_work(&self) -> bool {
        self.journal.has_work()
    }

    fn crash(&mut self, _: &mut Net) {
        let journal = std::mem::take(&mut self.journal);
        *self = Self {
            journal,
            ..Self::new(self.scene.clone())
        };
    }

    fn at_rest(&self) -> Vec<String> {
        let mut left = Vec::new();
        for (order_id, row) in &self.journal.rows {
            if !row.placement.is_finished() {
                left.push(format!("{order_id} is left {:?}", row.placement.phase));
            }
            if row.chores.iter().any(|chore| !chore.done) {
                left.push(format!("{order_id} has chores left"));
            }
        }
        left
    }
}
