//! The object that keeps carts and makes orders of them.
//!
//! Durable: the carts of each customer and the records of keys. In memory: the
//! flows that are under way and those who wait for their end. A claim that no
//! flow drives any more is ended by the timer, which asks the order's desk what
//! became of it and never decides by itself. Between its write and its answer a
//! flow may vanish at any line; what it had told but not written is found out again.

use std::collections::BTreeMap;

use domain::cart::{Claimed, Refusal};
use domain::plan::Wanted;

use super::claims::FLUSH;
use super::drawer::{Doc, Drawer};
use super::fault::Step;
use super::flow::{Asked, Flow};
use super::message::{CallId, Failed, Node, PlaceReply, Reply, Request, Told};
use super::mutant::Mutant;
use super::net::Net;
use super::scene::Scene;
use super::world::Actor;

const RESOLVE_MS: i64 = 5_000;

#[derive(Debug)]
pub struct Completion {
    pub key: String,
    pub order_id: String,
    pub at_ms: i64,
}

#[derive(Debug)]
pub struct CartDesk {
    pub number: u8,
    pub drawer: Drawer,
    pub scene: Scene,
    pub flows: BTreeMap<u64, Flow>,
    pub calls: BTreeMap<CallId, (u64, Asked)>,
    /// Orders that stand and whose carts are not written as completed yet.
    pub late: BTreeMap<u8, Completion>,
    /// What was seen of each SKU last: good enough to plan with, never to refuse with.
    pub hints: BTreeMap<String, Vec<(u16, domain::stock::SeenRow)>>,
    resolving: BTreeMap<CallId, (u8, String)>,
    pub waiters: BTreeMap<(u8, String), Vec<CallId>>,
    serial: u64,
}

impl CartDesk {
    pub fn new(number: u8, scene: Scene) -> Self {
        Self {
            number,
            drawer: Drawer::default(),
            scene,
            flows: BTreeMap::new(),
            calls: BTreeMap::new(),
            late: BTreeMap::new(),
            hints: BTreeMap::new(),
            resolving: BTreeMap::new(),
            waiters: BTreeMap::new(),
            serial: 0,
        }
    }

    pub fn me(&self) -> Node {
        Node::Cart(self.number)
    }

    fn fill(&mut self, net: &mut Net, call: CallId, customer: u8, lines: &[Wanted]) {
        let cart_id = net.id("c");
        let mut carts = self.doc(customer).carts.clone();
        if carts.address.is_none() {
            let _ = carts.set_address(self.scene.address(customer));
        }
        let gone: Vec<String> = carts
            .lines()
            .iter()
            .filter(|line| lines.iter().all(|wanted| wanted.sku != line.sku))
            .map(|line| line.sku.clone())
            .collect();
        let changed = gone
            .iter()
            .try_for_each(|sku| carts.remove_line(sku))
            .and_then(|()| {
                lines.iter().try_for_each(|line| {
                    carts.set_line(&line.sku, line.quantity, || cart_id.clone())
                })
            });
        if changed.is_err() {
            net.reply(call, Reply::Done(false));
            return;
        }
        let doc = self.drawer.docs.entry(customer).or_default();
        let me = Node::Cart(self.number);
        if net.persist(me, None, || doc.carts.clone_from(&carts)) {
            net.reply(call, Reply::Done(true));
        }
    }

    pub fn doc(&mut self, customer: u8) -> &mut Doc {
        self.drawer.docs.entry(customer).or_default()
    }

    fn place_order(
        &mut self,
        net: &mut Net,
        call: CallId,
        (customer, key): (u8, String),
        expected: &[Wanted],
    ) {
        let order_id = net.id("o");
        let doc = self.doc(customer);
        if let Some(told) = doc.keys.get(&key).and_then(|record| record.answer.clone()) {
            net.reply(call, Reply::Told(told));
            return;
        }
        let mut carts = doc.carts.clone();
        let differs = doc.claimed().is_none()
            && !carts.lines().is_empty()
            && !same_lines(carts.lines(), expected);
        if differs && !net.is(Mutant::BlindOrder) {
            net.reply(call, Reply::Told(Told::Changed));
            return;
        }
        match carts.claim(&key, &order_id, 1_000, net.now) {
            Err(refusal) => {
                let told = match refusal {
                    Refusal::Locked => Told::Locked,
                    Refusal::Empty => Told::Empty,
                    _ => Told::Busy,
                };
                net.reply(call, Reply::Told(told));
            }
            Ok(Claimed::Placed { order_id }) => {
                net.reply(call, Reply::Told(Told::Placed(order_id)));
            }
            Ok(Claimed::Under { order_id }) => {
                self.waiters.entry((customer, key)).or_default().push(call);
                self.resolve(net, customer, &order_id);
            }
            Ok(Claimed::Fresh { cart_id, lines, .. }) => {
                if !self.claim(net, (customer, &key), &order_id, &carts) {
                    return;
                }
                if !net.ledger.is_intended(customer, &key, &lines) {
                    net.violation(format!(
                        "I5: nobody asked with key {key:?} for what {order_id} is made of"
                    ));
                }
                let waiters = self.waiters.entry((customer, key.clone())).or_default();
                waiters.push(call);
                self.serial += 1;
                let flow = Flow::new((customer, key), order_id, (cart_id, lines), net.moment);
                self.flows.insert(self.serial, flow);
                self.begin(net, self.serial);
            }
        }
    }

