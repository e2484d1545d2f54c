//! What was seen from outside while a schedule ran: who asked for what, what was
//! answered, how much was free when. The checks compare it with what is durable.

use std::collections::BTreeMap;

use domain::lifecycle::Life;

use super::journal::placed;
use domain::placement::Phase;
use domain::plan::{Shortage, Wanted};
use domain::stock::Batch;

use super::journal::OrderRow;
use super::message::Told;
use crate::harness::Figures;

/// What tries, deadlines and the time until a placement is called stuck add up to,
/// at the worst: two legs of deductions, then an undoing.
const UNFINISHED_MAX_MS: i64 = 120_000;

/// Figures of one schedule, or of many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub events: u64,
    pub placed: u64,
    pub undone: u64,
    pub refused: u64,
    pub busy: u64,
    /// Looks at all shards that were taken before a shortage was believed.
    pub collects: u64,
    /// Shoppers told "busy" because the shelves did not stand still for two looks.
    pub restless: u64,
    /// Shoppers told "busy" because plan after plan was overtaken.
    pub overtaken: u64,
    pub stuck: u64,
    pub resumed: u64,
    pub conflicts: u64,
    /// The longest that a placement took to its end or until it was called stuck,
    /// from when it was taken up (last).
    pub longest_ms: i64,
}

impl Figures for Stats {
    fn merge(&mut self, other: &Self) {
        self.events += other.events;
        self.placed += other.placed;
        self.undone += other.undone;
        self.refused += other.refused;
        self.busy += other.busy;
        self.collects += other.collects;
        self.restless += other.restless;
        self.overtaken += other.overtaken;
        self.stuck += other.stuck;
        self.resumed += other.resumed;
        self.conflicts += other.conflicts;
        self.longest_ms = self.longest_ms.max(other.longest_ms);
    }

    fn tell(&self) -> String {
        format!(
            "{} events\n\
             {} orders placed, {} undone, {} buyers refused, {} told to come back\n\
             {} looks at all shards; {} refusals not given because shelves did not stand still, \
             {} because plans were overtaken\n\
             {} placements resumed, {} stuck and retried, {} batches in conflict, \
             longest unfinished {} ms",
            self.events,
            self.placed,
            self.undone,
            self.refused,
            self.busy,
            self.collects,
            self.restless,
            self.overtaken,
            self.resumed,
            self.stuck,
            self.conflicts,
            self.longest_ms,
        )
    }
}

#[derive(Debug, Default)]
struct Free {
    total: i64,
    /// Each moment at which the total became what it then was.
    log: Vec<(u64, i64)>,
}

#[derive(Debug, Default)]
pub struct Ledger {
    pub violations: Vec<String>,
    pub stats: Stats,
    free: BTreeMap<String, Free>,
    intents: Vec<(u8, String, Vec<Wanted>)>,
    told: BTreeMap<(u8, String), Told>,
    /// Orders that a shopper was told of, and the cart each was made of.
    pub acknowledged: BTreeMap<String, u8>,
    phases: BTreeMap<String, Phase>,
    lives: BTreeMap<String, Life>,
    /// When each placement was last begun or resumed.
    pub taken_up: BTreeMap<String, i64>,
    /// Orders that came to a good end, written or not.
    pub standing: Vec<String>,
    /// News for the house: orders that stand, placements that are stuck.
    pub placed: Vec<String>,
    pub stuck: Vec<String>,
}

/// The lines as a set: what a cart holds, whatever its order.
fn sorted(lines: &[Wanted]) -> Vec<Wanted> {
    let mut lines = lines.to_vec();
    lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    lines
}

impl Ledger {
    pub fn stocked(&mut self, sku: &str, delta: i64, moment: u64) {
        let free = self.free.entry(sku.to_owned()).or_default();
        free.total += delta;
        let total = free.total;
        match free.log.last_mut() {
            Some((at, last)) if *at == moment => *last = total,
            _ => free.log.push((moment, total)),
        }
    }

    /// A batch was applied: what is free has changed.
    pub fn committed(&mut self, batch: &Batch, moment: u64) {
        for write in &batch.rows {
            let delta = write.stock - write.old_stock.unwrap_or(0);
            self.stocked(&write.place.sku, delta, moment);
        }
    }

    /// I8: whether since then fewer were free at some instant than were wanted.
    pub fn was_short(&self, short: &Shortage, since: u64) -> bool {
        let Some(free) = self.free.get(&short.sku) else {
            return true;
        };
        let mut at_start = 0;
        let mut least = i64::MAX;
        for (moment, total) in &free.log {
            if *moment <= since {
                at_start = *total;
            } else {
                least = least.min(*total);
            }
        }
        least.min(at_start) < short.requested
    }

    pub fn intends(&mut self, customer: u8, key: &str, lines: &[Wanted]) {
        self.intents.push((customer, key.to_owned(), sorted(lines)));
    }

    /// I5: no order exists that no request explains.
    pub fn is_intended(&self, customer: u8, key: &str, lines: &[Wanted]) -> bool {
        let lines = sorted(lines);
        self.intents
            .iter()
            .any(|(who, with, what)| *who == customer && with == key && *what == lines)
    }

    /// The same, whatever the key.
    pub fn is_wanted(&self, customer: u8, lines: &[Wanted]) -> bool {
        let lines = sorted(lines);
        self.intents
            .iter()
            .any(|(who, _, what)| *who == customer && *what == lines)
    }

    /// One key, one answer. The answer that was given before, if it was another.
    pub fn tell(&mut self, customer: u8, key: &str, told: &Told) -> Option<Told> {
        if let Told::Placed(order_id) = told {
            self.acknowledged.insert(order_id.clone(), customer);
        }
        if key.is_empty() || !told.is_final() {
            return None;
        }
        let first = self
            .told
            .entry((customer, key.to_owned()))
            .or_insert_with(|| told.clone());
        (first != told).then(|| first.clone())
    }

    /// A row of an order was written. What is wrong with it, if it does not follow
    /// from what was written before (I7: along the edges, one version each).
    pub fn saw(&mut self, order_id: &str, row: &OrderRow, now_ms: i64) -> Option<String> {
        let phase = row.placement.phase;
        let known = self.phases.insert(order_id.to_owned(), phase);
        if known == Some(Phase::Placed) && phase != Phase::Placed
            || known == Some(Phase::Undone) && phase != Phase::Undone
        {
            return Some(format!("I5: {order_id} was {known:?} and is {phase:?}"));
        }
        if known != Some(phase) {
            match phase {
                Phase::Placed => {
                    self.stats.placed += 1;
                    self.placed.push(order_id.to_owned());
                }
                Phase::Undone => self.stats.undone += 1,
                Phase::Stuck => {
                    self.stats.stuck += 1;
                    self.stuck.push(order_id.to_owned());
                }
                Phase::Deducting | Phase::Undoing => {}
            }
            let began_ms = self.taken_up.get(order_id).copied().unwrap_or(now_ms);
            self.stats.longest_ms = self.stats.longest_ms.max(now_ms - began_ms);
            if now_ms - began_ms > UNFINISHED_MAX_MS {
                return Some(format!("I6: {order_id} took {} ms", now_ms - began_ms));
            }
        }
        let life = row.life?;
        let before = self.lives.insert(order_id.to_owned(), life);
        let follows = match before {
            None => life == placed(),
            // The same write may be performed twice.
            Some(before) if before == life => true,
            Some(before) => {
                life.version == before.version + 1 && before.next(None).contains(&life.status)
            }
        };
        (!follows).then(|| format!("I7: {order_id} went from {before:?} to {life:?}"))
    }
}
