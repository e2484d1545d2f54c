//! What a cart desk keeps in its storage: the carts of each customer, the records
//! of idempotency keys, and the one timer. While any cart is claimed there is a
//! timer (A6).

use std::collections::BTreeMap;

use domain::cart::Carts;

use super::message::Told;

/// How soon the timer asks again about claims that no flow drives.
const ASK_AGAIN_MS: i64 = 3_000;

#[derive(Debug, Clone)]
pub struct KeyRecord {
    pub order_id: String,
    pub answer: Option<Told>,
}

#[derive(Debug, Clone, Default)]
pub struct Doc {
    pub carts: Carts,
    pub keys: BTreeMap<String, KeyRecord>,
}

impl Doc {
    /// The order that the cart is claimed for, and the key that claimed it.
    pub fn claimed(&self) -> Option<(String, String, String)> {
        let cart = self.carts.current.as_ref()?;
        let claim = cart.claim.as_ref()?;
        Some((
            claim.order_id.clone(),
            claim.key.clone(),
            cart.cart_id.clone(),
        ))
    }
}

#[derive(Debug, Default)]
pub struct Drawer {
    pub docs: BTreeMap<u8, Doc>,
    pub alarm: Option<i64>,
}

impl Drawer {
    pub fn has_work(&self) -> bool {
        self.docs.values().any(|doc| doc.claimed().is_some())
    }

    /// Part of every write. A timer that is sooner stays as it is.
    pub fn arm(&mut self, now_ms: i64) {
        let due = self.has_work().then_some(now_ms + ASK_AGAIN_MS);
        self.alarm = match (due, self.alarm) {
            (Some(due), Some(set)) => Some(due.min(set)),
            (due, _) => due,
        };
    }
}
