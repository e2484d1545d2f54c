//! What an order desk keeps in its storage: the rows of its orders, their chores,
//! and the one timer. A row is written before the first side effect, before anything
//! is given back, when it is stuck, once it has ended, and whenever the order's life
//! goes on. While anything is unfinished there is a timer (A6).

use std::collections::BTreeMap;

use domain::lifecycle::{Life, Method, Mode, StockChore};
use domain::placement::{Cause, Phase, Placement};
use domain::plan::Allocation;

use super::message::{Content, PlaceReply};

/// How an order's life begins here.
pub fn placed() -> Life {
    Life::placed(Method::Card, Mode::Warehouse)
}

/// How soon the timer looks again at what is unfinished.
const LOOK_AGAIN_MS: i64 = 2_000;

#[derive(Debug, Clone)]
pub struct Chore {
    pub kind: StockChore,
    pub shard: u16,
    pub done: bool,
}

#[derive(Debug, Clone)]
pub struct OrderRow {
    pub customer: u8,
    pub cart_id: String,
    pub key: String,
    pub lines: Vec<Allocation>,
    pub placement: Placement,
    pub life: Option<Life>,
    pub chores: Vec<Chore>,
    pub pay_by_ms: i64,
    pub journaled_ms: i64,
}

impl OrderRow {
    pub fn new(content: Content, stuck_after_ms: i64, now_ms: i64) -> Self {
        let shards = content.lines.iter().map(|line| line.shard);
        Self {
            customer: content.customer,
            cart_id: content.cart_id,
            key: content.key,
            placement: Placement::new(shards, now_ms).stuck_after(stuck_after_ms),
            lines: content.lines,
            life: None,
            chores: Vec::new(),
            pay_by_ms: i64::MAX,
            journaled_ms: now_ms,
        }
    }

    /// Closes a cart of which no order was made: should one arrive after all, it finds
    /// itself undone.
    pub fn tombstone(customer: u8, cart_id: String, now_ms: i64) -> Self {
        Self {
            customer,
            cart_id,
            key: String::new(),
            lines: Vec::new(),
            placement: Placement {
                phase: Phase::Undone,
                cause: Some(Cause::Closed),
                ..Placement::new([], now_ms)
            },
            life: None,
            chores: Vec::new(),
            pay_by_ms: i64::MAX,
            journaled_ms: now_ms,
        }
    }

    /// Somebody has to go on with it. A stuck one waits for a person.
    pub fn is_open(&self) -> bool {
        matches!(self.placement.phase, Phase::Deducting | Phase::Undoing)
    }

    pub fn awaits_payment(&self) -> bool {
        self.life.is_some_and(Life::awaits_payment)
    }

    pub fn reply(&self) -> PlaceReply {
        match self.placement.phase {
            Phase::Placed => PlaceReply::Placed,
            Phase::Undone => {
                PlaceReply::Undone(self.placement.cause.clone().unwrap_or(Cause::Closed))
            }
            _ => PlaceReply::Unfinished,
        }
    }

    pub fn shards(&self) -> impl Iterator<Item = u16> {
        self.placement.legs.iter().map(|(shard, _)| *shard)
    }
}

#[derive(Debug, Default)]
pub struct Journal {
    pub rows: BTreeMap<String, OrderRow>,
    pub alarm: Option<i64>,
}

impl Journal {
    /// The order or unfinished placement that was made of a cart.
    pub fn live_of_cart(&self, cart_id: &str) -> Option<(&String, &OrderRow)> {
        let live = |row: &OrderRow| row.cart_id == cart_id && row.placement.phase != Phase::Undone;
        self.rows.iter().find(|(_, row)| live(row))
    }

    /// When somebody has to look again, at the latest.
    fn due(&self, now_ms: i64) -> Option<i64> {
        self.rows
            .values()
            .flat_map(|row| {
                let working = row.is_open() || row.chores.iter().any(|chore| !chore.done);
                let again = working.then(|| now_ms + LOOK_AGAIN_MS);
                let unpaid = row.awaits_payment().then_some(row.pay_by_ms);
                [again, unpaid]
            })
            .flatten()
            .min()
    }

    pub fn has_work(&self) -> bool {
        self.due(0).is_some()
    }

    /// Part of every write. A timer that is sooner stays as it is.
    pub fn arm(&mut self, now_ms: i64) {
        self.alarm = match (self.due(now_ms), self.alarm) {
            (Some(due), Some(set)) => Some(due.min(set)),
            (due, _) => due,
        };
    }
}
