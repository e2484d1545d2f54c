//! Carts of which this life of the desk cannot be sure.
//!
//! A crash takes the claims along. A cart that was last written in a former life,
//! and has goods in it, may have been ordered since; so may one whose order desk
//! did not answer. Both are claimed until that desk has told what became of the
//! cart. If no order was made of it, the order desk closes its id before it says
//! so, and the cart goes on under another: whatever of the former life is still on
//! its way then comes to nothing. Safe to repeat: asking changes nothing that the
//! first asking did not.
//!
//! Shoppers who stay away are not waited for: after a crash the alarm goes through
//! the carts of former lives and completes those of which an order was made. The
//! others stay in doubt, which costs nothing until somebody comes for them.

use std::collections::BTreeMap;
use std::rc::Rc;

use contract::order::{AskFates, Asked, CartFate, ORDER_DESK, ResolveCart};
use contract::{Problem, code};
use domain::cart::Carts;
use domain::limits::KEY_WAIT_MS;
use domain::placement::backoff_ms;
use edge::call::{To, call};
use edge::{Scope, clock, http, telemetry};
use futures::channel::oneshot;
use futures::future::{Either, select};

use super::placing::{order_desk, unknown};
use super::{Ahead, Desk, Ending};

/// Times that the order desk is asked for one who waits.
const TRIES_MAX: u32 = 4;

impl Desk {
    /// A customer's carts, once it is known what became of them. A claim that is still
    /// on them is one that somebody works on, or one of which nothing could be learnt.
    pub(super) async fn certain(
        self: &Rc<Self>,
        scope: &Scope,
        customer: &str,
    ) -> Result<Carts, Problem> {
        if !self.ahead.borrow().contains_key(customer) {
            let Some(known) = self.rows.carts(customer)? else {
                return Ok(Carts::default());
            };
            let mut carts = known.carts;
            if known.life >= self.life || !carts.doubt(clock::now_ms()) {
                return Ok(carts);
            }
            let doubted = Ahead { carts, done: None };
            self.ahead.borrow_mut().insert(customer.to_owned(), doubted);
        }
        let nobody_works_on_it = self.carts(customer)?.claim_now().is_some()
            && !self.placing.borrow().contains_key(customer);
        if nobody_works_on_it {
            let ending = self.end_of(scope, customer);
            let soon = clock::now_ms().saturating_add(self.recover_after_ms);
            self.wake_by(soon).await.map_err(http::internal)?;
            // Whatever it was, the carts tell now.
            let _ = in_time(ending).await;
        }
        self.carts(customer)
    }

    /// How the placing of this customer's cart ends. If nobody works on it, somebody
    /// finds out now.
    pub(super) fn end_of(
        self: &Rc<Self>,
        scope: &Scope,
        customer: &str,
    ) -> oneshot::Receiver<Ending> {
        if let Some(waiting) = self.placing.borrow_mut().get_mut(customer) {
            let (sender, receiver) = oneshot::channel();
            waiting.push(sender);
            return receiver;
        }
        telemetry::count("claims_resumed", &[], 1);
        let (desk, scope, customer) = (Rc::clone(self), scope.clone(), customer.to_owned());
        self.spawn(customer.clone(), async move {
            desk.find_out(&scope, &customer).await
        })
    }

    async fn find_out(self: &Rc<Self>, scope: &Scope, customer: &str) -> Ending {
        let Some(cart) = self.carts(customer)?.current else {
            return Err(unknown(""));
        };
        let at = order_desk(&cart.cart_id);
        for attempt in 1..=TRIES_MAX {
            let resolve = ResolveCart {
                cart_id: cart.cart_id.clone(),
                customer_id: customer.to_owned(),
            };
            match call(&self.env, scope, To::Object(ORDER_DESK, &at), resolve).await {
                Ok(CartFate::Placed {
                    order_id,
                    asked,
                    body,
                }) => {
                    self.was_placed(customer, &order_id, &asked, &body);
                    return Ok(body);
                }
                Ok(CartFate::Closed) => {
                    let new_id = || self.new_id(customer);
                    self.with_carts(customer, |carts| carts.reopen(&cart.cart_id, new_id));
                    let detail = "the order was not placed; try again";
                    return Err(Problem::new(code::UNAVAILABLE, detail).retry_after(1));
                }
                _ => clock::pause(backoff_ms(attempt)).await,
            }
        }
        Err(unknown(""))
    }

