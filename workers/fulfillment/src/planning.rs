//! Pricing and planning a cart in one call.
//!
//! A plan is made on hints first: the deduction will decide. When that comes out
//! short, or the caller wants it fresh, the desks are asked. A shortage is only
//! believed when it was so at one instant (I8): the rows of one shard are one
//! instant by themselves, those of several are looked at until two looks agree.

use contract::catalogue::Warehouse;
use contract::fulfillment::{PlanOrder, PlanReply, Planned, PricedLine};
use contract::{Problem, code};
use domain::delivery::Table;
use domain::geo::Point;
use domain::plan::{Plan, Shortage, Source, Wanted, allocate, summed};
use domain::stock::SeenRow;
use edge::{Scope, config};
use std::collections::{BTreeMap, BTreeSet};
use worker::Env;

use crate::catalogue;
use crate::looking::{self, Seen};

/// Looks at most, before the buyer is asked to come back.
const LOOKS_MAX: u32 = 4;

pub struct Terms {
    pub currency: String,
    pub tax_basis_points: u32,
    pub delivery: Table,
}

impl Terms {
    pub fn read(env: &Env) -> Self {
        Self {
            currency: config::text(env, "CURRENCY").unwrap_or_else(|| "EUR".into()),
            tax_basis_points: config::number(env, "TAX_BASIS_POINTS", 1000),
            delivery: config::json(env, "DELIVERY_TABLE"),
        }
    }
}

pub async fn plan(env: &Env, scope: &Scope, order: &PlanOrder) -> Result<PlanReply, Problem> {
    let wanted = summed(&order.lines)
        .ok_or_else(|| Problem::field("lines", "the quantities are too large"))?;
    let skus: Vec<String> = wanted.iter().map(|line| line.sku.clone()).collect();
    let known = catalogue::for_sale(env, scope, &skus).await?;
    let terms = Terms::read(env);
    let mut reply = PlanReply {
        lines: Vec::new(),
        unknown: Vec::new(),
        currency: terms.currency.clone(),
        tax_basis_points: terms.tax_basis_points,
        plan: None,
        short: Vec::new(),
    };
    for line in &wanted {
        match known.variants.get(&line.sku) {
            Some(variant) => reply.lines.push(PricedLine {
                sku: line.sku.clone(),
                product_id: variant.product_id.clone(),
                title: variant.title.clone(),
                size: variant.size.clone(),
                price_minor: variant.price_minor,
                quantity: line.quantity,
            }),
            None => reply.unknown.push(line.sku.clone()),
        }
    }
    let Some(to) = order.to else {
        return Ok(reply);
    };
    if !reply.unknown.is_empty() || wanted.is_empty() {
        return Ok(reply);
    }
    let (outcome, awaits_others) = find(
        env,
        scope,
        &wanted,
        &skus,
        to,
        &known.warehouses,
        order.fresh,
    )
    .await?;
    match outcome {
        Ok(plan) => {
            if order.taking {
                looking::spend(&plan.allocations);
            }
            let tier = terms.delivery.tier(plan.farthest_km);
            reply.plan = Some(Planned {
                allocations: plan.allocations,
                tier,
                quote: terms.delivery.quote(order.mode, tier),
                parcels: plan.parcels,
                awaits_others,
            });
        }
        Err(short) => reply.short = short,
    }
    Ok(reply)
}

type Found = Result<Plan, Vec<Shortage>>;

async fn find(
    env: &Env,
    scope: &Scope,
    wanted: &[Wanted],
    skus: &[String],
    to: Point,
    warehouses: &[Warehouse],
    fresh: bool,
) -> Result<(Found, bool), Problem> {
    if !fresh
        && let Some(seen) = looking::hint(skus)
        && let Ok(plan) = allocate(wanted, to, &sources(warehouses, &seen, |row| row.stock))
    {
        return Ok((Ok(plan), false));
    }
    if !fresh {
        // What the desks remember costs no trip to the database.
        let seen = looking::look(env, scope, skus, false).await?;
        if let Ok(plan) = allocate(wanted, to, &sources(warehouses, &seen, |row| row.stock)) {
            return Ok((Ok(plan), false));
        }
    }
    let mut seen = looking::look(env, scope, skus, true).await?;
    for _ in 1..LOOKS_MAX {
        let free = sources(warehouses, &seen, |row| row.stock);
        let short = match allocate(wanted, to, &free) {
            Ok(plan) => return Ok((Ok(plan), false)),
            Err(short) => short,
        };
        // What is missing may come back: the deduction waits for it.
        let coming = sources(warehouses, &seen, |row| {
            row.stock.saturating_add(row.in_flight)
        });
        if let Ok(plan) = allocate(wanted, to, &coming) {
            return Ok((Ok(plan), true));
        }
        if in_one_shard(&short, warehouses, &seen) {
            return Ok((Err(short), false));
        }
        let again = looking::look(env, scope, skus, true).await?;
        if again == seen {
            return Ok((Err(short), false));
        }
        seen = again;
    }
    // The counters changed between all looks: a shortage is not certain.
    let detail = "the stock is changing too fast; try again";
    Err(Problem::new(code::UNAVAILABLE, detail).retry_after(1))
}

/// Whether everything there is of the short SKUs was seen at one instant.
fn in_one_shard(short: &[Shortage], warehouses: &[Warehouse], seen: &Seen) -> bool {
    short.iter().all(|line| {
        let rows = seen.get(&line.sku).map_or(&[][..], Vec::as_slice);
        let shards: BTreeSet<u16> = rows
            .iter()
            .filter_map(|row| shard_of(warehouses, row))
            .collect();
        shards.len() <= 1
    })
}

fn shard_of(warehouses: &[Warehouse], row: &SeenRow) -> Option<u16> {
    warehouses
        .iter()
        .find(|warehouse| warehouse.warehouse_id == row.place.warehouse_id)
        .map(|warehouse| warehouse.shard)
}

fn sources(warehouses: &[Warehouse], seen: &Seen, free: impl Fn(&SeenRow) -> i64) -> Vec<Source> {
    let mut by_warehouse: BTreeMap<&str, BTreeMap<String, i64>> = BTreeMap::new();
    for row in seen.values().flatten() {
        by_warehouse
            .entry(&row.place.warehouse_id)
            .or_default()
            .insert(row.place.sku.clone(), free(row));
    }
    warehouses
        .iter()
        .filter(|warehouse| warehouse.active)
        .filter_map(|warehouse| {
            Some(Source {
                warehouse_id: warehouse.warehouse_id.clone(),
                shard: warehouse.shard,
                at: warehouse.at,
                free: by_warehouse.remove(warehouse.warehouse_id.as_str())?,
            })
        })
        .collect()
}

/// Names every SKU that is not for sale.
pub fn unknown_sku(skus: &[String]) -> Problem {
    let detail = format!("not for sale: {}", skus.join(", "));
    Problem::new(code::UNKNOWN_SKU, detail)
        .of_field("sku")
        .with("skus", skus)
}
