//! The claims of a cart desk, from their beginning to one of their two ends, what it
//! writes of them, and whom it tells.
//!
//! A claim lives in memory. What is written first is only the mark that orders may be
//! in the making; what came of a claim is written later.

use domain::cart::Carts;

use super::cart_desk::{Ahead, CartDesk, Completion};
use super::fault::Step;
use super::flow::Flow;
use super::message::{Reply, Told};
use super::mutant::Mutant;
use super::net::Net;

/// The wake-up that writes completions.
pub const FLUSH: u64 = 0;
const FLUSH_WITHIN_MS: i64 = 300;

impl CartDesk {
    pub fn claim(&mut self, net: &mut Net, customer: u8, carts: &Carts) -> bool {
        let me = self.me();
        let now = net.now;
        let marks = !net.is(Mutant::NoMark);
        let drawer = &mut self.drawer;
        if marks
            && !net.persist(me, Some(Step::CartMark), || {
                drawer.marked = true;
                drawer.arm(now);
            })
        {
            return false;
        }
        if !net.is(Mutant::NoClaim) {
            let carts = carts.clone();
            self.ahead.insert(customer, Ahead { carts, done: None });
        }
        true
    }

    /// The claim goes on under a new order id.
    pub fn reclaim(&mut self, net: &mut Net, flow: &Flow, next_id: &str) -> bool {
        let claimed = self
            .ahead
            .get_mut(&flow.customer)
            .is_some_and(|ahead| ahead.carts.reclaim(&flow.order_id, next_id));
        claimed || net.is(Mutant::NoClaim)
    }

    /// The order stands. Whoever waits is told at once; that the cart is completed is
    /// written before anybody changes that cart, or a moment later.
    pub fn complete(&mut self, net: &mut Net, customer: u8, key: &str, order_id: &str) {
        if let Some(ahead) = self.ahead.get_mut(&customer)
            && ahead.carts.complete(order_id, net.now).is_some()
        {
            ahead.done = Some(Completion {
                key: key.to_owned(),
                order_id: order_id.to_owned(),
            });
        }
        let soon_ms = net.now + net.rng.between(0, FLUSH_WITHIN_MS);
        net.wake(self.me(), soon_ms, FLUSH);
        self.tell(net, customer, key, &Told::Placed(order_id.to_owned()));
    }

    /// Writes what is ahead and not being placed. False when the handler must stop: then
    /// it is all still in memory, or the memory is gone and the carts are in doubt.
    #[must_use]
    pub fn flush(&mut self, net: &mut Net) -> bool {
        let is_late = |ahead: &Ahead| ahead.carts.claim_now().is_none();
        if !self.ahead.values().any(is_late) {
            return true;
        }
        let me = self.me();
        let now = net.now;
        let (drawer, ahead) = (&mut self.drawer, &self.ahead);
        let life = drawer.life;
        let written = net.persist(me, Some(Step::CartComplete), || {
            for (customer, ahead) in ahead.iter().filter(|(_, ahead)| is_late(ahead)) {
                let doc = drawer.docs.entry(*customer).or_default();
                doc.carts.clone_from(&ahead.carts);
                doc.life = life;
                if let Some(done) = &ahead.done
                    && !done.key.is_empty()
                {
                    let told = Told::Placed(done.order_id.clone());
                    doc.keys.insert(done.key.clone(), told);
                }
            }
            drawer.arm(now);
        });
        if written {
            self.ahead.retain(|_, ahead| !is_late(ahead));
        }
        written
    }

    /// No order comes of it. A final answer stays with the key; else the key is free.
    pub fn release(
        &mut self,
        net: &mut Net,
        (customer, key): (u8, &str),
        order_id: &str,
        told: &Told,
    ) {
        if let Some(ahead) = self.ahead.get_mut(&customer) {
            ahead.carts.release(order_id);
        }
        if !key.is_empty() && told.is_final() && !net.is(Mutant::ForgottenNo) {
            let me = self.me();
            let drawer = &mut self.drawer;
            let kept = net.persist(me, Some(Step::CartRelease), || {
                let doc = drawer.docs.entry(customer).or_default();
                doc.keys.insert(key.to_owned(), told.clone());
            });
            if !kept {
                return;
            }
        }
        self.tell(net, customer, key, told);
    }

    pub fn tell(&mut self, net: &mut Net, customer: u8, key: &str, told: &Told) {
        let waiters = self.waiters.remove(&(customer, key.to_owned()));
        for call in waiters.unwrap_or_default() {
            net.reply(call, Reply::Told(told.clone()));
        }
    }
}
