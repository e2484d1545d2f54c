//! From the desk to the database: who was asked, what they answered, who has the order.
//!
//! Rows gather for a moment, so that an offer that changed often is written once, and then
//! go with those of other desks. Safe to repeat and to come in any order: an offer's row
//! is only written over a lower revision, a line of the story is written once, and the
//! lock is the second guard: it is taken where nobody has it, or in a later epoch.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use contract::Problem;
use domain::assignment::Effect;
use domain::set::set_of;
use edge::d1::{Db, DbError, Sql, rows_of};
use edge::gather::{Gather, Given, Parcel, Weighs};
use edge::{clock, telemetry};
use serde::Deserialize;
use serde_json::Value;
use worker::Env;

use super::book::{Change, Page};
use super::telling::Told;
use super::under_way::part::RECORDED;
use super::{Desk, no_scope};

mod rows;
mod statements;

use rows::{Row, rows_of_effect};
use statements::{GUARD, Kind, STATEMENTS};

/// How long what changes gathers in a desk.
const GATHER_MS: i64 = 150;

thread_local! {
    static GATHERED: Gather<Row> = const { Gather::new() };
}

impl Weighs for Row {
    fn bytes(&self) -> usize {
        self.json.len()
    }
}

/// Orders whose rows the database lacks.
pub struct Records {
    given: Given<Told, Row>,
    orders: RefCell<BTreeSet<String>>,
    is_running: Cell<bool>,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            given: Given::to(&GATHERED),
            orders: RefCell::default(),
            is_running: Cell::new(false),
        }
    }
}

impl Records {
    pub fn arrived(&self) -> Vec<Told> {
        self.given.arrived()
    }
}

impl Desk {
    pub(super) fn record_soon(self: &Rc<Self>, order_id: &str) {
        self.records.orders.borrow_mut().insert(order_id.to_owned());
        if self.records.is_running.replace(true) {
            return;
        }
        let desk = Rc::clone(self);
        self.background(async move {
            clock::pause(GATHER_MS).await;
            desk.records.is_running.set(false);
            if desk.give_records().await {
                carry(&desk.env).await;
            }
            desk.settle_done().await;
            telemetry::flush_soon(&desk.env, &desk.state);
        });
    }

    /// Gives what is lacking to be carried. True when we are to carry it.
    async fn give_records(self: &Rc<Self>) -> bool {
        let orders = self.records.orders.take();
        // Others may carry it, who do not wait for our writes.
        if self.state.storage().sync().await.is_err() {
            return false;
        }
        let now = clock::now_ms();
        let mut to_carry = false;
        for order_id in orders {
            let lacking = self
                .book
                .with(&self.rows, &order_id, |page| self.lacking(page));
            for (told, rows) in lacking.unwrap_or_default() {
                let parcel = Parcel {
                    id: told.effect_id.clone(),
                    rows,
                    more: Vec::new(),
                    notices: Vec::new(),
                };
                self.records.given.forget(|given| *given == told);
                to_carry |= self.records.given.give(told, parcel, now);
            }
        }
        to_carry
    }

    /// What the database lacks of an order, effect by effect.
    fn lacking(&self, page: &Page) -> Vec<(Told, Vec<Row>)> {
        let order_id = &page.order.order_id;
        let wanted: Vec<(String, &Effect)> = page
            .engine
            .outbox
            .effects()
            .map(|effect| (effect.id(order_id), effect))
            .collect();
        let unsent = page.engine.offers.iter();
        let unsent = unsent.filter(|offer| offer.pushed_ms.is_none());
        let mut ids = set_of(unsent.map(|offer| page.engine.push_id(offer)));
        ids.extend(wanted.iter().map(|(id, _)| id.clone()));
        self.under_way.keep(order_id, |id| ids.contains(id));
        let is_gone = |told: &Told| told.order_id == *order_id && !ids.contains(&told.effect_id);
        self.told.forget(is_gone);
        self.records.given.forget(is_gone);
        let lacking = wanted.iter().filter_map(|(id, effect)| {
            let told = Told {
                order_id: order_id.clone(),
                effect_id: id.clone(),
            };
            if !self.under_way.lacks(&told, RECORDED) {
                return None;
            }
            let rows = rows_of_effect(page, effect, id);
            (!rows.is_empty()).then_some((told, rows))
        });
        lacking.collect()
    }

    /// The database has everything of this order when this is answered.
    pub(super) async fn record_now(self: &Rc<Self>, order_id: &str) -> Result<(), Problem> {
        // A page that was read anew takes up what a crash left.
        self.assign(order_id, Change::Look).await?;
        let rows = self.book.with(&self.rows, order_id, |page| {
            let outbox = page.engine.outbox.effects();
            let rows = outbox.map(|effect| {
                let id = effect.id(order_id);
                (rows_of_effect(page, effect, &id), id)
            });
            rows.filter(|(rows, _)| !rows.is_empty())
                .collect::<Vec<_>>()
        })?;
        if rows.is_empty() {
            return Ok(());
        }
        write(&self.env, rows.iter().flat_map(|(rows, _)| rows)).await?;
        for (_, effect_id) in rows {
            let told = Told {
                order_id: order_id.to_owned(),
                effect_id,
            };
            self.records.given.forget(|given| *given == told);
            self.under_way.came(&told, RECORDED);
        }
        self.settle_done().await;
        Ok(())
    }
}

/// Carries what gathered, of all desks, trip after trip.
async fn carry(env: &Env) {
    loop {
        let parcels = GATHERED.with(|gathered| gathered.take(clock::now_ms()));
        if parcels.is_empty() {
            return;
        }
        match write(env, parcels.iter().flat_map(|parcel| &parcel.rows)).await {
            Ok(()) => GATHERED.with(|gathered| gathered.carried(&parcels)),
            // The states of their orders still have them as to be done.
            Err(error) => {
                telemetry::error("recording_failed", &[("reason", &format!("{error:?}"))]);
            }
        }
    }
}

#[derive(Deserialize)]
struct Disagreement {
    id: String,
}

async fn write<'a>(env: &Env, rows: impl Iterator<Item = &'a Row> + Clone) -> Result<(), DbError> {
    let mut statements = Vec::new();
    let mut guard = None;
    for (kind, statement) in STATEMENTS {
        let of_kind = rows.clone().filter(|row| row.kind == *kind);
        let list: Vec<&str> = of_kind.map(|row| row.json.as_str()).collect();
        if list.is_empty() {
            continue;
        }
        let list = format!("[{}]", list.join(","));
        statements.push(Sql::new(statement).text(&list));
        if *kind == Kind::Lock {
            guard = Some(statements.len());
            statements.push(Sql::new(GUARD).text(&list));
        }
    }
    let db = Db::open(env, "DB")?;
    let results = db
        .batch(&no_scope(), "assignments.record", &statements)
        .await?;
    // Two guards that disagree would mean two winners. It is looked for and never seen.
    let found = guard.and_then(|index| results.get(index));
    for disagreement in rows_of::<Disagreement>(found)? {
        telemetry::error("lock_guards_disagree", &[("routing_id", &disagreement.id)]);
        telemetry::count("lock_guards_disagree", &[], 1);
    }
    Ok(())
}

/// For the story: the vendor that a line is about.
fn vendor_in(data: &Value) -> Option<&str> {
    data.get("vendor").and_then(Value::as_str)
}
