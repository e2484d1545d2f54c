//! The desk: a queue of operations, what is known of the database, and the one
//! batch that is on its way.
//!
//! At any time the desk is idle, reading, or committing. The owner performs what
//! [`Desk::step`] names and reports how it ended; answers are collected with
//! [`Desk::answers`]. Everything is bounded: the queue, the operations in a
//! batch, the tries after a conflict, the memory of rows and holds.
//!
//! Memory may say yes, never no. A yes is proved by the commit that it leads to. A
//! no leads to none, and memory may be wrong: a batch that this desk, or the one
//! before it, has given up waiting for may be applied long after its rows were
//! read again. So what a refusal is built on is read for it, and a fresh look is
//! read as well.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;

use super::evaluate::{Draft, Known, decide};
use super::{Answer, Batch, Found, Op, Place, Reads, SeenRow};

/// Operations in one batch: keeps a batch well inside what a database takes.
const BATCH_OPS_MAX: usize = 100;
/// Operations waiting in line; beyond it callers are told to come back.
const QUEUE_MAX: usize = 5_000;
/// Operations waiting for the end of somebody else's placement.
const PARKED_MAX: usize = 1_000;
/// Conflicts or lost answers of one batch before its callers are told "unknown".
const TRIES_MAX: u32 = 4;
/// SKUs and orders remembered.
const MEMORY_MAX: usize = 20_000;
/// Where so much is left nobody is about to lack it, and unsettled orders need not
/// be kept in mind.
pub const PLENTY: i64 = 1_000;
/// An unsettled order is not waited for longer than this, in case its end was lost.
const IN_FLIGHT_MAX_MS: i64 = 10_000;

#[derive(Debug)]
struct Job {
    ticket: u64,
    op: Op,
}

#[derive(Debug)]
struct InFlight {
    since_ms: i64,
    lines: Vec<(Place, i64)>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    Reading(Reads),
    Committing {
        draft: Draft,
        answers: Vec<(u64, Answer)>,
    },
}

#[derive(Debug, Default)]
struct Proved {
    skus: BTreeSet<String>,
    orders: BTreeSet<String>,
}

/// What the owner has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing to do, or something is on its way already.
    Rest,
    Read(Reads),
    Commit(Batch),
}

#[derive(Debug, Default)]
pub struct Desk {
    known: Known,
    queue: VecDeque<Job>,
    parked: Vec<Job>,
    /// The operations that the current stage is about.
    taken: Vec<Job>,
    stage: Stage,
    /// The adjustment keys of the taken operations have been read.
    keys_read: bool,
    /// What was read, not remembered, for the taken operations.
    proved: Proved,
    /// Holds are read before anything is decided: the last batch met a surprise.
    doubtful: bool,
    tries: u32,
    in_flight: BTreeMap<String, InFlight>,
    answers: Vec<(u64, Answer)>,
    /// Batches that met a conflict, for the figures.
    pub conflicts: u64,
}

impl Desk {
    /// Takes an operation in. Its answer comes under `ticket`.
    pub fn submit(&mut self, ticket: u64, op: Op) {
        if let Op::Look { skus, fresh: false } = &op
            && let Some(rows) = self.look(skus)
        {
            self.answers.push((ticket, Answer::Seen { rows }));
            return;
        }
        if self.queue.len() >= QUEUE_MAX {
            self.answers.push((ticket, Answer::Unknown));
            return;
        }
        self.queue.push_back(Job { ticket, op });
    }

    /// The answers that are ready, each ticket once.
    pub fn answers(&mut self) -> Vec<(u64, Answer)> {
        mem::take(&mut self.answers)
    }

    /// When [`Desk::step`] wants to be called even if nothing else happens.
    pub fn wake_at(&self) -> Option<i64> {
        self.parked.iter().map(|job| wait_until(&job.op)).min()
    }

    /// An order will not be undone any more: nobody need wait for its end.
    pub fn settle(&mut self, order_id: &str) {
        if self.in_flight.remove(order_id).is_some() {
            self.unpark();
        }
    }

    /// Forgets the cached rows and holds, as after the database was changed by hand.
    pub fn forget(&mut self) {
        if matches!(self.stage, Stage::Idle) {
            self.known = Known::default();
        }
    }

