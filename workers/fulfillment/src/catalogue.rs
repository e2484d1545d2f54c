//! Reading the catalogue.
//!
//! What a cart needs of a SKU is remembered in the isolate for [`FRESH_MS`], so a
//! plan costs no trip most of the time. A change made through this isolate is
//! seen at once, one made elsewhere within that time; the total that a shopper
//! agreed to is guarded by `expected_total`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use contract::Problem;
use contract::catalogue::{Product, ProductPage, Variant, Warehouse};
use domain::geo::Point;
use edge::d1::{Db, Sql, rows_of};
use edge::{Scope, clock};
use serde::Deserialize;
use worker::Env;

use crate::looking;
use crate::planning::Terms;

const FRESH_MS: i64 = 5_000;
const REMEMBERED_MAX: usize = 20_000;
/// SKUs renewed in one trip beside those that are asked for.
const RENEWED_MAX: usize = 1_000;

#[derive(Debug, Clone, Deserialize)]
pub struct VariantFacts {
    pub sku: String,
    pub product_id: String,
    pub title: String,
    pub size: String,
    pub price_minor: i64,
}

#[derive(Deserialize)]
struct WarehouseRow {
    warehouse_id: String,
    name: String,
    shard: u16,
    latitude: f64,
    longitude: f64,
    active: u8,
}

impl From<WarehouseRow> for Warehouse {
    fn from(row: WarehouseRow) -> Self {
        Self {
            warehouse_id: row.warehouse_id,
            name: row.name,
            shard: row.shard,
            active: row.active != 0,
            at: Point {
                latitude: row.latitude,
                longitude: row.longitude,
            },
        }
    }
}

