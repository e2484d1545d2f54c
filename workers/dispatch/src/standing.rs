//! How it stands in the cells, for those who run the shop: one row a cell in the database,
//! written by the cell now and then, and read together with what came to nothing.

use contract::Problem;
use contract::dispatch::{CellStats, DispatchStats};
use edge::Scope;
use edge::d1::{Db, Sql, rows_of};
use serde::Deserialize;
use worker::Env;

/// Cells that are shown.
const CELLS_MAX: i64 = 200;

#[derive(Deserialize)]
struct Count {
    waiting: i64,
}

pub async fn read(env: &Env, scope: &Scope) -> Result<DispatchStats, Problem> {
    let cells = Sql::new(
        "SELECT cell, available, open_orders, oldest_seconds, updated_at FROM cells
         ORDER BY updated_at DESC LIMIT ?1",
    );
    let letters =
        Sql::new("SELECT count(*) AS waiting FROM dead_letters WHERE replayed_at IS NULL");
    let found = Db::open(env, "DB")?
        .batch(scope, "dispatch.stats", &[cells.int(CELLS_MAX), letters])
        .await?;
    let letters: Vec<Count> = rows_of(found.get(1))?;
    Ok(DispatchStats {
        cells: rows_of(found.first())?,
        dead_letters: letters.first().map_or(0, |count| count.waiting),
    })
}

/// Of two words of a cell the later counts, and a cell says one after the other.
pub async fn write(env: &Env, cell: &CellStats) -> Result<(), Problem> {
    let sql = Sql::new(
        "INSERT INTO cells (cell, available, open_orders, oldest_seconds, updated_at)
         SELECT ?1 ->> 'cell', ?1 ->> 'available', ?1 ->> 'open_orders',
                ?1 ->> 'oldest_seconds', ?1 ->> 'updated_at'
         WHERE true
         ON CONFLICT DO UPDATE SET available = excluded.available,
           open_orders = excluded.open_orders, oldest_seconds = excluded.oldest_seconds,
           updated_at = excluded.updated_at",
    );
    Db::open(env, "DB")?
        .batch(&Scope::default(), "dispatch.cell", &[sql.json(cell)])
        .await?;
    Ok(())
}
