//! Changing the catalogue: one function writes any number of warehouses, products,
//! variants and counters; the routes for a single thing call it with one.
//!
//! Everything is an upsert, so an import may be repeated; its stock counts once
//! under its key, which is the print of its content when none is given.

use std::collections::{BTreeMap, BTreeSet};

use contract::catalogue::{
    ImportInput, ProductInput, StockInput, VariantInput, Warehouse, WarehouseInput, Written,
};
use contract::stock::{STOCK_DESK, StockCommand, desk_name};
use contract::{Problem, code};
use domain::geo::Point;
use domain::limits::{PRICE_MAX, STOCK_MAX, TEXT_MAX, fits, is_code, is_key};
use domain::stock::{AdjustLine, Answer, LineFact, Op, Place};
use edge::call::{To, call};
use edge::d1::{Db, Sql};
use edge::identity::fingerprint;
use edge::{Scope, clock};
use serde_json::json;
use worker::Env;

use crate::catalogue;
use crate::looking;
use crate::stock_routes::facts;
use crate::stock_sql;

fn code_field(field: &str, value: &str) -> Result<(), Problem> {
    if is_code(value) {
        return Ok(());
    }
    let wrong = "must be 1 to 64 letters, digits or any of - _ . :";
    Err(Problem::field(field, wrong))
}

fn text_field(field: &str, value: &str) -> Result<(), Problem> {
    if fits(value, TEXT_MAX) {
        return Ok(());
    }
    Err(Problem::field(
        field,
        "must be at most 1000 characters long",
    ))
}

fn check_variant(at: &str, variant: &VariantInput) -> Result<(), Problem> {
    code_field(&format!("{at}.sku"), &variant.sku)?;
    text_field(&format!("{at}.size"), &variant.size)?;
    if (0..=PRICE_MAX).contains(&variant.price_minor) {
        return Ok(());
    }
    let wrong = "must be from 0 to 100000000000";
    Err(Problem::field(format!("{at}.price_minor"), wrong))
}

fn check(input: &ImportInput, shards: u16) -> Result<(), Problem> {
    if input.key.as_deref().is_some_and(|key| !is_key(key)) {
        let wrong = "must be 1 to 255 visible ASCII characters";
        return Err(Problem::field("key", wrong));
    }
    for (n, warehouse) in input.warehouses.iter().enumerate() {
        code_field(
            &format!("warehouses[{n}].warehouse_id"),
            &warehouse.warehouse_id,
        )?;
        text_field(&format!("warehouses[{n}].name"), &warehouse.name)?;
        let at = Point {
            latitude: warehouse.latitude,
            longitude: warehouse.longitude,
        };
        if !at.is_valid() {
            let field = format!("warehouses[{n}].latitude");
            return Err(Problem::field(field, "the coordinates are off the globe"));
        }
        if warehouse.shard.is_some_and(|shard| shard >= shards) {
            let wrong = format!("must be below {shards}");
            return Err(Problem::field(format!("warehouses[{n}].shard"), &wrong));
        }
    }
    for (n, product) in input.products.iter().enumerate() {
        code_field(&format!("products[{n}].product_id"), &product.product_id)?;
        text_field(&format!("products[{n}].title"), &product.title)?;
        text_field(&format!("products[{n}].description"), &product.description)?;
        for (m, variant) in product.variants.iter().enumerate() {
            check_variant(&format!("products[{n}].variants[{m}]"), variant)?;
        }
    }
    for (n, line) in input.stock.iter().enumerate() {
        code_field(&format!("stock[{n}].warehouse_id"), &line.warehouse_id)?;
        code_field(&format!("stock[{n}].sku"), &line.sku)?;
        if !(-STOCK_MAX..=STOCK_MAX).contains(&line.quantity) {
            let field = format!("stock[{n}].quantity");
            return Err(Problem::field(field, "is out of range"));
        }
    }
    Ok(())
}