    /// Goes through the carts of former lives.
    pub(super) async fn sweep(self: &Rc<Self>) -> Result<(), Problem> {
        loop {
            let Some(after) = self.sweep.borrow().clone() else {
                return Ok(());
            };
            let page = self.rows.of_former_lives(self.life, &after)?;
            let Some(last) = page.last() else {
                self.rows.swept()?;
                self.sweep.take();
                return Ok(());
            };
            let last = last.customer_id.clone();
            let mut by_desk: BTreeMap<String, Vec<(String, Carts)>> = BTreeMap::new();
            for row in page {
                let Some(mut carts) = row.carts() else {
                    continue;
                };
                let ours = self.ahead.borrow().contains_key(&row.customer_id);
                if !ours && carts.doubt(clock::now_ms()) {
                    let cart_id = carts.current.as_ref().map_or("", |cart| &cart.cart_id);
                    let of_desk = by_desk.entry(order_desk(cart_id)).or_default();
                    of_desk.push((row.customer_id, carts));
                }
            }
            for (at, doubted) in by_desk {
                self.ask_of(&at, doubted).await?;
            }
            self.sweep.replace(Some(last));
        }
    }

    /// Completes those of the carts of which the order desk has made an order.
    async fn ask_of(
        self: &Rc<Self>,
        at: &str,
        doubted: Vec<(String, Carts)>,
    ) -> Result<(), Problem> {
        let id = |(_, carts): &(String, Carts)| {
            let cart = carts.current.as_ref();
            cart.map_or_else(String::new, |cart| cart.cart_id.clone())
        };
        let ask = AskFates {
            cart_ids: doubted.iter().map(id).collect(),
        };
        let fates = call(
            &self.env,
            &Scope::default(),
            To::Object(ORDER_DESK, at),
            ask,
        )
        .await
        .map_err(|error| error.into_problem("order.fates"))?;
        for ((customer, carts), fate) in doubted.into_iter().zip(fates) {
            // Somebody may have come for it meanwhile.
            if fate.is_none() || self.ahead.borrow().contains_key(&customer) {
                continue;
            }
            let still = self.rows.carts(&customer)?;
            if still.is_none_or(|known| known.life >= self.life) {
                continue;
            }
            let ahead = Ahead { carts, done: None };
            self.ahead.borrow_mut().insert(customer.clone(), ahead);
            if let Some(CartFate::Placed {
                order_id,
                asked,
                body,
            }) = fate
            {
                self.was_placed(&customer, &order_id, &asked, &body);
            }
        }
        Ok(())
    }

    fn was_placed(self: &Rc<Self>, customer: &str, order_id: &str, asked: &Asked, body: &str) {
        self.with_carts(customer, |carts| {
            carts.found(order_id, &asked.key, &asked.fingerprint);
        });
        self.complete(customer, order_id, body);
    }

    /// Claims that nobody works on, since their outcome was not known.
    pub(super) async fn recover(self: &Rc<Self>) {
        let claimed: Vec<String> = {
            let (ahead, placing) = (self.ahead.borrow(), self.placing.borrow());
            let claimed = ahead.iter().filter(|(customer, ahead)| {
                ahead.carts.claim_now().is_some() && !placing.contains_key(*customer)
            });
            claimed.map(|(customer, _)| customer.clone()).collect()
        };
        for customer in claimed {
            // What came of it is kept; nobody waits for it here.
            let _ = self.end_of(&Scope::default(), &customer).await;
        }
    }
}

/// Waits for an ending, within a bound.
pub(super) async fn in_time(ending: oneshot::Receiver<Ending>) -> Ending {
    let time = Box::pin(clock::pause(KEY_WAIT_MS));
    match select(ending, time).await {
        Either::Left((Ok(ending), _)) => ending,
        _ => Err(Problem::new(
            code::IN_PROGRESS,
            "the first request with this key is still being worked on; repeat this one",
        )
        .retry_after(1)),
    }
}
