//! A stock shard's tables, as the desk reads and writes them: sets, never loops.

use std::collections::BTreeMap;

use domain::stock::{Batch, Found, Hold, HoldWrite, Movement, Place, Reads, Row, RowWrite};
use edge::Scope;
use edge::d1::{Db, DbError, Sql, rows_of};
use serde::{Deserialize, Serialize};

/// The database of a shard.
pub fn binding(shard: u16) -> String {
    format!("STOCK_{shard}")
}

/// The whole batch or nothing, in one trip. A constraint error means that a row
/// or a hold was not what the desk took it for, so nothing was written.
pub async fn commit(
    db: &Db,
    scope: &Scope,
    step: &str,
    batch: &Batch,
    now_ms: i64,
) -> Result<(), DbError> {
    let mut statements = Vec::with_capacity(8);
    let (changed, created): (Vec<&RowWrite>, Vec<&RowWrite>) =
        batch.rows.iter().partition(|row| row.old_stock.is_some());
    if !changed.is_empty() {
        let set: Vec<RowJson> = changed.iter().map(|row| RowJson::of(row)).collect();
        statements.push(
            Sql::new(
                "UPDATE stock SET stock = w.stock, held = stock.held + w.held
                 FROM (SELECT value ->> 's' AS sku, value ->> 'w' AS warehouse_id,
                              value ->> 'o' AS old, value ->> 'n' AS stock, value ->> 'h' AS held
                       FROM json_each(?1)) AS w
                 WHERE stock.sku = w.sku AND stock.warehouse_id = w.warehouse_id
                   AND stock.stock = w.old",
            )
            .json(&set),
        );
        statements.push(guard(changed.len()));
    }
    if !created.is_empty() {
        let set: Vec<RowJson> = created.iter().map(|row| RowJson::of(row)).collect();
        statements.push(
            Sql::new(
                "INSERT INTO stock (sku, warehouse_id, stock, held)
                 SELECT value ->> 's', value ->> 'w', value ->> 'n', value ->> 'h'
                 FROM json_each(?1)",
            )
            .json(&set),
        );
    }
    statements.extend(hold_statements(&batch.holds, now_ms));
    if !batch.movements.is_empty() {
        let set: Vec<MovementJson> = batch.movements.iter().map(MovementJson::of).collect();
        statements.push(
            Sql::new(
                "INSERT INTO stock_movements
                   (kind, key, cause, sku, warehouse_id, stock_delta, held_delta, created_ms)
                 SELECT value ->> 'k', value ->> 'y', value ->> 'c', value ->> 's', value ->> 'w',
                        value ->> 'n', value ->> 'h', ?2
                 FROM json_each(?1)",
            )
            .json(&set)
            .int(now_ms),
        );
    }
    db.batch(scope, step, &statements).await.map(|_| ())
}

fn hold_statements(holds: &[HoldWrite], now_ms: i64) -> Vec<Sql> {
    let mut statements = Vec::new();
    let (changed, created): (Vec<&HoldWrite>, Vec<&HoldWrite>) =
        holds.iter().partition(|hold| hold.old.is_some());
    if !created.is_empty() {
        let set: Vec<HoldJson> = created.iter().map(|hold| HoldJson::of(hold)).collect();
        statements.push(
            Sql::new(
                "INSERT INTO stock_holds
                   (order_id, sku, warehouse_id, quantity, released, shipped, keys, created_ms)
                 SELECT value ->> 'i', value ->> 's', value ->> 'w', value ->> 'q', value ->> 'r',
                        value ->> 'p', value -> 'k', ?2
                 FROM json_each(?1)",
            )
            .json(&set)
            .int(now_ms),
        );
    }
    if !changed.is_empty() {
        let set: Vec<HoldJson> = changed.iter().map(|hold| HoldJson::of(hold)).collect();
        statements.push(
            Sql::new(
                "UPDATE stock_holds SET released = w.released, shipped = w.shipped, keys = w.keys
                 FROM (SELECT value ->> 'i' AS order_id, value ->> 's' AS sku,
                              value ->> 'w' AS warehouse_id, value ->> 'r' AS released,
                              value ->> 'p' AS shipped, value -> 'k' AS keys,
                              value ->> 'or' AS old_released, value ->> 'op' AS old_shipped
                       FROM json_each(?1)) AS w
                 WHERE stock_holds.order_id = w.order_id AND stock_holds.sku = w.sku
                   AND stock_holds.warehouse_id = w.warehouse_id
                   AND stock_holds.released = w.old_released
                   AND stock_holds.shipped = w.old_shipped",
            )
            .json(&set),
        );
        statements.push(guard(changed.len()));
    }
    statements
}

