//! The stock API: check, deduct, restore, read, adjust.
//!
//! Deduct and restore take one line or a list, and are repeatable by (order,
//! warehouse, SKU). A list over several shards is taken shard after shard in one
//! order; should a later shard refuse, the earlier ones are given back.

use std::collections::BTreeMap;

use contract::fulfillment::{CheckInput, CheckView, PlanOrder};
use contract::stock::{
    AdjustInput, STOCK_DESK, StockAdjusted, StockCommand, StockLineInput, StockMoved, StockRow,
    desk_name,
};
use contract::{Problem, Role, code};
use domain::delivery::Mode;
use domain::geo::Point;
use domain::limits::{LINES_MAX, QUANTITY_MAX, STOCK_MAX, TEXT_MAX, fits, is_code};
use domain::stock::{AdjustLine, Answer, DeductLine, LineFact, Op, Place, RestoreLine, SeenRow};
use edge::call::{To, call};
use edge::identity::fingerprint;
use edge::{Incoming, Outcome, Scope, http, json};
use serde_json::{Map, Value, json};
use worker::Env;

use crate::{catalogue, catalogue_edit, looking, planning};

pub const STAFF: &[Role] = &[Role::Admin, Role::Service];

/// `POST /api/fulfillment/check`
pub async fn check(env: &Env, incoming: &Incoming) -> Outcome {
    incoming.actor(STAFF)?;
    let input: CheckInput = incoming.json()?;
    if input.lines.is_empty() || input.lines.len() > LINES_MAX {
        return Err(Problem::field("lines", "must be 1 to 50 lines"));
    }
    for (n, line) in input.lines.iter().enumerate() {
        if !(1..=QUANTITY_MAX).contains(&line.quantity) {
            let field = format!("lines[{n}].quantity");
            return Err(Problem::field(field, "must be from 1 to 100000"));
        }
    }
    let to = Point {
        latitude: input.latitude,
        longitude: input.longitude,
    };
    if !to.is_valid() {
        return Err(Problem::field(
            "latitude",
            "the coordinates are off the globe",
        ));
    }
    let order = PlanOrder {
        lines: input.lines,
        to: Some(to),
        mode: Mode::from_name(input.delivery_mode.as_deref()),
        fresh: true,
        taking: false,
    };
    let reply = planning::plan(env, &incoming.scope, &order).await?;
    if !reply.unknown.is_empty() {
        return Err(planning::unknown_sku(&reply.unknown));
    }
    let plan = reply.plan.as_ref();
    let view = CheckView {
        success: true,
        in_stock: reply.short.is_empty(),
        delivery_tier: plan.map(|plan| plan.tier),
        delivery: plan.map(|plan| plan.quote),
        parcels: plan.map(|plan| plan.parcels),
        allocations: reply.plan.map(|plan| plan.allocations),
        short: reply.short,
    };
    http::json(200, &view)
}

/// The lines of a body, each checked and put to its shard.
struct Lines {
    order_id: String,
    by_shard: BTreeMap<u16, Vec<StockLineInput>>,
}

async fn lines(env: &Env, incoming: &Incoming, needs_quantity: bool) -> Result<Lines, Problem> {
    let mut body: Map<String, Value> = incoming.json()?;
    let raw = match body.remove("lines") {
        Some(Value::Array(lines)) => lines,
        Some(_) => return Err(Problem::field("lines", "must be a list of lines")),
        None => vec![Value::Object(body)],
    };
    if raw.is_empty() || raw.len() > LINES_MAX {
        return Err(Problem::field("lines", "must be 1 to 50 lines"));
    }
    let homes: BTreeMap<String, u16> = catalogue::for_sale(env, &incoming.scope, &[])
        .await?
        .warehouses
        .into_iter()
        .map(|warehouse| (warehouse.warehouse_id, warehouse.shard))
        .collect();
    let many = raw.len() > 1;
    let mut order_id = String::new();
    let mut by_shard: BTreeMap<u16, Vec<StockLineInput>> = BTreeMap::new();
    for (n, value) in raw.into_iter().enumerate() {
        let named = |field: &str| {
            if many {
                format!("lines[{n}].{field}")
            } else {
                field.to_owned()
            }
        };
        let line: StockLineInput =
            json::parse(value.to_string().as_bytes()).map_err(|mut problem| {
                problem.field = problem.field.map(|field| named(&field));
                problem
            })?;
        for (field, value) in [("order_id", &line.order_id), ("sku", &line.sku)] {
            if !is_code(value) {
                return Err(Problem::field(named(field), "is not an id"));
            }
        }
        let quantity_is_bad = match line.quantity {
            Some(quantity) => !(1..=STOCK_MAX).contains(&quantity),
            None => needs_quantity,
        };
        if quantity_is_bad {
            return Err(Problem::field(
                named("quantity"),
                "must be a whole number above 0",
            ));
        }
        let expected = line.expected_stock;
        if expected.is_some_and(|expected| !(0..=STOCK_MAX).contains(&expected)) {
            let wrong = "must be a whole number, 0 or more";
            return Err(Problem::field(named("expected_stock"), wrong));
        }
        let Some(shard) = homes.get(&line.warehouse_id) else {
            return Err(Problem::not_found("warehouse").of_field(&named("warehouse_id")));
        };
        if n == 0 {
            order_id.clone_from(&line.order_id);
        } else if order_id != line.order_id {
            return Err(Problem::field(
                named("order_id"),
                "must be the same on every line",
            ));
        }
        by_shard.entry(*shard).or_default().push(line);
    }
    Ok(Lines { order_id, by_shard })
}

