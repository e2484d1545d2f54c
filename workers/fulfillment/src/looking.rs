//! What there is of a SKU, over all shards: as seen a moment ago, or seen now.
//!
//! A hint serves to plan with: the deduction decides, and a plan that was wrong is
//! made anew. A refusal is never built on a hint. Where there is little a hint is
//! soon wrong and keeps for [`HINT_MS`]; where every warehouse has plenty it keeps
//! for [`PLENTY_MS`].

use std::cell::RefCell;
use std::collections::BTreeMap;

use contract::stock::{STOCK_DESK, StockCommand, desk_name};
use contract::{Problem, code};
use domain::plan::Allocation;
use domain::stock::{Answer, Op, PLENTY, SeenRow};
use edge::call::{To, call};
use edge::{Scope, clock, config};
use worker::Env;

const HINT_MS: i64 = 250;
const PLENTY_MS: i64 = 30_000;
const HINTS_MAX: usize = 20_000;

/// Rows by SKU.
pub type Seen = BTreeMap<String, Vec<SeenRow>>;

#[derive(Clone)]
struct Hint {
    rows: Vec<SeenRow>,
    at_ms: i64,
}

impl Hint {
    fn keeps(&self, now: i64) -> bool {
        let plenty = !self.rows.is_empty() && self.rows.iter().all(|row| row.stock >= PLENTY);
        let limit = if plenty { PLENTY_MS } else { HINT_MS };
        now.saturating_sub(self.at_ms) < limit
    }
}

thread_local! {
    static HINTS: RefCell<BTreeMap<String, Hint>> = const { RefCell::new(BTreeMap::new()) };
}

pub fn shards(env: &Env) -> u16 {
    config::number(env, "STOCK_SHARDS", 1_u16).max(1)
}

/// What was seen of these SKUs lately, if all of them were.
pub fn hint(skus: &[String]) -> Option<Seen> {
    let now = clock::now_ms();
    HINTS.with_borrow(|hints| {
        skus.iter()
            .map(|sku| {
                let hint = hints.get(sku).filter(|hint| hint.keeps(now))?;
                Some((sku.clone(), hint.rows.clone()))
            })
            .collect()
    })
}

/// Asks every shard, all at once: one object call a shard, and no D1 trip unless
/// a desk has not seen a SKU yet.
///
/// `fresh` is for refusing a buyer: the desks then count what is on its way too.
pub async fn look(env: &Env, scope: &Scope, skus: &[String], fresh: bool) -> Result<Seen, Problem> {
    let asked = (0..shards(env)).map(|shard| async move {
        let command = StockCommand {
            shard,
            op: Op::Look {
                skus: skus.to_vec(),
                fresh,
            },
        };
        call(
            env,
            scope,
            To::Object(STOCK_DESK, &desk_name(shard)),
            command,
        )
        .await
    });
    let mut seen: Seen = skus.iter().map(|sku| (sku.clone(), Vec::new())).collect();
    for answer in futures::future::join_all(asked).await {
        let Answer::Seen { rows } = answer.map_err(|error| error.into_problem("stock.look"))?
        else {
            let detail = "the stock could not be read; try again";
            return Err(Problem::new(code::UNAVAILABLE, detail).retry_after(1));
        };
        for row in rows {
            seen.entry(row.place.sku.clone()).or_default().push(row);
        }
    }
    remember(&seen);
    Ok(seen)
}

fn remember(seen: &Seen) {
    let at_ms = clock::now_ms();
    HINTS.with_borrow_mut(|hints| {
        if hints.len() > HINTS_MAX {
            hints.clear();
        }
        for (sku, rows) in seen {
            let rows = rows.clone();
            hints.insert(sku.clone(), Hint { rows, at_ms });
        }
    });
}

/// The stock of these was changed by hand: what was seen of it is of no use.
pub fn forget<'a>(skus: impl Iterator<Item = &'a str>) {
    HINTS.with_borrow_mut(|hints| {
        for sku in skus {
            hints.remove(sku);
        }
    });
}

/// What a plan gives away is less for the next plan, until it is seen anew.
pub fn spend(allocations: &[Allocation]) {
    HINTS.with_borrow_mut(|hints| {
        for allocation in allocations {
            let Some(hint) = hints.get_mut(&allocation.sku) else {
                continue;
            };
            for row in &mut hint.rows {
                if row.place.warehouse_id == allocation.warehouse_id {
                    row.stock = row.stock.saturating_sub(allocation.quantity).max(0);
                }
            }
        }
    });
}
