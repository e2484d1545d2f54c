//! One place-order on its way: plan, place, and plan again when the goods were
//! taken meanwhile.
//!
//! A buyer is refused for stock only when two looks at all shards, one after the
//! other, agree that there is too little (I8): one look sees the shards at
//! different instants, and what moves between them may be counted nowhere. When
//! the shelves do not stand still for two looks, or plan after plan is overtaken,
//! the buyer is asked to come back, which is no refusal.

use std::collections::BTreeMap;

use domain::placement::{Cause, backoff_ms};
use domain::plan::{Allocation, Shortage, Wanted, allocate};
use domain::stock::{Answer, Op, SeenRow};

use super::cart_desk::CartDesk;
use super::fault::Step;
use super::message::{Content, Failed, Node, PlaceReply, Reply, Request, SHARDS, Told};
use super::mutant::Mutant;
use super::net::Net;

/// Plans that may be overtaken before the buyer is told to come back.
const PLANS_MAX: u32 = 5;
/// Times that one placement is asked for.
const PLACES_MAX: u32 = 3;
/// Looks at all shards within one plan.
const COLLECTS_MAX: u32 = 6;
/// Looks that may fail within one flow.
const FAILURES_MAX: u32 = 4;
const LOOK_MS: i64 = 5_000;
const PLACE_MS: i64 = 15_000;

#[derive(Debug, Clone, Copy)]
pub enum Asked {
    Look { collect: u32, shard: u16 },
    Place,
}

type Seen = BTreeMap<u16, Vec<SeenRow>>;

#[derive(Debug, Clone)]
pub struct Flow {
    pub customer: u8,
    pub key: String,
    pub order_id: String,
    cart_id: String,
    wanted: Vec<Wanted>,
    /// When it began: a refusal must be true at some moment since.
    since: u64,
    plans: u32,
    places: u32,
    /// Numbers the looks, so that answers to an abandoned one are told apart.
    collect: u32,
    collects: u32,
    failures: u32,
    seen: Seen,
    before: Option<Seen>,
    /// What others may yet give back has been hoped for once.
    hoped: bool,
    lines: Vec<Allocation>,
}

impl Flow {
    pub fn new(
        (customer, key): (u8, String),
        order_id: String,
        (cart_id, wanted): (String, Vec<Wanted>),
        since: u64,
    ) -> Self {
        Self {
            customer,
            key,
            order_id,
            cart_id,
            wanted,
            since,
            plans: 0,
            places: 0,
            collect: 0,
            collects: 0,
            failures: 0,
            seen: Seen::new(),
            before: None,
            hoped: false,
            lines: Vec::new(),
        }
    }
}

/// What there is of the wanted SKUs, without what is only on its way.
fn standing(seen: &Seen) -> Vec<(&str, &str, i64, i64)> {
    seen.values()
        .flatten()
        .map(|row| {
            let place = &row.place;
            (
                place.warehouse_id.as_str(),
                place.sku.as_str(),
                row.stock,
                row.held,
            )
        })
        .collect()
}

impl CartDesk {
    pub fn begin(&mut self, net: &mut Net, id: u64) {
        let Some(flow) = self.flows.get(&id) else {
            return;
        };
        // What was seen lately spares the looks, and may be wrong in both directions.
        let known = flow
            .wanted
            .iter()
            .all(|line| self.hints.contains_key(&line.sku));
        if !known || net.rng.chance(300) {
            self.look(net, id);
            return;
        }
        let mut seen = Seen::new();
        for line in &flow.wanted {
            for (shard, row) in self.hints.get(&line.sku).into_iter().flatten() {
                seen.entry(*shard).or_default().push(row.clone());
            }
        }
        match self.plan(flow, &seen, false) {
            Ok(lines) => self.place_lines(net, id, lines),
            Err(_) => self.look(net, id),
        }
    }

    fn plan(
        &self,
        flow: &Flow,
        seen: &Seen,
        hopeful: bool,
    ) -> Result<Vec<Allocation>, Vec<Shortage>> {
        let sources = self.scene.sources(seen, hopeful);
        let to = self.scene.address(flow.customer).point();
        allocate(&flow.wanted, to, &sources).map(|plan| plan.allocations)
    }

    fn look(&mut self, net: &mut Net, id: u64) {
        let me = self.me();
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        flow.collect += 1;
        flow.collects += 1;
        flow.seen.clear();
        net.ledger.stats.collects += 1;
        let collect = flow.collect;
        for shard in 0..SHARDS {
            let skus = flow.wanted.iter().map(|line| line.sku.clone()).collect();
            let look = Request::Stock(Op::Look { skus, fresh: true });
            let call = net.call(me, Node::stock(shard), Some(Step::Plan), LOOK_MS, look);
            self.calls
                .insert(call, (id, Asked::Look { collect, shard }));
        }
    }

    pub fn flow_answered(
        &mut self,
        net: &mut Net,
        id: u64,
        asked: Asked,
        result: Result<Reply, Failed>,
    ) {
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        match (asked, result) {
            (Asked::Look { collect, .. }, _) if collect != flow.collect => {}
            (Asked::Look { shard, .. }, Ok(Reply::Stock(Answer::Seen { rows }))) => {
                flow.seen.insert(shard, rows);
                if flow.seen.len() == usize::from(SHARDS) {
                    self.looked(net, id);
                }
            }
            (Asked::Look { .. }, _) => {
                flow.failures += 1;
                // Half a look is none.
                flow.before = None;
                if flow.failures > FAILURES_MAX {
                    self.give_up(net, id, &Told::Busy);
                } else {
                    self.look(net, id);
                }
            }
            (Asked::Place, Ok(Reply::Place(reply))) => self.placed(net, id, &reply),
            (Asked::Place, _) => self.placed(net, id, &PlaceReply::Unfinished),
        }
    }

