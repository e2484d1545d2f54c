//! What is running low, over all shards: each is asked once, for as many rows as a page has, by an index
//! of such rows alone. A page goes on behind the last row of the one before, by stock, SKU and warehouse;
//! a row whose stock changes in between moves, and may then be shown on both or on neither.

use contract::Problem;
use contract::stock::{LowStockPage, LowStockRow};
use domain::limits::is_code;
use edge::d1::{Db, Sql};
use edge::{Incoming, Outcome, http};
use worker::Env;

use crate::{catalogue, looking, stock_routes, stock_sql};

/// The index has the rows up to this.
const THRESHOLD_MAX: i64 = 1000;

/// The last row of a page.
struct Cursor<'a> {
    stock: i64,
    sku: &'a str,
    warehouse_id: &'a str,
}

/// `GET /api/admin/stock/low`
pub async fn list(env: &Env, incoming: &Incoming) -> Outcome {
    incoming.actor(stock_routes::STAFF)?;
    let limit = incoming.limit(50, 200)?;
    let threshold = threshold(incoming.query.get("threshold"))?;
    let cursor = cursor(incoming.query.get("cursor"))?;
    let wanted = limit.saturating_add(1);
    let asked = (0..looking::shards(env)).map(|shard| {
        let statement = Sql::new(
            "SELECT warehouse_id, sku, stock, held FROM stock
             WHERE stock <= 1000 AND stock <= ?1 AND (stock, sku, warehouse_id) > (?2, ?3, ?4)
             ORDER BY stock, sku, warehouse_id LIMIT ?5",
        )
        .int(threshold)
        .int(cursor.stock)
        .text(cursor.sku)
        .text(cursor.warehouse_id)
        .int(i64::from(wanted));
        async move {
            let db = Db::open(env, &stock_sql::binding(shard))?;
            let rows = db.rows::<LowStockRow>(&incoming.scope, "stock.low", statement);
            rows.await.map_err(Problem::from)
        }
    });
    let mut rows: Vec<LowStockRow> = Vec::new();
    for answer in futures::future::join_all(asked).await {
        rows.extend(answer?);
    }
    rows.sort_by(|a, b| {
        (a.stock, &a.sku, &a.warehouse_id).cmp(&(b.stock, &b.sku, &b.warehouse_id))
    });
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows
        .last()
        .filter(|_| more)
        .map(|row| format!("{},{},{}", row.stock, row.sku, row.warehouse_id));
    name(env, incoming, &mut rows).await?;
    http::json(200, &LowStockPage { rows, next_cursor })
}

/// Gives each row the title of what it is, where that is for sale.
async fn name(env: &Env, incoming: &Incoming, rows: &mut [LowStockRow]) -> Result<(), Problem> {
    let skus: Vec<String> = rows.iter().map(|row| row.sku.clone()).collect();
    if skus.is_empty() {
        return Ok(());
    }
    let known = catalogue::for_sale(env, &incoming.scope, &skus).await?;
    for row in rows {
        row.title = known
            .variants
            .get(&row.sku)
            .map(|facts| facts.title.clone());
    }
    Ok(())
}

fn threshold(text: Option<&String>) -> Result<i64, Problem> {
    match text.map(|text| text.parse()) {
        None => Ok(10),
        Some(Ok(threshold)) if (0..=THRESHOLD_MAX).contains(&threshold) => Ok(threshold),
        Some(_) => Err(Problem::field("threshold", "must be from 0 to 1000")),
    }
}

fn cursor(text: Option<&String>) -> Result<Cursor<'_>, Problem> {
    let Some(text) = text else {
        return Ok(Cursor {
            stock: -1,
            sku: "",
            warehouse_id: "",
        });
    };
    let mut parts = text.split(',');
    let stock = parts.next().and_then(|text| text.parse().ok());
    let codes = parts.next().zip(parts.next());
    match (stock, codes, parts.next()) {
        (Some(stock), Some((sku, warehouse_id)), None)
            if (0..=THRESHOLD_MAX).contains(&stock) && is_code(sku) && is_code(warehouse_id) =>
        {
            Ok(Cursor {
                stock,
                sku,
                warehouse_id,
            })
        }
        _ => Err(Problem::field("cursor", "must be one that a page gave")),
    }
}
