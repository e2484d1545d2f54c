//! A customer's carts: the one being filled, and the one last ordered.
//!
//! A cart is `active`, then `placing` while an order is made of it, then
//! `completed`, and is never deleted. While it is placing nobody may change it
//! and no second order can be made of it; what is being placed is a copy taken
//! at the claim. A cart that was completed lately answers a repeated place-order
//! without a key, so that a client which lost its answer finds its order.
//!
//! A claim lives in the memory of the cart's owner. One that lost its memory knows
//! of which carts it cannot be sure, and [doubts](Carts::doubt) them: such a cart
//! is claimed by nobody knows whom, until the order desk has told whether an order
//! was made of it. If none was, it has closed the cart's id, so that none can come
//! any more, and the cart goes on [under another](Carts::reopen).

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::limits::{CART_REPLAY_MS, LINES_MAX, QUANTITY_MAX, Window};
use crate::plan::Wanted;

/// An order in the making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub order_id: String,
    /// The idempotency key that claimed the cart; empty when the cart is the key.
    pub key: String,
    /// Of the request that came with the key, which serves no other.
    #[serde(default)]
    pub fingerprint: String,
    pub since_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cart {
    pub cart_id: String,
    pub lines: Vec<Wanted>,
    pub claim: Option<Claim>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    pub order_id: String,
    pub at_ms: i64,
}

/// All there is of one customer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Carts {
    pub current: Option<Cart>,
    pub address: Option<Address>,
    pub completed: Option<Completed>,
    #[serde(default)]
    pub attempts: Window,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// An order is being made of it.
    Locked,
    /// The key came with another request.
    KeyReused,
    Empty,
    NoAddress,
    TooManyLines,
    BadQuantity,
    TooMany {
        retry_after_s: u32,
    },
}

/// What a place-order finds.
#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    /// The cart is claimed now; place this.
    Fresh {
        cart_id: String,
        lines: Vec<Wanted>,
        address: Box<Address>,
    },
    /// The same request is being placed already: wait for its end.
    Under { order_id: String },
    /// It was placed: answer with that order.
    Placed { order_id: String },
}

impl Carts {
    pub fn lines(&self) -> &[Wanted] {
        self.current.as_ref().map_or(&[], |cart| &cart.lines)
    }

    fn editable(&mut self, new_id: impl FnOnce() -> String) -> Result<&mut Cart, Refusal> {
        let cart = self.current.get_or_insert_with(|| Cart {
            cart_id: new_id(),
            lines: Vec::new(),
            claim: None,
        });
        if cart.claim.is_some() {
            return Err(Refusal::Locked);
        }
        Ok(cart)
    }

    pub fn set_line(
        &mut self,
        sku: &str,
        quantity: i64,
        new_id: impl FnOnce() -> String,
    ) -> Result<(), Refusal> {
        if !(1..=QUANTITY_MAX).contains(&quantity) {
            return Err(Refusal::BadQuantity);
        }
        let cart = self.editable(new_id)?;
        if let Some(line) = cart.lines.iter_mut().find(|line| line.sku == sku) {
            line.quantity = quantity;
            return Ok(());
        }
        if cart.lines.len() >= LINES_MAX {
            return Err(Refusal::TooManyLines);
        }
        cart.lines.push(Wanted {
            sku: sku.to_owned(),
            quantity,
        });
        Ok(())
    }

    pub fn remove_line(&mut self, sku: &str) -> Result<(), Refusal> {
        let Some(cart) = &mut self.current else {
            return Ok(());
        };
        if cart.claim.is_some() {
            return Err(Refusal::Locked);
        }
        cart.lines.retain(|line| line.sku != sku);
        Ok(())
    }

    pub fn set_address(&mut self, address: Address) -> Result<(), Refusal> {
        if self
            .current
            .as_ref()
            .is_some_and(|cart| cart.claim.is_some())
        {
            return Err(Refusal::Locked);
        }
        self.address = Some(address);
        Ok(())
    }

