//! What a cart desk keeps in its storage: the carts of each customer and the life in
//! which each was written, the records of idempotency keys, the mark that orders may
//! be in the making, and the one timer. While the mark is set there is a timer (A6).

use std::collections::BTreeMap;

use domain::cart::Carts;

use super::message::Told;

/// How soon the timer asks again about claims that no flow drives.
const ASK_AGAIN_MS: i64 = 3_000;

#[derive(Debug, Clone, Default)]
pub struct Doc {
    pub carts: Carts,
    pub life: u64,
    pub keys: BTreeMap<String, Told>,
}

#[derive(Debug, Default)]
pub struct Drawer {
    pub docs: BTreeMap<u8, Doc>,
    pub life: u64,
    pub marked: bool,
    pub alarm: Option<i64>,
}

impl Drawer {
    pub fn has_work(&self) -> bool {
        self.marked
    }

    /// Part of every write. A timer that is sooner stays as it is.
    pub fn arm(&mut self, now_ms: i64) {
        if self.has_work() {
            self.arm_anyway(now_ms);
        }
    }

    /// Somebody has to look again, though nothing is written about it.
    pub fn arm_anyway(&mut self, now_ms: i64) {
        let due = now_ms + ASK_AGAIN_MS;
        self.alarm = Some(self.alarm.map_or(due, |set| set.min(due)));
    }
}
