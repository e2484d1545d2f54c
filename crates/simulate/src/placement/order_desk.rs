//! The object that owns orders: it journals, drives placements, answers for them,
//! and sees to it that what an order's life asks of the stock is done.
//!
//! Only the journal survives. A placement in memory may be lost at any instant;
//! the timer then reads it back and has it undone. Nobody is told of an end before
//! it is written.

use std::collections::{BTreeMap, BTreeSet};

use domain::lifecycle::{Life, Status, StockChore};
use domain::limits::STOCK_WAIT_MS;
use domain::placement::{Cause, Effect, Event, Leg, Phase, Placement};
use domain::stock::{Answer, DeductLine, Op, Place, RestoreLine};

use super::fault::Step;
use super::journal::{Chore, Journal, OrderRow};
use super::message::{CallId, Content, Failed, Node, PlaceReply, Reply, Request};
use super::mutant::Mutant;
use super::net::Net;
use super::stock_desk::lines_short;
use super::world::Actor;

/// How long a stock desk may take. More than a buyer may wait for other orders' stock.
const STOCK_MS: i64 = 6_000;
const ME: Node = Node::Order;

/// A placement in memory.
#[derive(Debug)]
struct Run {
    number: u64,
    placement: Placement,
    /// The effect whose outcome is awaited.
    asked: Option<CallId>,
    wakes: bool,
    /// Shards whose deduction was asked before.
    repeats: BTreeSet<u16>,
}

#[derive(Debug, Clone)]
enum Asked {
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

#[derive(Debug, Default)]
pub struct OrderDesk {
    pub journal: Journal,
    pay_within_ms: i64,
    runs: BTreeMap<String, Run>,
    waiters: BTreeMap<String, Vec<CallId>>,
    calls: BTreeMap<CallId, Asked>,
    wakes: BTreeMap<u64, String>,
    serial: u64,
}

impl OrderDesk {
    pub fn new(pay_within_ms: i64) -> Self {
        Self {
            pay_within_ms,
            ..Self::default()
        }
    }

    fn place(&mut self, net: &mut Net, call: CallId, content: Content) {
        let order_id = content.order_id.clone();
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
        let row = OrderRow::new(content, net.now);
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
        self.run(&order_id, placement);
        self.apply(net, &order_id, Event::Due);
    }

    fn resolve(
        &mut self,
        net: &mut Net,
        call: CallId,
        (order_id, customer, cart_id): (String, u8, String),
    ) {
        if let Some(row) = self.journal.rows.get(&order_id) {
            let reply = row.reply();
            if row.is_open() {
                self.go_on(net, &order_id);
            }
            net.reply(call, Reply::Place(reply));
            return;
        }
        let row = OrderRow::tombstone(customer, cart_id, net.now);
        let journal = &mut self.journal;
        let written = net.is(Mutant::NoTombstone)
            || net.persist(ME, Some(Step::Resolve), || {
                journal.rows.insert(order_id.clone(), row.clone());
            });
        if written {
            let reply = PlaceReply::Undone(Cause::Closed);
            net.reply(call, Reply::Place(reply));
        }
    }