    fn looked(&mut self, net: &mut Net, id: u64) {
        let Some(flow) = self.flows.get(&id) else {
            return;
        };
        let mut flow = flow.clone();
        self.remember(&flow);
        let short = match self.plan(&flow, &flow.seen, false) {
            Ok(lines) => return self.place_lines(net, id, lines),
            Err(short) => short,
        };
        if !flow.hoped
            && let Ok(lines) = self.plan(&flow, &flow.seen, true)
        {
            flow.hoped = true;
            self.flows.insert(id, flow);
            return self.place_lines(net, id, lines);
        }
        let agreed = flow
            .before
            .as_ref()
            .is_some_and(|before| standing(before) == standing(&flow.seen));
        if agreed || net.is(Mutant::OneLook) {
            self.refuse(net, id, short);
        } else if flow.collects >= COLLECTS_MAX {
            net.ledger.stats.restless += 1;
            self.give_up(net, id, &Told::Busy);
        } else {
            flow.before = Some(flow.seen.clone());
            self.flows.insert(id, flow);
            self.look(net, id);
        }
    }

    /// I8 is held against every refusal at the moment that it is decided.
    fn refuse(&mut self, net: &mut Net, id: u64, short: Vec<Shortage>) {
        let Some(flow) = self.flows.get(&id) else {
            return;
        };
        for line in &short {
            if !net.ledger.was_short(line, flow.since) {
                net.violation(format!(
                    "I8: {} was refused {} of {}, and there were never fewer",
                    flow.order_id, line.requested, line.sku
                ));
            }
        }
        net.ledger.stats.refused += 1;
        self.give_up(net, id, &Told::Short(short));
    }

    fn remember(&mut self, flow: &Flow) {
        for line in &flow.wanted {
            let rows = flow
                .seen
                .iter()
                .flat_map(|(shard, rows)| rows.iter().map(|row| (*shard, row)))
                .filter(|(_, row)| row.place.sku == line.sku)
                .map(|(shard, row)| (shard, row.clone()))
                .collect();
            self.hints.insert(line.sku.clone(), rows);
        }
    }

    fn place_lines(&mut self, net: &mut Net, id: u64, lines: Vec<Allocation>) {
        if let Some(flow) = self.flows.get_mut(&id) {
            flow.lines = lines;
            flow.places = 0;
            flow.before = None;
        }
        self.place(net, id);
    }

    pub fn place(&mut self, net: &mut Net, id: u64) {
        let me = self.me();
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        flow.places += 1;
        let content = Content {
            order_id: flow.order_id.clone(),
            customer: flow.customer,
            cart_id: flow.cart_id.clone(),
            key: flow.key.clone(),
            lines: flow.lines.clone(),
        };
        let request = Request::Place(content);
        let call = net.call(me, Node::Order, Some(Step::OrderJournal), PLACE_MS, request);
        self.calls.insert(call, (id, Asked::Place));
    }

    fn placed(&mut self, net: &mut Net, id: u64, reply: &PlaceReply) {
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        match reply {
            PlaceReply::Placed => {
                if let Some(flow) = self.flows.remove(&id) {
                    self.complete(net, flow.customer, &flow.key, &flow.order_id);
                }
            }
            PlaceReply::Undone(Cause::Unavailable) => self.give_up(net, id, &Told::Busy),
            PlaceReply::Undone(_) => {
                flow.plans += 1;
                if flow.plans >= PLANS_MAX {
                    net.ledger.stats.overtaken += 1;
                    self.give_up(net, id, &Told::Busy);
                } else {
                    self.plan_again(net, id);
                }
            }
            PlaceReply::Unfinished if flow.places < PLACES_MAX => {
                let at_ms = net.now + backoff_ms(flow.places);
                net.wake(self.me(), at_ms, id);
            }
            PlaceReply::Unfinished => {
                // It may yet be placed: the claim stays, and the timer will tell.
                if let Some(flow) = self.flows.remove(&id) {
                    self.tell(net, flow.customer, &flow.key, &Told::Unknown);
                }
            }
        }
    }

    /// An order id is used for one plan: what was refused or undone under it stays so.
    fn plan_again(&mut self, net: &mut Net, id: u64) {
        let Some(flow) = self.flows.get(&id) else {
            return;
        };
        let mut flow = flow.clone();
        let next_id = net.id("o");
        if !self.reclaim(net, &flow, &next_id) {
            // Somebody else has ended the claim, or the write failed.
            self.flows.remove(&id);
            self.tell(net, flow.customer, &flow.key, &Told::Unknown);
            return;
        }
        flow.order_id = next_id;
        flow.collects = 0;
        self.flows.insert(id, flow);
        self.look(net, id);
    }

    /// Nothing is placed under the claim's order id: the cart is the customer's again.
    fn give_up(&mut self, net: &mut Net, id: u64, told: &Told) {
        if let Some(flow) = self.flows.remove(&id) {
            if !told.is_final() {
                net.ledger.stats.busy += 1;
            }
            self.release(net, (flow.customer, &flow.key), &flow.order_id, told);
        }
    }
}