#[derive(Default)]
struct Memory {
    /// `None` for a SKU that is not for sale.
    variants: BTreeMap<String, (Option<VariantFacts>, i64)>,
    warehouses: Vec<Warehouse>,
    warehouses_at_ms: i64,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// Those of the SKUs that are for sale, and every warehouse.
pub struct ForSale {
    pub variants: BTreeMap<String, VariantFacts>,
    pub warehouses: Vec<Warehouse>,
}

/// Something was changed: what is remembered is forgotten.
pub fn forget() {
    MEMORY.with_borrow_mut(|memory| *memory = Memory::default());
}

fn remembered(skus: &[String], now: i64) -> Option<ForSale> {
    let oldest = now.saturating_sub(FRESH_MS);
    MEMORY.with_borrow(|memory| {
        if memory.warehouses_at_ms <= oldest {
            return None;
        }
        let mut variants = BTreeMap::new();
        for sku in skus {
            let (facts, _) = memory.variants.get(sku).filter(|(_, at)| *at > oldest)?;
            if let Some(facts) = facts {
                variants.insert(sku.clone(), facts.clone());
            }
        }
        Some(ForSale {
            variants,
            warehouses: memory.warehouses.clone(),
        })
    })
}

/// These SKUs, and others that are remembered but too old, up to a bound.
fn stale(skus: &[String], now: i64) -> Vec<String> {
    let oldest = now.saturating_sub(FRESH_MS);
    let mut stale: BTreeSet<String> = skus.iter().cloned().collect();
    MEMORY.with_borrow(|memory| {
        let old = memory.variants.iter().filter(|(_, (_, at))| *at <= oldest);
        stale.extend(old.map(|(sku, _)| sku.clone()).take(RENEWED_MAX));
    });
    stale.into_iter().collect()
}

const WAREHOUSES: &str =
    "SELECT warehouse_id, name, shard, latitude, longitude, active FROM warehouses";

/// At most one D1 trip.
pub async fn for_sale(env: &Env, scope: &Scope, skus: &[String]) -> Result<ForSale, Problem> {
    let now = clock::now_ms();
    if let Some(known) = remembered(skus, now) {
        return Ok(known);
    }
    // One trip renews everything that has grown old, not only what is asked for.
    let skus = &stale(skus, now);
    let statements = [
        Sql::new(
            "SELECT v.sku, v.product_id, p.title, v.size, v.price_minor
             FROM variants v JOIN products p ON p.product_id = v.product_id
             WHERE v.active = 1 AND p.active = 1 AND v.sku IN (SELECT value FROM json_each(?1))",
        )
        .json(&skus),
        Sql::new(WAREHOUSES),
    ];
    let results = Db::open(env, "DB")?
        .batch(scope, "catalogue.for_sale", &statements)
        .await?;
    let mut results = results.iter();
    let facts: Vec<VariantFacts> = rows_of(results.next())?;
    let rows: Vec<WarehouseRow> = rows_of(results.next())?;
    let variants: BTreeMap<String, VariantFacts> = facts
        .into_iter()
        .map(|facts| (facts.sku.clone(), facts))
        .collect();
    let warehouses: Vec<Warehouse> = rows.into_iter().map(Warehouse::from).collect();
    MEMORY.with_borrow_mut(|memory| {
        if memory.variants.len() > REMEMBERED_MAX {
            memory.variants.clear();
        }
        for sku in skus {
            let facts = variants.get(sku).cloned();
            memory.variants.insert(sku.clone(), (facts, now));
        }
        memory.warehouses.clone_from(&warehouses);
        memory.warehouses_at_ms = now;
    });
    Ok(ForSale {
        variants,
        warehouses,
    })
}

/// Every warehouse, as it is in the database now.
pub async fn warehouses(env: &Env, scope: &Scope) -> Result<Vec<Warehouse>, Problem> {
    let rows: Vec<WarehouseRow> = Db::open(env, "DB")?
        .rows(scope, "catalogue.warehouses", Sql::new(WAREHOUSES))
        .await?;
    Ok(rows.into_iter().map(Warehouse::from).collect())
}

#[derive(Deserialize)]
struct ProductRow {
    product_id: String,
    title: String,
    description: String,
    variants: String,
}

/// A page of products with their variants, in order of id.
pub async fn page(
    env: &Env,
    scope: &Scope,
    after: &str,
    limit: u32,
) -> Result<ProductPage, Problem> {
    let statement = Sql::new(
        "SELECT p.product_id, p.title, p.description,
                (SELECT json_group_array(json_object(
                   'sku', v.sku, 'size', v.size, 'price_minor', v.price_minor))
                 FROM variants v WHERE v.product_id = p.product_id AND v.active = 1) AS variants
         FROM products p WHERE p.active = 1 AND p.product_id > ?1
         ORDER BY p.product_id LIMIT ?2",
    )
    .text(after)
    .int(i64::from(limit));
    let rows: Vec<ProductRow> = Db::open(env, "DB")?
        .rows(scope, "catalogue.page", statement)
        .await?;
    let full = u32::try_from(rows.len()).is_ok_and(|count| count == limit);
    let next_cursor = rows
        .last()
        .filter(|_| full)
        .map(|row| row.product_id.clone());
    Ok(ProductPage {
        products: with_hints(env, scope, rows).await?,
        next_cursor,
    })
}

pub async fn product(env: &Env, scope: &Scope, product_id: &str) -> Result<Product, Problem> {
    let statement = Sql::new(
        "SELECT p.product_id, p.title, p.description,
                (SELECT json_group_array(json_object(
                   'sku', v.sku, 'size', v.size, 'price_minor', v.price_minor))
                 FROM variants v WHERE v.product_id = p.product_id AND v.active = 1) AS variants
         FROM products p WHERE p.active = 1 AND p.product_id = ?1",
    )
    .text(product_id);
    let rows: Vec<ProductRow> = Db::open(env, "DB")?
        .rows(scope, "catalogue.product", statement)
        .await?;
    with_hints(env, scope, rows)
        .await?
        .into_iter()
        .next()
        .ok_or_else(|| Problem::not_found("product"))
}

/// Stock hints for a whole page are one look at the shards.
async fn with_hints(
    env: &Env,
    scope: &Scope,
    rows: Vec<ProductRow>,
) -> Result<Vec<Product>, Problem> {
    let currency = Terms::read(env).currency;
    let mut products: Vec<Product> = rows
        .into_iter()
        .map(|row| Product {
            product_id: row.product_id,
            title: row.title,
            description: row.description,
            currency: currency.clone(),
            variants: serde_json::from_slice(row.variants.as_bytes()).unwrap_or_default(),
        })
        .collect();
    let skus: Vec<String> = products
        .iter()
        .flat_map(|product| &product.variants)
        .map(|variant| variant.sku.clone())
        .collect();
    if skus.is_empty() {
        return Ok(products);
    }
    let seen = match looking::hint(&skus) {
        Some(seen) => seen,
        None => looking::look(env, scope, &skus, false).await?,
    };
    let sending: BTreeSet<String> = for_sale(env, scope, &[])
        .await?
        .warehouses
        .into_iter()
        .filter(|warehouse| warehouse.active)
        .map(|warehouse| warehouse.warehouse_id)
        .collect();
    let all: Vec<&mut Variant> = products
        .iter_mut()
        .flat_map(|product| &mut product.variants)
        .collect();
    for variant in all {
        let rows = seen.get(&variant.sku).map_or(&[][..], Vec::as_slice);
        let free = rows
            .iter()
            .filter(|row| sending.contains(&row.place.warehouse_id))
            .fold(0_i64, |sum, row| sum.saturating_add(row.stock));
        variant.stock_hint = Some(free);
    }
    Ok(products)
}
