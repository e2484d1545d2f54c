//! Who is near, who is best, who is within a distance.
//!
//! A search for the nearest reads cells, wider or closer ones until it has what it wants
//! (`domain::spot`). Where it ended is remembered for the neighbourhood, so that the next
//! one begins there and mostly takes one trip. Nothing hangs on that memory but trips.

use std::cell::RefCell;
use std::collections::BTreeMap;

use contract::Problem;
use contract::vendor::{FindBest, FindNear, VendorView, VendorsFound};
use domain::geo::{Point, distance_km};
use domain::spot::{self, ROWS_CROWDED, Search, Step};
use edge::Scope;
use edge::d1::{Db, Sql, rows_of, rows_read};
use worker::Env;

use crate::directory::Row;

/// The widest that anybody looks. Beyond it lists are the better question.
pub const RADIUS_MAX_KM: f64 = 100.0;
/// Neighbourhoods that are remembered, about 20 km wide each.
const HINTS_MAX: usize = 2_000;
const NEIGHBOURHOOD_BITS: u32 = 20;

thread_local! {
    static HINTS: RefCell<BTreeMap<u64, u32>> = const { RefCell::new(BTreeMap::new()) };
}

const NEAR: &str = "
    SELECT v.* FROM json_each(?1) AS cell CROSS JOIN vendors AS v INDEXED BY vendors_accepting
    WHERE v.accepting = 1 AND v.spot >= cell.value ->> 0 AND v.spot < cell.value ->> 1
    LIMIT ?2";

const WITHIN: &str = "
    SELECT v.* FROM json_each(?1) AS cell CROSS JOIN vendors AS v INDEXED BY vendors_spot
    WHERE v.retired = 0 AND v.spot >= cell.value ->> 0 AND v.spot < cell.value ->> 1
    LIMIT ?2";

const BEST: &str = "
    SELECT * FROM vendors INDEXED BY vendors_best WHERE accepting = 1
    ORDER BY score DESC, vendor_id LIMIT ?1";

/// What one reading of the database found and cost.
async fn read(env: &Env, scope: &Scope, step: &str, sql: Sql) -> Result<(Vec<Row>, u64), Problem> {
    let results = Db::open(env, "DB")?.batch(scope, step, &[sql]).await?;
    let result = results.first();
    Ok((rows_of(result)?, rows_read(result)))
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Those who would take an order now, nearest first. Never changes anything, so it may
/// be repeated at will.
pub async fn near(env: &Env, scope: &Scope, find: &FindNear) -> Result<VendorsFound, Problem> {
    let at = Point {
        latitude: find.latitude,
        longitude: find.longitude,
    };
    let neighbourhood = spot::spot(at) >> NEIGHBOURHOOD_BITS;
    let hint = HINTS.with_borrow(|hints| hints.get(&neighbourhood).copied());
    let wanted = usize::try_from(find.limit).unwrap_or(1);
    let mut search = Search::new(at, wanted, find.radius_km, hint);
    let (mut step, mut rows, mut rows_read, mut trips) = (search.first(), Vec::new(), 0_u64, 0_u32);
    let near = loop {
        match step {
            Step::Read(block, limit) => {
                let sql = Sql::new(NEAR).json(&block.ranges).int(count(limit));
                let (found, cost) = read(env, scope, "vendors.near", sql).await?;
                rows = found;
                rows_read = rows_read.saturating_add(cost);
                trips = trips.saturating_add(1);
                let places: Vec<Point> = rows.iter().map(Row::at).collect();
                step = search.take(&places);
            }
            Step::Found(near) => break near,
        }
    };
    HINTS.with_borrow_mut(|hints| {
        if hints.len() >= HINTS_MAX {
            hints.clear();
        }
        hints.insert(neighbourhood, search.reach());
    });
    let mut rows: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
    let vendors: Vec<VendorView> = near
        .iter()
        .filter_map(|near| {
            let row = rows.get_mut(near.index)?.take()?;
            Some(row.view(Some(near.km)))
        })
        .collect();
    Ok(VendorsFound {
        truncated: vendors.len() >= wanted,
        vendors,
        rows_read,
        trips,
    })
}

/// Those who would take an order now, best first.
pub async fn best(env: &Env, scope: &Scope, find: &FindBest) -> Result<VendorsFound, Problem> {
    let at = Point {
        latitude: find.latitude,
        longitude: find.longitude,
    };
    let sql = Sql::new(BEST).int(i64::from(find.limit));
    let (rows, rows_read) = read(env, scope, "vendors.best", sql).await?;
    let vendors: Vec<VendorView> = rows
        .into_iter()
        .map(|row| {
            let km = distance_km(at, row.at());
            row.view(Some(km))
        })
        .collect();
    Ok(VendorsFound {
        truncated: u32::try_from(vendors.len()).is_ok_and(|count| count >= find.limit),
        vendors,
        rows_read,
        trips: 1,
    })
}

/// Everybody within a distance, whether they would take an order or not: for maps.
pub async fn within(env: &Env, scope: &Scope, at: Point, km: f64) -> Result<VendorsFound, Problem> {
    let block = spot::covering(at, km);
    let sql = Sql::new(WITHIN)
        .json(&block.ranges)
        .int(count(ROWS_CROWDED));
    let (rows, rows_read) = read(env, scope, "vendors.within", sql).await?;
    let truncated = rows.len() >= ROWS_CROWDED;
    let mut vendors: Vec<VendorView> = rows
        .into_iter()
        .map(|row| {
            let km = distance_km(at, row.at());
            row.view(Some(km))
        })
        .filter(|view| view.distance_km.is_some_and(|away| away <= km))
        .collect();
    vendors.sort_by(|a, b| {
        let (a_km, b_km) = (
            a.distance_km.unwrap_or_default(),
            b.distance_km.unwrap_or_default(),
        );
        a_km.total_cmp(&b_km)
            .then_with(|| a.vendor.vendor_id.cmp(&b.vendor.vendor_id))
    });
    Ok(VendorsFound {
        vendors,
        truncated,
        rows_read,
        trips: 1,
    })
}