/// Writes it all: the catalogue in one D1 trip, the stock in one call a shard.
pub async fn write(env: &Env, scope: &Scope, input: &ImportInput) -> Result<Written, Problem> {
    let shards = looking::shards(env);
    check(input, shards)?;
    let known = catalogue::warehouses(env, scope).await?;
    let homes = homes(input, &known, shards);
    for (n, warehouse) in input.warehouses.iter().enumerate() {
        let home = homes.get(&warehouse.warehouse_id);
        if warehouse.shard.is_some() && warehouse.shard.as_ref() != home {
            let field = format!("warehouses[{n}].shard");
            return Err(Problem::field(
                field,
                "the shard of a warehouse never changes",
            ));
        }
    }
    if let Some((n, line)) = input
        .stock
        .iter()
        .enumerate()
        .find(|(_, line)| !homes.contains_key(&line.warehouse_id))
    {
        let wrong = format!("there is no warehouse {}", line.warehouse_id);
        return Err(Problem::field(format!("stock[{n}].warehouse_id"), &wrong));
    }
    let key = input.key.clone().unwrap_or_else(|| {
        let text = serde_json::to_string(&input.stock).unwrap_or_default();
        fingerprint(&[&text])
    });
    let key = format!("import:{key}");
    let deltas = deltas(&input.stock, &homes);
    check_room(env, scope, &deltas, &key).await?;
    let statements = statements(input, &homes);
    if !statements.is_empty() {
        Db::open(env, "DB")?
            .batch(scope, "catalogue.write", &statements)
            .await?;
        catalogue::forget();
    }
    add_stock(env, scope, deltas, &key).await?;
    Ok(Written {
        warehouses: input.warehouses.len(),
        products: input.products.len(),
        variants: input.products.iter().map(|p| p.variants.len()).sum(),
        stock_lines: input.stock.len(),
    })
}

/// The shard of every warehouse, old and new. A new one goes where there are
/// fewest, and a known one never moves.
fn homes(input: &ImportInput, known: &[Warehouse], shards: u16) -> BTreeMap<String, u16> {
    let mut homes: BTreeMap<String, u16> = known
        .iter()
        .map(|warehouse| (warehouse.warehouse_id.clone(), warehouse.shard))
        .collect();
    for warehouse in &input.warehouses {
        if homes.contains_key(&warehouse.warehouse_id) {
            continue;
        }
        let emptiest = (0..shards)
            .min_by_key(|shard| homes.values().filter(|home| *home == shard).count())
            .unwrap_or(0);
        let shard = warehouse.shard.unwrap_or(emptiest);
        homes.insert(warehouse.warehouse_id.clone(), shard);
    }
    homes
}

fn statements(input: &ImportInput, homes: &BTreeMap<String, u16>) -> Vec<Sql> {
    let mut statements = Vec::new();
    if !input.warehouses.is_empty() {
        statements.push(write_warehouses(&input.warehouses, homes));
    }
    if !input.products.is_empty() {
        statements.push(write_products(&input.products));
        let variants: Vec<_> = input
            .products
            .iter()
            .flat_map(|product| {
                product
                    .variants
                    .iter()
                    .map(|variant| (product.product_id.as_str(), variant))
            })
            .collect();
        statements.push(write_variants(&variants));
    }
    statements
}

fn write_warehouses(warehouses: &[WarehouseInput], homes: &BTreeMap<String, u16>) -> Sql {
    let set: Vec<_> = warehouses
        .iter()
        .map(|w| {
            json!({ "i": w.warehouse_id, "n": w.name, "s": homes.get(&w.warehouse_id),
                    "a": w.latitude, "o": w.longitude, "l": i32::from(w.active) })
        })
        .collect();
    Sql::new(
        "INSERT INTO warehouses (warehouse_id, name, shard, latitude, longitude, active)
         SELECT value ->> 'i', value ->> 'n', value ->> 's', value ->> 'a', value ->> 'o', value ->> 'l'
         FROM json_each(?1) WHERE true
         ON CONFLICT (warehouse_id) DO UPDATE SET name = excluded.name,
           latitude = excluded.latitude, longitude = excluded.longitude, active = excluded.active",
    )
    .json(&set)
}

fn write_products(products: &[ProductInput]) -> Sql {
    let set: Vec<_> = products
        .iter()
        .map(|p| {
            json!({ "i": p.product_id, "t": p.title, "d": p.description, "l": i32::from(p.active) })
        })
        .collect();
    Sql::new(
        "INSERT INTO products (product_id, title, description, active, updated_ms)
         SELECT value ->> 'i', value ->> 't', value ->> 'd', value ->> 'l', ?2
         FROM json_each(?1) WHERE true
         ON CONFLICT (product_id) DO UPDATE SET title = excluded.title,
           description = excluded.description, active = excluded.active,
           updated_ms = excluded.updated_ms",
    )
    .json(&set)
    .int(clock::now_ms())
}

fn write_variants(variants: &[(&str, &VariantInput)]) -> Sql {
    let set: Vec<_> = variants
        .iter()
        .map(|(product_id, v)| {
            json!({ "s": v.sku, "i": product_id, "z": v.size, "p": v.price_minor, "l": i32::from(v.active) })
        })
        .collect();
    Sql::new(
        "INSERT INTO variants (sku, product_id, size, price_minor, active)
         SELECT value ->> 's', value ->> 'i', value ->> 'z', value ->> 'p', value ->> 'l'
         FROM json_each(?1) WHERE true
         ON CONFLICT (sku) DO UPDATE SET product_id = excluded.product_id, size = excluded.size,
           price_minor = excluded.price_minor, active = excluded.active",
    )
    .json(&set)
}