    fn run(&mut self, order_id: &str, placement: Placement) {
        self.serial += 1;
        let run = Run {
            number: self.serial,
            placement,
            asked: None,
            wakes: false,
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
        if net.is(Mutant::ForwardResume) {
            for (_, leg) in &mut placement.legs {
                *leg = Leg::Asked;
            }
        } else {
            placement.resume();
        }
        net.ledger.stats.resumed += 1;
        let shards: Vec<u16> = row.shards().collect();
        self.run(order_id, placement);
        if let Some(run) = self.runs.get_mut(order_id) {
            run.repeats.extend(shards);
        }
        self.apply(net, order_id, Event::Due);
    }

    fn apply(&mut self, net: &mut Net, order_id: &str, event: Event) {
        let Some(run) = self.runs.get_mut(order_id) else {
            return;
        };
        net.note(|| format!("   {order_id}: {event:?}"));
        let effects = run.placement.apply(event, net.now);
        for effect in effects {
            if !self.perform(net, order_id, effect) {
                return;
            }
        }
    }

    /// Writes a placement as it stands. When that fails the placement in memory is
    /// worth nothing: the journal is the truth, and the timer goes on from there.
    fn write(&mut self, net: &mut Net, order_id: &str, step: Step) -> bool {
        let Some(run) = self.runs.get(order_id) else {
            return false;
        };
        let placement = run.placement.clone();
        let pay_by_ms = net.now + self.pay_within_ms;
        let journal = &mut self.journal;
        let now = net.now;
        let done = net.persist(ME, Some(step), || {
            if let Some(row) = journal.rows.get_mut(order_id) {
                if placement.phase == Phase::Placed {
                    row.life = Some(Life::PLACED);
                    row.pay_by_ms = pay_by_ms;
                }
                row.placement.clone_from(&placement);
                journal.arm(now);
            }
        });
        if !done {
            self.runs.remove(order_id);
            self.waiters.remove(order_id);
        }
        self.witness(net, order_id);
        done
    }

    /// Lets the ledger see what is durable now, whatever becomes of the handler.
    fn witness(&self, net: &mut Net, order_id: &str) {
        if let Some(row) = self.journal.rows.get(order_id)
            && let Some(wrong) = net.ledger.saw(order_id, row, net.now)
        {
            net.violation(wrong);
        }
    }

    /// False when the rest is not to be performed.
    fn perform(&mut self, net: &mut Net, order_id: &str, effect: Effect) -> bool {
        let Some(row) = self.journal.rows.get(order_id) else {
            return false;
        };
        let Some(run) = self.runs.get_mut(order_id) else {
            // A settlement follows the end of its run.
            if let Effect::Settle { shard } = effect {
                let order_id = order_id.to_owned();
                let settle = Request::Settle { order_id };
                net.call(ME, Node::stock(shard), Some(Step::Settle), STOCK_MS, settle);
            }
            return true;
        };
        let (shard, step, op) = match effect {
            Effect::Deduct { shard, last } => {
                let op = Op::Deduct {
                    order_id: order_id.to_owned(),
                    lines: deduct_lines(row, shard),
                    settled: last,
                    wait_until_ms: net.now + STOCK_WAIT_MS,
                    repeat: !run.repeats.insert(shard),
                };
                (shard, Step::deduct(shard), op)
            }
            Effect::Release { shard }
                if net.is(Mutant::BelievedNo)
                    && run.placement.legs.contains(&(shard, Leg::Refused)) =>
            {
                self.apply(net, order_id, Event::Released { shard });
                return true;
            }
            Effect::Release { shard } => {
                let op = restore(order_id, row, shard, "undo");
                (shard, Step::release(shard), op)
            }
            Effect::Wake { at_ms } => {
                run.wakes = true;
                self.serial += 1;
                self.wakes.insert(self.serial, order_id.to_owned());
                net.wake(ME, at_ms, self.serial);
                return true;
            }
            Effect::Finish => return self.finish(net, order_id),
            Effect::Attention => {
                if self.write(net, order_id, Step::OrderFinish) {
                    self.runs.remove(order_id);
                    self.tell(net, order_id, &PlaceReply::Unfinished);
                }
                return false;
            }
            Effect::Settle { .. } => return true,
        };
        let call = net.call(
            ME,
            Node::stock(shard),
            Some(step),
            STOCK_MS,
            Request::Stock(op),
        );
        run.asked = Some(call);
        let asked = Asked::Leg {
            order_id: order_id.to_owned(),
            run: run.number,
            shard,
        };
        self.calls.insert(call, asked);
        true
    }

    fn finish(&mut self, net: &mut Net, order_id: &str) -> bool {
        if net.is(Mutant::EarlyAnswer)
            && let Some(run) = self.runs.get(order_id)
            && run.placement.phase == Phase::Placed
        {
            self.tell(net, order_id, &PlaceReply::Placed);
        }
        if !self.write(net, order_id, Step::OrderFinish) {
            return false;
        }
        self.runs.remove(order_id);
        let Some(row) = self.journal.rows.get(order_id) else {
            return false;
        };
        let reply = row.reply();
        self.tell(net, order_id, &reply);
        true
    }

    fn tell(&mut self, net: &mut Net, order_id: &str, reply: &PlaceReply) {
        for call in self.waiters.remove(order_id).unwrap_or_default() {
            net.reply(call, Reply::Place(reply.clone()));
        }
    }

    /// Takes an edge of an order's life. False when there is none.
    fn walk(&mut self, net: &mut Net, order_id: &str, to: Status) -> Option<bool> {
        let Some(row) = self.journal.rows.get(order_id) else {
            return Some(false);
        };
        let Some(Ok((life, chore))) = row.life.map(|life| life.step(to)) else {
            return Some(false);
        };
        let mut next = row.clone();
        next.life = Some(life);
        if let Some(kind) = chore {
            let chores = row.shards().map(|shard| Chore {
                kind,
                shard,
                done: false,
            });
            next.chores.extend(chores);
        }
        let journal = &mut self.journal;
        let now = net.now;
        let written = net.persist(ME, Some(Step::OrderMove), || {
            journal.rows.insert(order_id.to_owned(), next.clone());
            journal.arm(now);
        });
        self.witness(net, order_id);
        if !written {
            return None;
        }
        self.do_chores(net, order_id);
        Some(true)
    }

    fn do_chores(&mut self, net: &mut Net, order_id: &str) {
        let Some(row) = self.journal.rows.get(order_id) else {
            return;
        };
        for (index, chore) in row.chores.iter().enumerate() {
            let in_flight = self.calls.values().any(|asked| {
                matches!(asked, Asked::Chore { order_id: other, index: at }
                    if other == order_id && *at == index)
            });
            if chore.done || in_flight {
                continue;
            }
            let shard = chore.shard;
            let (step, op) = match chore.kind {
                StockChore::Release => {
                    (Step::ChoreRelease, restore(order_id, row, shard, "cancel"))
                }
                StockChore::Ship => (
                    Step::ChoreShip,
                    Op::Ship {
                        order_id: order_id.to_owned(),
                        lines: places(row, shard),
                        key: "ship".into(),
                    },
                ),
            };
            let call = net.call(
                ME,
                Node::stock(shard),
                Some(step),
                STOCK_MS,
                Request::Stock(op),
            );
            let asked = Asked::Chore {
                order_id: order_id.to_owned(),
                index,
            };
            self.calls.insert(call, asked);
        }
    }

    fn chore_answered(&mut self, net: &mut Net, order_id: &str, index: usize, answer: &Answer) {
        if !matches!(answer, Answer::Done { .. }) {
            return;
        }
        let journal = &mut self.journal;
        let _ = net.persist(ME, None, || {
            let row = journal.rows.get_mut(order_id);
            if let Some(chore) = row.and_then(|row| row.chores.get_mut(index)) {
                chore.done = true;
            }
        });
    }

    fn leg_answered(
        &mut self,
        net: &mut Net,
        call: CallId,
        (order_id, number, shard): (&str, u64, u16),
        result: Result<Reply, Failed>,
    ) {
        let Some(run) = self.runs.get_mut(order_id) else {
            return;
        };
        if run.number != number {
            return;
        }
        if run.asked == Some(call) {
            run.asked = None;
        }
        let event = match result {
            Ok(Reply::Stock(Answer::Held { .. })) => Event::Held { shard },
            Ok(Reply::Stock(Answer::Done { .. })) => Event::Released { shard },
            Ok(Reply::Stock(Answer::Closed)) => Event::Refused {
                shard,
                cause: Cause::Closed,
            },
            Ok(Reply::Stock(
                answer @ (Answer::Short { .. } | Answer::Missing { .. } | Answer::Changed { .. }),
            )) => Event::Refused {
                shard,
                cause: Cause::Short {
                    lines: lines_short(answer),
                },
            },
            _ => Event::Lost { shard },
        };
        self.apply(net, order_id, event);
    }

    fn retry(&mut self, net: &mut Net, order_id: &str) {
        let Some(row) = self.journal.rows.get(order_id) else {
            return;
        };
        if row.placement.phase != Phase::Stuck || self.runs.contains_key(order_id) {
            return;
        }
        let mut placement = row.placement.clone();
        placement.resume();
        self.run(order_id, placement);
        self.apply(net, order_id, Event::Retry);
    }
}

fn places(row: &OrderRow, shard: u16) -> Vec<Place> {
    row.lines
        .iter()
        .filter(|line| line.shard == shard)
        .map(|line| Place {
            warehouse_id: line.warehouse_id.clone(),
            sku: line.sku.clone(),
        })
        .collect()
}

fn deduct_lines(row: &OrderRow, shard: u16) -> Vec<DeductLine> {
    row.lines
        .iter()
        .filter(|line| line.shard == shard)
        .map(|line| DeductLine {
            place: Place {
                warehouse_id: line.warehouse_id.clone(),
                sku: line.sku.clone(),
            },
            quantity: line.quantity,
            expected_stock: None,
        })
        .collect()
}

fn restore(order_id: &str, row: &OrderRow, shard: u16, key: &str) -> Op {
    Op::Restore {
        order_id: order_id.to_owned(),
        lines: places(row, shard)
            .into_iter()
            .map(|place| RestoreLine {
                place,
                quantity: None,
            })
            .collect(),
        key: key.to_owned(),
    }
}

impl Actor for OrderDesk {
    fn request(&mut self, net: &mut Net, call: CallId, request: Request) {
        match request {
            Request::Place(content) => self.place(net, call, content),
            Request::Resolve {
                order_id,
                customer,
                cart_id,
            } => self.resolve(net, call, (order_id, customer, cart_id)),
            Request::Move { order_id, to } => {
                if let Some(done) = self.walk(net, &order_id, to) {
                    net.reply(call, Reply::Done(done));
                }
            }
            Request::Retry { order_id } => {
                self.retry(net, &order_id);
                net.reply(call, Reply::Done(true));
            }
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
        let Some(order_id) = self.wakes.remove(&token) else {
            return;
        };
        if let Some(run) = self.runs.get_mut(&order_id) {
            run.wakes = false;
            if run.asked.is_none() {
                self.apply(net, &order_id, Event::Due);
            }
        }
    }

    fn alarm(&mut self, net: &mut Net) {
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
            ..Self::new(self.pay_within_ms)
        };
    }

    fn node(&self) -> Node {
        ME
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