    /// Asks what became of a claim, unless a flow drives it or it was asked already.
    fn resolve(&mut self, net: &mut Net, customer: u8, order_id: &str) {
        let driven = self.flows.values().any(|flow| flow.order_id == order_id);
        let asked = self.resolving.values().any(|(_, other)| other == order_id);
        let Some((claimed, _, cart_id)) = self.doc(customer).claimed() else {
            return;
        };
        if driven || asked || claimed != order_id {
            return;
        }
        let request = Request::Resolve {
            order_id: order_id.to_owned(),
            customer,
            cart_id,
        };
        let call = net.call(
            self.me(),
            Node::Order,
            Some(Step::Resolve),
            RESOLVE_MS,
            request,
        );
        self.resolving.insert(call, (customer, order_id.to_owned()));
    }

    fn resolved(&mut self, net: &mut Net, customer: u8, order_id: &str, reply: &PlaceReply) {
        let Some((claimed, key, _)) = self.doc(customer).claimed() else {
            return;
        };
        if claimed != order_id {
            return;
        }
        match reply {
            PlaceReply::Placed => self.complete(net, customer, &key, order_id),
            PlaceReply::Undone(_) => {
                self.release(net, (customer, &key), order_id, &Told::Busy);
            }
            PlaceReply::Unfinished => {}
        }
    }
}

fn same_lines(one: &[Wanted], other: &[Wanted]) -> bool {
    one.len() == other.len() && one.iter().all(|line| other.contains(line))
}

impl Actor for CartDesk {
    fn request(&mut self, net: &mut Net, call: CallId, request: Request) {
        let about = match &request {
            Request::Fill { customer, .. } | Request::PlaceOrder { customer, .. } => *customer,
            _ => return,
        };
        if self.late.contains_key(&about) && !self.flush(net) {
            return;
        }
        match request {
            Request::Fill { customer, lines } => self.fill(net, call, customer, &lines),
            Request::PlaceOrder {
                customer,
                key,
                expected,
            } => self.place_order(net, call, (customer, key), &expected),
            _ => {}
        }
    }

    fn answer(&mut self, net: &mut Net, call: CallId, result: Result<Reply, Failed>) {
        if let Some((customer, order_id)) = self.resolving.remove(&call) {
            if let Ok(Reply::Place(reply)) = result {
                self.resolved(net, customer, &order_id, &reply);
            }
        } else if let Some((flow, asked)) = self.calls.remove(&call) {
            self.flow_answered(net, flow, asked, result);
        }
    }

    fn wake(&mut self, net: &mut Net, token: u64) {
        if token == FLUSH {
            let _ = self.flush(net);
        } else {
            self.place(net, token);
        }
    }

    fn alarm(&mut self, net: &mut Net) {
        if !self.flush(net) {
            return;
        }
        let now = net.now;
        let me = self.me();
        let drawer = &mut self.drawer;
        if !net.persist(me, None, || {
            drawer.alarm = None;
            drawer.arm(now);
        }) {
            return;
        }
        let claims: Vec<(u8, String)> = self
            .drawer
            .docs
            .iter()
            .filter_map(|(customer, doc)| Some((*customer, doc.claimed()?.0)))
            .collect();
        for (customer, order_id) in claims {
            self.resolve(net, customer, &order_id);
        }
    }

    fn alarm_at(&self) -> Option<i64> {
        self.drawer.alarm
    }

    fn set_alarm(&mut self, at_ms: Option<i64>) {
        self.drawer.alarm = at_ms;
    }

    fn has_work(&self) -> bool {
        self.drawer.has_work()
    }

    fn crash(&mut self, _: &mut Net) {
        let drawer = std::mem::take(&mut self.drawer);
        *self = Self {
            drawer,
            ..Self::new(self.number, self.scene.clone())
        };
    }

    fn at_rest(&self) -> Vec<String> {
        self.drawer
            .docs
            .iter()
            .filter_map(|(customer, doc)| {
                let (order_id, ..) = doc.claimed()?;
                Some(format!(
                    "the cart of {customer} is left claimed for {order_id}"
                ))
            })
            .collect()
    }
}