/// `POST /api/stock/deduct`
pub async fn deduct(env: &Env, incoming: &Incoming) -> Outcome {
    incoming.actor(STAFF)?;
    let lines = lines(env, incoming, true).await?;
    let mut held: Vec<SeenRow> = Vec::new();
    let mut done: Vec<u16> = Vec::new();
    for (shard, of_shard) in &lines.by_shard {
        let op = Op::Deduct {
            order_id: lines.order_id.clone(),
            lines: summed(of_shard),
            settled: true,
            wait_until_ms: 0,
            repeat: true,
        };
        match perform(env, &incoming.scope, *shard, op).await {
            Ok(rows) => {
                held.extend(rows);
                done.push(*shard);
            }
            Err(problem) => {
                // Where the outcome is not known the caller repeats, and finds what is
                // held already; to give it back would close the door to that.
                if problem.status < 500 {
                    for shard in done.into_iter().rev() {
                        give_back(env, &incoming.scope, shard, &lines).await?;
                    }
                }
                return Err(problem);
            }
        }
    }
    let moved = StockMoved {
        success: true,
        order_id: lines.order_id,
        rows: rows(held),
    };
    http::json(200, &moved)
}

fn summed(lines: &[StockLineInput]) -> Vec<DeductLine> {
    let mut sums: BTreeMap<Place, DeductLine> = BTreeMap::new();
    for line in lines {
        let place = place(line);
        let sum = sums.entry(place.clone()).or_insert(DeductLine {
            place,
            quantity: 0,
            expected_stock: line.expected_stock,
        });
        sum.quantity = sum
            .quantity
            .saturating_add(line.quantity.unwrap_or_default());
    }
    sums.into_values().collect()
}

fn place(line: &StockLineInput) -> Place {
    Place {
        warehouse_id: line.warehouse_id.clone(),
        sku: line.sku.clone(),
    }
}

async fn give_back(
    env: &Env,
    scope: &Scope,
    shard: u16,
    lines: &Lines,
) -> Result<Vec<SeenRow>, Problem> {
    let of_shard = lines.by_shard.get(&shard).map_or(&[][..], Vec::as_slice);
    let op = Op::Restore {
        order_id: lines.order_id.clone(),
        lines: of_shard
            .iter()
            .map(|line| RestoreLine {
                place: place(line),
                quantity: None,
            })
            .collect(),
        key: "undo".into(),
    };
    perform(env, scope, shard, op).await
}

/// `POST /api/stock/restore`
pub async fn restore(env: &Env, incoming: &Incoming) -> Outcome {
    incoming.actor(STAFF)?;
    let lines = lines(env, incoming, false).await?;
    // One restore a line, unless the caller tells several apart by their keys.
    let key = match incoming.key()? {
        Some(key) => format!("restore:{key}"),
        None => "restore".to_owned(),
    };
    let mut after: Vec<SeenRow> = Vec::new();
    for (shard, of_shard) in lines.by_shard.iter().rev() {
        let op = Op::Restore {
            order_id: lines.order_id.clone(),
            lines: of_shard
                .iter()
                .map(|line| RestoreLine {
                    place: place(line),
                    quantity: line.quantity,
                })
                .collect(),
            key: key.clone(),
        };
        after.extend(perform(env, &incoming.scope, *shard, op).await?);
    }
    let moved = StockMoved {
        success: true,
        order_id: lines.order_id,
        rows: rows(after),
    };
    http::json(200, &moved)
}

