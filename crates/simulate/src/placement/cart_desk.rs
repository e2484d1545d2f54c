//! The object that keeps carts and makes orders of them.
//!
//! Durable: the carts of each customer, the records of keys, and the mark that orders
//! may be in the making. In memory: carts that are ahead of what is written, the flows
//! that are under way and those who wait for their end. A desk that lost its memory
//! under the mark is in doubt about every cart with goods in it, until the cart's order
//! desk has told what became of it; so is one whose flow ended without knowing. Between
//! its write and its answer a flow may vanish at any line.

use std::collections::BTreeMap;

use domain::cart::{Carts, Claim, Claimed, Refusal};
use domain::plan::Wanted;

use super::claims::FLUSH;
use super::drawer::{Doc, Drawer};
use super::fault::Step;
use super::flow::{Asked, Flow};
use super::message::{CallId, CartFate, Failed, Node, Reply, Request, Told};
use super::mutant::Mutant;
use super::net::Net;
use super::scene::Scene;
use super::world::Actor;

const RESOLVE_MS: i64 = 5_000;

#[derive(Debug)]
pub struct Completion {
    pub key: String,
    pub order_id: String,
}

/// A cart that is ahead of what is written: claimed, or no more.
#[derive(Debug)]
pub struct Ahead {
    pub carts: Carts,
    pub done: Option<Completion>,
}