    pub fn step(&mut self, now_ms: i64) -> Step {
        if !matches!(self.stage, Stage::Idle) {
            return Step::Rest;
        }
        self.in_flight
            .retain(|_, order| now_ms.saturating_sub(order.since_ms) < IN_FLIGHT_MAX_MS);
        if self.parked.iter().any(|job| wait_until(&job.op) <= now_ms) {
            self.unpark();
        }
        loop {
            if self.taken.is_empty() {
                self.trim_memory();
                let count = self.queue.len().min(BATCH_OPS_MAX);
                self.taken = self.queue.drain(..count).collect();
                if self.taken.is_empty() {
                    return Step::Rest;
                }
            }
            let reads = self.reads();
            if !reads.is_empty() {
                self.stage = Stage::Reading(reads.clone());
                return Step::Read(reads);
            }
            let (draft, answers) = self.decide(now_ms);
            if self.doubts_a_refusal(&answers) {
                continue;
            }
            if draft.is_empty() {
                self.answers.extend(answers);
                self.end_batch();
                continue;
            }
            let batch = draft.to_batch(&self.known);
            self.stage = Stage::Committing { draft, answers };
            return Step::Commit(batch);
        }
    }

    pub fn read_done(&mut self, found: Found) {
        if let Stage::Reading(reads) = mem::take(&mut self.stage) {
            for sku in reads.skus {
                self.proved.skus.insert(sku.clone());
                self.known.rows.insert(sku, BTreeMap::new());
            }
            for order in reads.orders {
                self.proved.orders.insert(order.clone());
                self.known.holds.insert(order, BTreeMap::new());
            }
            self.known.rows.extend(found.rows);
            self.known.holds.extend(found.holds);
            // A key that was asked for is known from now on: applied or not, the
            // jobs of this batch are decided next and nothing else writes it.
            if !reads.adjust_keys.is_empty() {
                self.known.applied_keys = found.applied_keys.into_iter().collect();
            }
            self.doubtful = false;
            self.keys_read = true;
        }
    }

    pub fn committed(&mut self, now_ms: i64) {
        if let Stage::Committing { draft, mut answers } = mem::take(&mut self.stage) {
            let frees = draft.frees_stock();
            draft.settle_into(&mut self.known);
            self.note_in_flight(&mut answers, now_ms);
            self.answers.extend(answers);
            self.end_batch();
            if frees {
                self.unpark();
            }
        }
    }

    /// The batch met a row or a hold that was not what it must be: nothing of it
    /// happened. Everything is read anew and decided again.
    pub fn conflicted(&mut self) {
        self.conflicts = self.conflicts.saturating_add(1);
        self.doubt();
    }

    /// A read or a commit failed or was not answered: it may have happened. The
    /// holds and keys tell, so it is handled as a conflict.
    pub fn failed(&mut self) {
        self.doubt();
    }

    fn doubt(&mut self) {
        self.stage = Stage::Idle;
        self.tries = self.tries.saturating_add(1);
        for job in &self.taken {
            for place in job.op.places() {
                self.known.rows.remove(&place.sku);
            }
            if let Some(order_id) = order_of(&job.op) {
                self.known.holds.remove(order_id);
            }
        }
        self.doubtful = true;
        self.keys_read = false;
        self.proved = Proved::default();
        if self.tries >= TRIES_MAX {
            let unknown = self
                .taken
                .drain(..)
                .map(|job| (job.ticket, Answer::Unknown));
            self.answers.extend(unknown);
            self.end_batch();
        }
    }

    fn end_batch(&mut self) {
        self.taken.clear();
        self.tries = 0;
        self.doubtful = false;
        self.keys_read = false;
        self.proved = Proved::default();
    }

    /// Forgets what a refusal is built on and was not read for it. Each time there
    /// is less of that, so it ends.
    fn doubts_a_refusal(&mut self, answers: &[(u64, Answer)]) -> bool {
        let mut unproved = false;
        for (job, (_, answer)) in self.taken.iter().zip(answers) {
            if !answer.is_refusal() {
                continue;
            }
            for place in job.op.places() {
                if !self.proved.skus.contains(&place.sku) {
                    self.known.rows.remove(&place.sku);
                    unproved = true;
                }
            }
            if let Some(order_id) = order_of(&job.op)
                && !self.proved.orders.contains(order_id)
            {
                self.known.holds.remove(order_id);
                unproved = true;
            }
        }
        self.doubtful |= unproved;
        unproved
    }

    /// What the taken operations need that is not known.
    fn reads(&self) -> Reads {
        let mut reads = Reads::default();
        for job in &self.taken {
            let (looked, fresh): (Vec<&String>, bool) = match &job.op {
                Op::Look { skus, fresh } => (skus.iter().collect(), *fresh),
                op => (
                    op.places().into_iter().map(|place| &place.sku).collect(),
                    false,
                ),
            };
            for sku in looked {
                let unproved = fresh && !self.proved.skus.contains(sku);
                if unproved || !self.known.rows.contains_key(sku) {
                    reads.skus.push(sku.clone());
                }
            }
            let needs_holds = match &job.op {
                // A first deduction may take it that it has no holds yet: should
                // that be wrong, the insert conflicts and the batch is decided again.
                Op::Deduct { repeat, .. } => *repeat || self.doubtful,
                _ => true,
            };
            if let Some(order_id) = order_of(&job.op)
                && needs_holds
                && !self.known.holds.contains_key(order_id)
            {
                reads.orders.push(order_id.to_owned());
            }
            if let Op::Adjust { key, .. } = &job.op
                && !self.keys_read
            {
                reads.adjust_keys.push(key.clone());
            }
        }
        for list in [&mut reads.skus, &mut reads.orders, &mut reads.adjust_keys] {
            list.sort_unstable();
            list.dedup();
        }
        reads
    }