/// What each shard's counters change by.
type Deltas = BTreeMap<u16, BTreeMap<Place, i64>>;

fn deltas(stock: &[StockInput], homes: &BTreeMap<String, u16>) -> Deltas {
    let mut by_shard = Deltas::new();
    for line in stock {
        let place = Place {
            warehouse_id: line.warehouse_id.clone(),
            sku: line.sku.clone(),
        };
        let shard = homes.get(&line.warehouse_id).copied().unwrap_or(0);
        let sum = by_shard.entry(shard).or_default().entry(place).or_default();
        *sum = sum.saturating_add(line.quantity);
    }
    by_shard
}

/// Refuses what cannot be before any of it is written. Not when some of it was
/// counted under its key before: then the rest must follow, and its shard decides.
async fn check_room(env: &Env, scope: &Scope, deltas: &Deltas, key: &str) -> Result<(), Problem> {
    for shard in deltas.keys() {
        let counted = Sql::new(
            "SELECT 1 AS counted FROM stock_movements WHERE kind = 'adjust' AND key = ?1 LIMIT 1",
        );
        let rows: Vec<serde_json::Value> = Db::open(env, &stock_sql::binding(*shard))?
            .rows(scope, "catalogue.counted", counted.text(key))
            .await?;
        if !rows.is_empty() {
            return Ok(());
        }
    }
    let changes: BTreeMap<&Place, i64> = deltas
        .values()
        .flatten()
        .map(|(place, delta)| (place, *delta))
        .collect();
    let skus: BTreeSet<String> = changes.keys().map(|place| place.sku.clone()).collect();
    if skus.is_empty() {
        return Ok(());
    }
    let skus: Vec<String> = skus.into_iter().collect();
    let seen = looking::look(env, scope, &skus, true).await?;
    let there: BTreeMap<&Place, i64> = seen
        .values()
        .flatten()
        .map(|row| (&row.place, row.stock))
        .collect();
    let exceeding: Vec<LineFact> = changes
        .into_iter()
        .map(|(place, requested)| LineFact {
            place: place.clone(),
            requested,
            available: there.get(place).copied().unwrap_or(0),
        })
        .filter(|fact| {
            let after = fact.available.saturating_add(fact.requested);
            !(0..=STOCK_MAX).contains(&after)
        })
        .collect();
    if exceeding.is_empty() {
        Ok(())
    } else {
        Err(out_of_range(exceeding))
    }
}

/// Safe to repeat: a desk counts a key once, so a shard that was reached before a
/// failure is not counted again.
async fn add_stock(env: &Env, scope: &Scope, deltas: Deltas, key: &str) -> Result<(), Problem> {
    for (shard, lines) in deltas {
        let lines = lines
            .into_iter()
            .map(|(place, delta)| AdjustLine { place, delta })
            .collect();
        adjust(env, scope, shard, lines, "import", key).await?;
    }
    Ok(())
}

fn out_of_range(lines: Vec<LineFact>) -> Problem {
    Problem::new(
        code::INSUFFICIENT_STOCK,
        "the stock would fall below zero or rise above its bound",
    )
    .with("lines", facts(lines))
}

/// Raises or lowers counters of one shard, once per key.
pub async fn adjust(
    env: &Env,
    scope: &Scope,
    shard: u16,
    lines: Vec<AdjustLine>,
    reason: &str,
    key: &str,
) -> Result<Answer, Problem> {
    let command = StockCommand {
        shard,
        op: Op::Adjust {
            lines,
            reason: reason.to_owned(),
            key: key.to_owned(),
        },
    };
    let to = desk_name(shard);
    let answer = call(env, scope, To::Object(STOCK_DESK, &to), command)
        .await
        .map_err(|error| error.into_problem("stock.adjust"))?;
    match answer {
        Answer::Exceeds { lines } => Err(out_of_range(lines)),
        Answer::Unknown => Err(Problem::new(
            code::OUTCOME_UNKNOWN,
            "the stock shard did not answer; repeat the request, it counts once",
        )
        .retry_after(1)),
        answer => {
            if let Answer::Done { rows } = &answer {
                looking::forget(rows.iter().map(|row| row.place.sku.as_str()));
            }
            Ok(answer)
        }
    }
}

/// Something is no longer offered. It stays in the record.
pub async fn retire(
    env: &Env,
    scope: &Scope,
    statement: &'static str,
    id: &str,
    what: &str,
) -> Result<(), Problem> {
    let changed = Db::open(env, "DB")?
        .rows::<serde_json::Value>(scope, "catalogue.retire", Sql::new(statement).text(id))
        .await?;
    if changed.is_empty() {
        return Err(Problem::not_found(what));
    }
    catalogue::forget();
    Ok(())
}