#[derive(Debug)]
pub struct CartDesk {
    pub number: u8,
    pub drawer: Drawer,
    pub scene: Scene,
    pub flows: BTreeMap<u64, Flow>,
    pub calls: BTreeMap<CallId, (u64, Asked)>,
    pub ahead: BTreeMap<u8, Ahead>,
    /// What was seen of each SKU last: good enough to plan with, never to refuse with.
    pub hints: BTreeMap<String, Vec<(u16, domain::stock::SeenRow)>>,
    resolving: BTreeMap<CallId, (u8, String)>,
    /// Requests about carts in doubt.
    held_up: BTreeMap<u8, Vec<(CallId, Request)>>,
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
            ahead: BTreeMap::new(),
            hints: BTreeMap::new(),
            resolving: BTreeMap::new(),
            held_up: BTreeMap::new(),
            waiters: BTreeMap::new(),
            serial: 0,
        }
    }

    pub fn me(&self) -> Node {
        Node::Cart(self.number)
    }

    fn fill(&mut self, net: &mut Net, call: CallId, customer: u8, lines: &[Wanted]) {
        let cart_id = net.id("c");
        let mut carts = self.carts(customer);
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
        if changed.is_err() || !self.flush(net) {
            net.reply(call, Reply::Done(false));
            return;
        }
        let life = self.drawer.life;
        let doc = self.drawer.docs.entry(customer).or_default();
        let me = Node::Cart(self.number);
        let written = net.persist(me, None, || {
            doc.carts.clone_from(&carts);
            doc.life = life;
        });
        if written {
            net.reply(call, Reply::Done(true));
        }
    }

    /// A customer's carts as they are.
    pub fn carts(&mut self, customer: u8) -> Carts {
        match self.ahead.get(&customer) {
            Some(ahead) => ahead.carts.clone(),
            None => self.doc(customer).carts.clone(),
        }
    }

    fn claimed(&self, customer: u8) -> Option<&Claim> {
        self.ahead.get(&customer)?.carts.claim_now()
    }

    /// Whether it is known what became of the customer's cart. If not, it is asked.
    fn is_certain(&mut self, net: &mut Net, customer: u8) -> bool {
        let life = self.drawer.life;
        let doc = self.doc(customer);
        if doc.life < life && !self.ahead.contains_key(&customer) {
            let mut carts = self.doc(customer).carts.clone();
            if carts.doubt(net.now) {
                self.ahead.insert(customer, Ahead { carts, done: None });
            }
        }
        if !self.resolve(net, customer) {
            return true;
        }
        let (me, now, drawer) = (self.me(), net.now, &mut self.drawer);
        let _ = net.persist(me, None, || drawer.arm_anyway(now));
        false
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
        if self.claimed(customer).is_none() && !self.flush(net) {
            return;
        }
        if let Some(told) = self.doc(customer).keys.get(&key).cloned() {
            net.reply(call, Reply::Told(told));
            return;
        }
        let mut carts = self.carts(customer);
        let differs = carts.claim_now().is_none()
            && !carts.lines().is_empty()
            && !same_lines(carts.lines(), expected);
        if differs && !net.is(Mutant::BlindOrder) {
            net.reply(call, Reply::Told(Told::Changed));
            return;
        }
        match carts.claim((&key, ""), &order_id, 1_000, net.now) {
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
            Ok(Claimed::Under { .. }) => {
                self.waiters.entry((customer, key)).or_default().push(call);
                self.resolve(net, customer);
            }
            Ok(Claimed::Fresh { cart_id, lines, .. }) => {
                if !self.claim(net, customer, &carts) {
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

    /// Asks what became of a claimed cart, unless a flow drives it. Whether it is asked.
    fn resolve(&mut self, net: &mut Net, customer: u8) -> bool {
        let carts = self.carts(customer);
        let driven = self.flows.values().any(|flow| flow.customer == customer);
        let Some(cart) = carts.current.filter(|cart| cart.claim.is_some() && !driven) else {
            return false;
        };
        if self.resolving.values().any(|(other, _)| *other == customer) {
            return true;
        }
        let cart_id = cart.cart_id;
        let request = Request::Resolve {
            customer,
            cart_id: cart_id.clone(),
        };
        let me = self.me();
        let call = net.call(me, Node::Order, Some(Step::Resolve), RESOLVE_MS, request);
        self.resolving.insert(call, (customer, cart_id));
        true
    }

    fn resolved(&mut self, net: &mut Net, customer: u8, cart_id: &str, fate: CartFate) {
        let new_id = net.id("c");
        let same = net.is(Mutant::SameCart);
        let Some(ahead) = self.ahead.get_mut(&customer) else {
            return;
        };
        match fate {
            CartFate::Placed { order_id, key } => {
                ahead.carts.found(&order_id, &key, "");
                self.complete(net, customer, &key, &order_id);
            }
            CartFate::Closed => {
                let key = ahead.carts.claim_now().map(|claim| claim.key.clone());
                ahead
                    .carts
                    .reopen(cart_id, || if same { cart_id.to_owned() } else { new_id });
                if let Some(key) = key {
                    self.tell(net, customer, &key, &Told::Busy);
                }
            }
            CartFate::Unfinished => {}
        }
    }

    /// Requests that waited are taken up. A cart that is still in doubt is locked.
    fn go_on(&mut self, net: &mut Net, customer: u8) {
        let in_doubt = self
            .claimed(customer)
            .is_some_and(|claim| claim.order_id.is_empty());
        for (call, request) in self.held_up.remove(&customer).unwrap_or_default() {
            if !in_doubt {
                self.handle(net, call, request);
            } else if matches!(request, Request::Fill { .. }) {
                net.reply(call, Reply::Done(false));
            } else {
                net.reply(call, Reply::Told(Told::Unknown));
            }
        }
    }

    fn handle(&mut self, net: &mut Net, call: CallId, request: Request) {
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
        if self.is_certain(net, about) {
            self.handle(net, call, request);
        } else {
            self.held_up.entry(about).or_default().push((call, request));
        }
    }

    fn answer(&mut self, net: &mut Net, call: CallId, result: Result<Reply, Failed>) {
        if let Some((customer, cart_id)) = self.resolving.remove(&call) {
            if let Ok(Reply::Fate(fate)) = result {
                self.resolved(net, customer, &cart_id, fate);
            }
            self.go_on(net, customer);
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
        let busy = !self.ahead.is_empty();
        let drawer = &mut self.drawer;
        if !net.persist(me, None, || {
            drawer.marked &= busy;
            drawer.alarm = None;
            if busy {
                drawer.arm_anyway(now);
            }
        }) {
            return;
        }
        let claimed: Vec<u8> = self.ahead.keys().copied().collect();
        for customer in claimed {
            self.resolve(net, customer);
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
        let mut drawer = std::mem::take(&mut self.drawer);
        drawer.life += u64::from(drawer.marked);
        *self = Self {
            drawer,
            ..Self::new(self.number, self.scene.clone())
        };
    }

    fn at_rest(&self) -> Vec<String> {
        let mut left: Vec<String> = self
            .ahead
            .keys()
            .map(|customer| format!("the cart of {customer} is left ahead"))
            .collect();
        if self.drawer.marked {
            left.push(format!("cart desk {} is left marked", self.number));
        }
        left
    }
}