async fn perform(env: &Env, scope: &Scope, shard: u16, op: Op) -> Result<Vec<SeenRow>, Problem> {
    let command = StockCommand { shard, op };
    let answer = call(
        env,
        scope,
        To::Object(STOCK_DESK, &desk_name(shard)),
        command,
    )
    .await
    .map_err(|error| error.into_problem("stock"))?;
    match answer {
        Answer::Held { rows } | Answer::Done { rows } | Answer::Seen { rows } => Ok(rows),
        Answer::Short { lines } => Err(Problem::new(
            code::INSUFFICIENT_STOCK,
            "there is less in stock than asked for",
        )
        .with("lines", facts(lines))),
        Answer::Changed { lines } => Err(Problem::new(
            code::STOCK_CHANGED,
            "the stock is not what you expected; read it again",
        )
        .with("lines", facts(lines))),
        Answer::Exceeds { lines } => Err(Problem::new(
            code::EXCEEDS_HOLD,
            "the order holds less than is to be given back",
        )
        .with("lines", facts(lines))),
        Answer::Missing { places } => Err(Problem::not_found("stock row")
            .of_field("sku")
            .with("places", places)),
        Answer::Closed => Err(Problem::new(
            code::HOLD_CLOSED,
            "this order's hold was given back, shipped, or is of another quantity",
        )),
        Answer::Unknown => Err(Problem::new(
            code::OUTCOME_UNKNOWN,
            "the stock shard did not answer; repeat the request, it counts once",
        )
        .retry_after(1)),
    }
}

/// What stands in the way, line by line, as callers see it.
pub fn facts(lines: Vec<LineFact>) -> Vec<Value> {
    lines
        .into_iter()
        .map(|fact| {
            json!({ "warehouse_id": fact.place.warehouse_id, "sku": fact.place.sku,
                    "requested": fact.requested, "available": fact.available })
        })
        .collect()
}

fn rows(seen: Vec<SeenRow>) -> Vec<StockRow> {
    seen.into_iter()
        .map(|row| StockRow {
            warehouse_id: row.place.warehouse_id,
            sku: row.place.sku,
            stock: row.stock,
            held: row.held,
        })
        .collect()
}

/// `GET /api/stock?sku=`
pub async fn list(env: &Env, incoming: &Incoming) -> Outcome {
    incoming.actor(STAFF)?;
    let sku = incoming
        .query
        .get("sku")
        .filter(|sku| is_code(sku))
        .ok_or_else(|| Problem::field("sku", "name a SKU with ?sku="))?;
    let seen = looking::look(env, &incoming.scope, std::slice::from_ref(sku), true).await?;
    http::json(200, &rows(seen.into_values().flatten().collect()))
}

/// `POST /api/stock/adjust`: counts once under its `Idempotency-Key`; without one
/// every call counts.
pub async fn adjust(env: &Env, incoming: &Incoming) -> Outcome {
    let actor = incoming.actor(STAFF)?;
    let input: AdjustInput = incoming.json()?;
    if !is_code(&input.sku) {
        return Err(Problem::field("sku", "is not a SKU"));
    }
    if input.delta == 0 || !(-STOCK_MAX..=STOCK_MAX).contains(&input.delta) {
        return Err(Problem::field(
            "delta",
            "must be a whole number other than 0",
        ));
    }
    if input.reason.trim().is_empty() || !fits(&input.reason, TEXT_MAX) {
        return Err(Problem::field("reason", "must be 1 to 1000 characters"));
    }
    let warehouses = catalogue::for_sale(env, &incoming.scope, &[])
        .await?
        .warehouses;
    let shard = warehouses
        .iter()
        .find(|warehouse| warehouse.warehouse_id == input.warehouse_id)
        .map(|warehouse| warehouse.shard)
        .ok_or_else(|| Problem::not_found("warehouse").of_field("warehouse_id"))?;
    let key = match incoming.key()? {
        Some(key) => format!("{}:{key}", actor.tag()),
        None => fingerprint(&[&format!("{:?}", edge::clock::random_bytes())]),
    };
    let line = AdjustLine {
        place: Place {
            warehouse_id: input.warehouse_id,
            sku: input.sku,
        },
        delta: input.delta,
    };
    let reason = format!("{} ({})", input.reason, actor.tag());
    let answer =
        catalogue_edit::adjust(env, &incoming.scope, shard, vec![line], &reason, &key).await?;
    let after = match answer {
        Answer::Done { rows } => rows,
        _ => Vec::new(),
    };
    let adjusted = StockAdjusted {
        success: true,
        rows: rows(after),
    };
    http::json(200, &adjusted)
}