/// Fails, and the batch with it, unless the statement before changed that many rows.
fn guard(expected: usize) -> Sql {
    Sql::new("INSERT INTO batch_guard (missed) SELECT 1 WHERE changes() <> ?1")
        .int(i64::try_from(expected).unwrap_or(i64::MAX))
}

/// Sets as the statements take them: a value each, with a letter for each column.
#[derive(Serialize)]
struct RowJson<'a> {
    s: &'a str,
    w: &'a str,
    o: Option<i64>,
    n: i64,
    h: i64,
}

impl<'a> RowJson<'a> {
    fn of(row: &'a RowWrite) -> Self {
        Self {
            s: &row.place.sku,
            w: &row.place.warehouse_id,
            o: row.old_stock,
            n: row.stock,
            h: row.held_delta,
        }
    }
}

#[derive(Serialize)]
struct MovementJson<'a> {
    k: &'a str,
    y: &'a str,
    c: &'a str,
    s: &'a str,
    w: &'a str,
    n: i64,
    h: i64,
}

impl<'a> MovementJson<'a> {
    fn of(movement: &'a Movement) -> Self {
        Self {
            k: movement.kind.name(),
            y: &movement.key,
            c: &movement.cause,
            s: &movement.place.sku,
            w: &movement.place.warehouse_id,
            n: movement.stock_delta,
            h: movement.held_delta,
        }
    }
}

#[derive(Serialize)]
struct HoldJson<'a> {
    i: &'a str,
    s: &'a str,
    w: &'a str,
    q: i64,
    r: i64,
    p: i64,
    k: &'a [String],
    or: i64,
    op: i64,
}

impl<'a> HoldJson<'a> {
    fn of(write: &'a HoldWrite) -> Self {
        let (or, op) = write.old.unwrap_or_default();
        Self {
            i: &write.order_id,
            s: &write.place.sku,
            w: &write.place.warehouse_id,
            q: write.hold.quantity,
            r: write.hold.released,
            p: write.hold.shipped,
            k: &write.hold.keys,
            or,
            op,
        }
    }
}

#[derive(Deserialize)]
pub struct RowRecord {
    pub sku: String,
    pub warehouse_id: String,
    pub stock: i64,
    pub held: i64,
}

#[derive(Deserialize)]
struct HoldRecord {
    order_id: String,
    sku: String,
    warehouse_id: String,
    quantity: i64,
    released: i64,
    shipped: i64,
    keys: String,
}

#[derive(Deserialize)]
struct KeyRecord {
    key: String,
}

/// Everything that was asked for, in one trip.
pub async fn read(db: &Db, scope: &Scope, step: &str, reads: &Reads) -> Result<Found, DbError> {
    let statements = [
        Sql::new(
            "SELECT sku, warehouse_id, stock, held FROM stock
             WHERE sku IN (SELECT value FROM json_each(?1))",
        )
        .json(&reads.skus),
        Sql::new(
            "SELECT order_id, sku, warehouse_id, quantity, released, shipped, keys
             FROM stock_holds WHERE order_id IN (SELECT value FROM json_each(?1))",
        )
        .json(&reads.orders),
        Sql::new(
            "SELECT DISTINCT key FROM stock_movements
             WHERE kind = 'adjust' AND key IN (SELECT value FROM json_each(?1))",
        )
        .json(&reads.adjust_keys),
    ];
    let results = db.batch(scope, step, &statements).await?;
    let mut results = results.iter();
    let mut found = Found::default();
    for row in rows_of::<RowRecord>(results.next())? {
        let counters = Row {
            stock: row.stock,
            held: row.held,
        };
        let rows: &mut BTreeMap<_, _> = found.rows.entry(row.sku).or_default();
        rows.insert(row.warehouse_id, counters);
    }
    for hold in rows_of::<HoldRecord>(results.next())? {
        let place = Place {
            warehouse_id: hold.warehouse_id,
            sku: hold.sku,
        };
        let record = Hold {
            quantity: hold.quantity,
            released: hold.released,
            shipped: hold.shipped,
            keys: serde_json::from_slice(hold.keys.as_bytes()).unwrap_or_default(),
        };
        let holds = found.holds.entry(hold.order_id).or_default();
        holds.insert(place, record);
    }
    for record in rows_of::<KeyRecord>(results.next())? {
        found.applied_keys.push(record.key);
    }
    Ok(found)
}
