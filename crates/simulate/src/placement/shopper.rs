//! Shoppers: they fill a cart, order, lose answers, ask again, and leave.
//!
//! One who stays asks until it is known what became of the order, so at rest
//! everybody who stayed has a final answer.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::Step;
use super::message::{CART_DESKS, CallId, Failed, Node, Reply, Request, Told};
use super::net::Net;
use super::scene::{Purchase, Scene};
use super::world::Actor;

const PATIENCE_MS: i64 = 20_000;
/// Far more often than anybody would have to ask once faults have ended.
const ASKS_MAX: u32 = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Filling,
    Ordering,
    AskingAgain,
}

#[derive(Debug)]
pub struct Shopper {
    number: u8,
    scene: Scene,
    current: usize,
    doing: Doing,
    asks: u32,
    /// Calls of this purchase that are not answered yet.
    calls: BTreeSet<CallId>,
    /// The key of every call there ever was.
    keys: BTreeMap<CallId, String>,
    /// What is left unanswered of those who were to stay.
    unanswered: Vec<String>,
}

impl Shopper {
    pub fn new(number: u8, scene: Scene) -> Self {
        Self {
            number,
            scene,
            current: 0,
            doing: Doing::Filling,
            asks: 0,
            calls: BTreeSet::new(),
            keys: BTreeMap::new(),
            unanswered: Vec::new(),
        }
    }

    fn purchase(&self) -> Option<Purchase> {
        let all = self.scene.shoppers.get(usize::from(self.number))?;
        all.get(self.current).cloned()
    }

    fn me(&self) -> Node {
        Node::Shopper(self.number)
    }

    fn act(&mut self, net: &mut Net) {
        let Some(purchase) = self.purchase() else {
            return;
        };
        let desk = Node::Cart(self.number % CART_DESKS);
        let customer = self.number;
        let key = purchase.key.clone();
        let (times, step, request) = if self.doing == Doing::Filling {
            let lines = purchase.lines;
            (1, None, Request::Fill { customer, lines })
        } else {
            let once = self.asks > 0 || self.doing == Doing::AskingAgain;
            let times = if once { 1 } else { 1 + purchase.copies };
            net.ledger.intends(customer, &purchase.key, &purchase.lines);
            let request = Request::PlaceOrder {
                customer,
                key: purchase.key,
                expected: purchase.lines,
            };
            (times, Some(Step::CartMark), request)
        };
        self.asks += 1;
        for _ in 0..times {
            let call = net.call(self.me(), desk, step, PATIENCE_MS, request.clone());
            self.calls.insert(call);
            self.keys.insert(call, key.clone());
        }
    }

    fn turn(&mut self, net: &mut Net, doing: Doing, after_ms: i64) {
        self.doing = doing;
        self.asks = 0;
        self.calls.clear();
        net.wake(self.me(), net.now + after_ms, 0);
    }

    fn next(&mut self, net: &mut Net) {
        self.current += 1;
        let after_ms = self.purchase().map_or(0, |purchase| purchase.after_ms);
        self.turn(net, Doing::Filling, after_ms);
    }

    /// Asks again later, or leaves.
    fn again(&mut self, net: &mut Net, stays: bool) {
        if stays && self.asks < ASKS_MAX {
            let pause_ms = net.rng.between(50, 3_000);
            net.wake(self.me(), net.now + pause_ms, 0);
            return;
        }
        if stays {
            let text = format!("shopper {} never got an answer", self.number);
            self.unanswered.push(text);
        }
        self.next(net);
    }

    /// Whatever is told is remembered, even when nobody waits for it any more.
    fn heard(&mut self, net: &mut Net, call: CallId, told: &Told) {
        let key = self.keys.remove(&call).unwrap_or_default();
        if let Some(first) = net.ledger.tell(self.number, &key, told) {
            net.violation(format!(
                "I5: shopper {} with key {key} was told {first:?}, then {told:?}",
                self.number
            ));
        }
    }

    fn told(&mut self, net: &mut Net, purchase: &Purchase, told: &Told) {
        match told {
            Told::Placed(_) | Told::Short(_) => {
                let asks = self.doing == Doing::Ordering && purchase.asks_again;
                if asks && matches!(told, Told::Placed(_)) {
                    let pause_ms = net.rng.between(0, 2_000);
                    self.turn(net, Doing::AskingAgain, pause_ms);
                } else {
                    self.next(net);
                }
            }
            Told::Changed | Told::Empty => self.next(net),
            Told::Busy | Told::Unknown | Told::Locked => {
                if self.calls.is_empty() {
                    self.again(net, purchase.stays);
                }
            }
        }
    }
}

impl Actor for Shopper {
    fn request(&mut self, _: &mut Net, _: CallId, _: Request) {}

    fn answer(&mut self, net: &mut Net, call: CallId, result: Result<Reply, Failed>) {
        if let Ok(Reply::Told(told)) = &result {
            self.heard(net, call, told);
        }
        if !self.calls.remove(&call) {
            return;
        }
        let Some(purchase) = self.purchase() else {
            return;
        };
        match result {
            Ok(Reply::Told(told)) => self.told(net, &purchase, &told),
            Ok(Reply::Done(true)) => self.turn(net, Doing::Ordering, 0),
            // The cart is locked, or it is not known whether it was filled.
            _ if self.doing == Doing::Filling => self.again(net, true),
            _ if self.calls.is_empty() => self.again(net, purchase.stays),
            _ => {}
        }
    }

    fn wake(&mut self, net: &mut Net, _: u64) {
        self.act(net);
    }

    fn at_rest(&self) -> Vec<String> {
        let mut left = self.unanswered.clone();
        if self.purchase().is_some() {
            left.push(format!("shopper {} is still waiting", self.number));
        }
        left
    }
}