    fn decide(&mut self, now_ms: i64) -> (Draft, Vec<(u64, Answer)>) {
        let mut draft = Draft::default();
        let mut answers = Vec::new();
        let mut kept = Vec::with_capacity(self.taken.len());
        for job in mem::take(&mut self.taken) {
            let (answer, change) = decide(&self.known, &draft, &job.op);
            if let Some(change) = change {
                draft.absorb(change);
            }
            let answer = match &job.op {
                Op::Look { skus, .. } => Answer::Seen {
                    rows: self.look(skus).unwrap_or_default(),
                },
                _ => answer,
            };
            if self.should_wait(&job.op, &answer, now_ms) {
                self.parked.push(job);
                continue;
            }
            answers.push((job.ticket, answer));
            kept.push(job);
        }
        self.taken = kept;
        (draft, answers)
    }

    /// A buyer who lacks no more than what unfinished orders hold waits for their end.
    fn should_wait(&self, op: &Op, answer: &Answer, now_ms: i64) -> bool {
        let Answer::Short { lines } = answer else {
            return false;
        };
        wait_until(op) > now_ms
            && self.parked.len() < PARKED_MAX
            && lines.iter().all(|line| {
                let coming = self.in_flight_of(&line.place);
                coming > 0 && line.available.saturating_add(coming) >= line.requested
            })
    }

    fn in_flight_of(&self, place: &Place) -> i64 {
        self.in_flight
            .values()
            .flat_map(|order| &order.lines)
            .filter(|(held, _)| held == place)
            .fold(0, |sum, (_, quantity)| sum.saturating_add(*quantity))
    }

    /// Keeps unsettled orders in mind for as long as others may lack their goods,
    /// and says so in their answers: only then the end of the order need be told.
    fn note_in_flight(&mut self, answers: &mut [(u64, Answer)], now_ms: i64) {
        for job in &self.taken {
            let answer = answers.iter_mut().find(|(ticket, _)| *ticket == job.ticket);
            match (&job.op, answer) {
                (
                    Op::Deduct {
                        order_id,
                        lines,
                        settled: false,
                        ..
                    },
                    Some((_, Answer::Held { rows })),
                ) => {
                    if rows.iter().all(|row| row.stock >= PLENTY) {
                        continue;
                    }
                    for (row, line) in rows.iter_mut().zip(lines) {
                        row.in_flight = line.quantity;
                    }
                    let lines = lines
                        .iter()
                        .map(|line| (line.place.clone(), line.quantity))
                        .collect();
                    let order = InFlight {
                        since_ms: now_ms,
                        lines,
                    };
                    self.in_flight.insert(order_id.clone(), order);
                }
                (Op::Restore { order_id, .. }, _) => {
                    self.in_flight.remove(order_id);
                }
                _ => {}
            }
        }
    }

    fn unpark(&mut self) {
        for job in self.parked.drain(..).rev() {
            self.queue.push_front(job);
        }
    }

    fn look(&self, skus: &[String]) -> Option<Vec<SeenRow>> {
        let mut seen = Vec::new();
        for sku in skus {
            for (warehouse_id, row) in self.known.rows.get(sku)? {
                let place = Place {
                    warehouse_id: warehouse_id.clone(),
                    sku: sku.clone(),
                };
                seen.push(SeenRow {
                    in_flight: self.in_flight_of(&place),
                    place,
                    stock: row.stock,
                    held: row.held,
                });
            }
        }
        Some(seen)
    }

    /// Called between batches only, so nothing that is being decided is forgotten.
    fn trim_memory(&mut self) {
        if self.known.rows.len() > MEMORY_MAX {
            self.known.rows.clear();
        }
        if self.known.holds.len() > MEMORY_MAX {
            self.known.holds.clear();
        }
        self.known.applied_keys.clear();
    }
}

fn order_of(op: &Op) -> Option<&str> {
    match op {
        Op::Deduct { order_id, .. } | Op::Restore { order_id, .. } | Op::Ship { order_id, .. } => {
            Some(order_id)
        }
        Op::Adjust { .. } | Op::Look { .. } => None,
    }
}

fn wait_until(op: &Op) -> i64 {
    match op {
        Op::Deduct { wait_until_ms, .. } => *wait_until_ms,
        _ => 0,
    }
}
