//! Every counter against the movements and holds that must explain it.

use contract::Problem;
use contract::stock::{Audit, DriftRow};
use edge::d1::{Db, Sql, rows_of};
use edge::{Incoming, Outcome, http};
use serde::Deserialize;
use worker::Env;

use crate::{looking, stock_routes, stock_sql};

#[derive(Deserialize)]
struct Sums {
    rows: i64,
    stock: i64,
    held: i64,
    drift: i64,
}

#[derive(Deserialize)]
struct Drift {
    warehouse_id: String,
    sku: String,
    stock: i64,
    held: i64,
    stock_by_movements: i64,
    held_by_movements: i64,
    held_by_holds: i64,
}

/// Rows beside what their movements and holds add up to. A row that only the
/// movements or holds know counts too, as a counter of nothing.
macro_rules! explained {
    ($tail:literal) => {
        concat!(
            "WITH moved AS (
               SELECT sku, warehouse_id, SUM(stock_delta) AS stock, SUM(held_delta) AS held
               FROM stock_movements GROUP BY sku, warehouse_id),
             kept AS (
               SELECT sku, warehouse_id, SUM(quantity - released - shipped) AS held
               FROM stock_holds GROUP BY sku, warehouse_id),
             places AS (
               SELECT sku, warehouse_id FROM stock
               UNION SELECT sku, warehouse_id FROM moved
               UNION SELECT sku, warehouse_id FROM kept WHERE held <> 0),
             explained AS (
               SELECT p.sku, p.warehouse_id, COALESCE(s.stock, 0) AS stock,
                      COALESCE(s.held, 0) AS held,
                      COALESCE(m.stock, 0) AS stock_by_movements,
                      COALESCE(m.held, 0) AS held_by_movements,
                      COALESCE(k.held, 0) AS held_by_holds
               FROM places p
               LEFT JOIN stock s USING (sku, warehouse_id)
               LEFT JOIN moved m USING (sku, warehouse_id)
               LEFT JOIN kept k USING (sku, warehouse_id)) ",
            $tail
        )
    };
}

/// `GET /api/stock/audit`: reads whole tables, so it is for people and tests.
pub async fn audit(env: &Env, incoming: &Incoming) -> Outcome {
    incoming.actor(stock_routes::STAFF)?;
    let mut audit = Audit::default();
    for shard in 0..looking::shards(env) {
        add_shard(env, incoming, shard, &mut audit).await?;
    }
    http::json(200, &audit)
}

async fn add_shard(
    env: &Env,
    incoming: &Incoming,
    shard: u16,
    audit: &mut Audit,
) -> Result<(), Problem> {
    let statements = [
        Sql::new(explained!(
            "SELECT COUNT(*) AS rows, COALESCE(SUM(stock), 0) AS stock,
                    COALESCE(SUM(held), 0) AS held,
                    COALESCE(SUM(stock <> stock_by_movements OR held <> held_by_movements
                                 OR held <> held_by_holds), 0) AS drift
             FROM explained"
        )),
        Sql::new(explained!(
            "SELECT * FROM explained
             WHERE stock <> stock_by_movements OR held <> held_by_movements OR held <> held_by_holds
             LIMIT 100"
        )),
    ];
    let results = Db::open(env, &stock_sql::binding(shard))?
        .batch(&incoming.scope, "stock.audit", &statements)
        .await?;
    let mut results = results.iter();
    for sums in rows_of::<Sums>(results.next())? {
        audit.rows = audit.rows.saturating_add(sums.rows);
        audit.units_in_stock = audit.units_in_stock.saturating_add(sums.stock);
        audit.units_held = audit.units_held.saturating_add(sums.held);
        audit.drift = audit.drift.saturating_add(sums.drift);
    }
    for row in rows_of::<Drift>(results.next())? {
        audit.rows_with_drift.push(DriftRow {
            shard,
            warehouse_id: row.warehouse_id,
            sku: row.sku,
            stock: row.stock,
            held: row.held,
            stock_by_movements: row.stock_by_movements,
            held_by_movements: row.held_by_movements,
            held_by_holds: row.held_by_holds,
        });
    }
    Ok(())
}
