//! What a cart desk writes of a claim, from its beginning to one of its two ends,
//! and whom it tells.

use domain::cart::Carts;

use super::cart_desk::{CartDesk, Completion};
use super::drawer::KeyRecord;
use super::fault::Step;
use super::flow::Flow;
use super::message::{Reply, Told};
use super::mutant::Mutant;
use super::net::Net;

/// The wake-up that writes completions.
pub const FLUSH: u64 = 0;
const FLUSH_WITHIN_MS: i64 = 300;

impl CartDesk {
    pub fn claim(
        &mut self,
        net: &mut Net,
        (customer, key): (u8, &str),
        order_id: &str,
        carts: &Carts,
    ) -> bool {
        let me = self.me();
        let now = net.now;
        let claimed = !net.is(Mutant::NoClaim);
        let drawer = &mut self.drawer;
        net.persist(me, Some(Step::CartClaim), || {
            let doc = drawer.docs.entry(customer).or_default();
            if claimed {
                doc.carts.clone_from(carts);
            }
            if !key.is_empty() {
                let record = KeyRecord {
                    order_id: order_id.to_owned(),
                    answer: None,
                };
                doc.keys.insert(key.to_owned(), record);
            }
            drawer.arm(now);
        })
    }

    /// The claim goes on under a new order id.
    pub fn reclaim(&mut self, net: &mut Net, flow: &Flow, next_id: &str) -> bool {
        let me = self.me();
        let mut doc = self.doc(flow.customer).clone();
        if !doc.carts.reclaim(&flow.order_id, next_id) && !net.is(Mutant::NoClaim) {
            return false;
        }
        if let Some(record) = doc.keys.get_mut(&flow.key) {
            next_id.clone_into(&mut record.order_id);
        }
        let drawer = &mut self.drawer;
        let now = net.now;
        net.persist(me, Some(Step::CartClaim), || {
            drawer.docs.insert(flow.customer, doc.clone());
            drawer.arm(now);
        })
    }

    /// The order stands. That the cart is completed follows from its claim and from
    /// the order's desk, so whoever waits is told at once, and it is written before
    /// anybody looks at that cart, or a moment later.
    pub fn complete(&mut self, net: &mut Net, customer: u8, key: &str, order_id: &str) {
        let completion = Completion {
            key: key.to_owned(),
            order_id: order_id.to_owned(),
            at_ms: net.now,
        };
        self.late.insert(customer, completion);
        let soon_ms = net.now + net.rng.between(0, FLUSH_WITHIN_MS);
        net.wake(self.me(), soon_ms, FLUSH);
        self.tell(net, customer, key, &Told::Placed(order_id.to_owned()));
    }

    /// Writes the completions that gathered. Should that fail they are forgotten: the
    /// claims stay, and the timer comes to the same. False when the handler must stop.
    #[must_use]
    pub fn flush(&mut self, net: &mut Net) -> bool {
        let late = std::mem::take(&mut self.late);
        if late.is_empty() {
            return true;
        }
        let me = self.me();
        let now = net.now;
        let drawer = &mut self.drawer;
        net.persist(me, Some(Step::CartComplete), || {
            for (customer, done) in &late {
                let doc = drawer.docs.entry(*customer).or_default();
                doc.carts.complete(&done.order_id, done.at_ms);
                if let Some(record) = doc.keys.get_mut(&done.key) {
                    record.answer = Some(Told::Placed(done.order_id.clone()));
                }
            }
            drawer.arm(now);
        })
    }

    /// No order comes of it. A final answer stays with the key; else the key is free.
    pub fn release(
        &mut self,
        net: &mut Net,
        (customer, key): (u8, &str),
        order_id: &str,
        told: &Told,
    ) {
        let me = self.me();
        let now = net.now;
        let keeps = told.is_final() && !net.is(Mutant::ForgottenNo);
        let drawer = &mut self.drawer;
        let done = net.persist(me, Some(Step::CartRelease), || {
            let doc = drawer.docs.entry(customer).or_default();
            doc.carts.release(order_id);
            if keeps {
                if let Some(record) = doc.keys.get_mut(key) {
                    record.answer = Some(told.clone());
                }
            } else {
                doc.keys.remove(key);
            }
            drawer.arm(now);
        });
        if done {
            self.tell(net, customer, key, told);
        }
    }

    pub fn tell(&mut self, net: &mut Net, customer: u8, key: &str, told: &Told) {
        let waiters = self.waiters.remove(&(customer, key.to_owned()));
        for call in waiters.unwrap_or_default() {
            net.reply(call, Reply::Told(told.clone()));
        }
    }
}