    /// Claims the cart for `order_id`, or says what became of it already. Only a
    /// fresh claim counts against the limit.
    pub fn claim(
        &mut self,
        (key, fingerprint): (&str, &str),
        order_id: &str,
        per_minute: u32,
        now_ms: i64,
    ) -> Result<Claimed, Refusal> {
        if let Some(claim) = self.claim_now() {
            if claim.key != key {
                return Err(Refusal::Locked);
            }
            if !key.is_empty() && claim.fingerprint != fingerprint {
                return Err(Refusal::KeyReused);
            }
            return Ok(Claimed::Under {
                order_id: claim.order_id.clone(),
            });
        }
        if self.lines().is_empty() {
            // Without a key the cart is the key, for as long as nothing newer is in it.
            return match &self.completed {
                Some(done)
                    if key.is_empty() && now_ms.saturating_sub(done.at_ms) < CART_REPLAY_MS =>
                {
                    Ok(Claimed::Placed {
                        order_id: done.order_id.clone(),
                    })
                }
                _ => Err(Refusal::Empty),
            };
        }
        let Some(address) = self.address.clone() else {
            return Err(Refusal::NoAddress);
        };
        self.attempts
            .admit(per_minute, now_ms)
            .map_err(|retry_after_s| Refusal::TooMany { retry_after_s })?;
        let Some(cart) = &mut self.current else {
            return Err(Refusal::Empty);
        };
        cart.claim = Some(Claim {
            order_id: order_id.to_owned(),
            key: key.to_owned(),
            fingerprint: fingerprint.to_owned(),
            since_ms: now_ms,
        });
        Ok(Claimed::Fresh {
            cart_id: cart.cart_id.clone(),
            lines: cart.lines.clone(),
            address: Box::new(address),
        })
    }

    /// The claim on the cart, if it is being placed.
    pub fn claim_now(&self) -> Option<&Claim> {
        self.current.as_ref()?.claim.as_ref()
    }

    /// An order may have been made of the cart, and its owner does not remember. False
    /// when there is nothing of which one could have been made.
    pub fn doubt(&mut self, now_ms: i64) -> bool {
        match &mut self.current {
            Some(cart) if cart.claim.is_none() && !cart.lines.is_empty() => {
                cart.claim = Some(Claim {
                    order_id: String::new(),
                    key: String::new(),
                    fingerprint: String::new(),
                    since_ms: now_ms,
                });
                true
            }
            _ => false,
        }
    }

    /// This order was made of the cart, for that request.
    pub fn found(&mut self, order_id: &str, key: &str, fingerprint: &str) {
        if let Some(claim) = self.current.as_mut().and_then(|cart| cart.claim.as_mut()) {
            order_id.clone_into(&mut claim.order_id);
            key.clone_into(&mut claim.key);
            fingerprint.clone_into(&mut claim.fingerprint);
        }
    }

    /// No order was made of the cart, and none can be any more under its id: it goes on
    /// under a new one. Does nothing when the cart has another id by now.
    pub fn reopen(&mut self, cart_id: &str, new_id: impl FnOnce() -> String) {
        if let Some(cart) = self.current.as_mut()
            && cart.cart_id == cart_id
        {
            cart.cart_id = new_id();
            cart.claim = None;
        }
    }

    /// The claim goes on under another order id, because a new plan is tried.
    /// False when the cart is not claimed for `order_id` (any more).
    pub fn reclaim(&mut self, order_id: &str, next_order_id: &str) -> bool {
        match self.claim_of(order_id) {
            Some(claim) => {
                next_order_id.clone_into(&mut claim.order_id);
                true
            }
            None => false,
        }
    }

    /// No order came of it: the cart is the customer's again. Safe to repeat.
    pub fn release(&mut self, order_id: &str) {
        if self.claim_of(order_id).is_some()
            && let Some(cart) = &mut self.current
        {
            cart.claim = None;
        }
    }

    /// The order stands: the cart is completed and goes to the record. `None`
    /// when that was done before.
    pub fn complete(&mut self, order_id: &str, now_ms: i64) -> Option<Cart> {
        self.claim_of(order_id)?;
        self.completed = Some(Completed {
            order_id: order_id.to_owned(),
            at_ms: now_ms,
        });
        self.current.take()
    }

    /// The order that was made of the last cart came to nothing: its goods are in the cart
    /// again, unless there is something newer in it. True when they are. Safe to repeat:
    /// an order gives its goods back once.
    pub fn give_back(
        &mut self,
        order_id: &str,
        lines: &[Wanted],
        new_id: impl FnOnce() -> String,
    ) -> bool {
        let is_last = |done: &Completed| done.order_id == order_id;
        if !self.completed.as_ref().is_some_and(is_last) || self.claim_now().is_some() {
            return false;
        }
        self.completed = None;
        if !self.lines().is_empty() {
            return false;
        }
        self.current = Some(Cart {
            cart_id: new_id(),
            lines: lines.to_vec(),
            claim: None,
        });
        true
    }

    fn claim_of(&mut self, order_id: &str) -> Option<&mut Claim> {
        self.current
            .as_mut()?
            .claim
            .as_mut()
            .filter(|claim| claim.order_id == order_id)
    }
}

#[cfg(test)]
mod tests;
