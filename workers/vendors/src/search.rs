//! Who is near, who is best, who is within a distance.
//!
//! A search for the nearest reads cells, wider or closer ones until it has what it wants
//! (`domain::spot`). Where it ended is remembered for the neighbourhood, so that the next
//! one begins there and mostly takes one trip. Nothing hangs on that memory but trips.

use std::cell::RefCell;
use std::collections::BTreeMap;

use contract::Problem;
use contract::vendor::{Candidate, FindBest, FindNear, Found, VendorView};
use domain::geo::{Point, distance_km};
use domain::spot::{self, Hint, ROWS_CROWDED, Search, Step};
use edge::Scope;
use edge::d1::{Db, Sql, rows_of, rows_read};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use worker::Env;

use crate::directory::Row;

/// The widest that anybody looks. Beyond it lists are the better question.
pub const RADIUS_MAX_KM: f64 = 100.0;
/// Where searches ended is remembered for neighbourhoods of about 2 km, and for regions of
/// about 20 km where no neighbour has searched yet; so many at most.
const HINTS_MAX: usize = 10_000;
const AREA_BITS: [u32; 2] = [14, 20];

thread_local! {
    static HINTS: RefCell<BTreeMap<(u32, u64), Hint>> = const { RefCell::new(BTreeMap::new()) };
}

fn areas(at: Point) -> [(u32, u64); 2] {
    let spot = spot::spot(at);
    AREA_BITS.map(|bits| (bits, spot >> bits))
}

fn hint(at: Point) -> Option<Hint> {
    HINTS.with_borrow(|hints| areas(at).iter().find_map(|area| hints.get(area).copied()))
}

fn remember(at: Point, hint: Hint) {
    HINTS.with_borrow_mut(|hints| {
        if hints.len() >= HINTS_MAX {
            hints.clear();
        }
        hints.extend(areas(at).map(|area| (area, hint)));
    });
}

/// What the indexes of those who would take an order hold.
#[derive(Debug, Deserialize)]
struct Seen {
    vendor_id: String,
    latitude: f64,
    longitude: f64,
    score: f64,
    prep_minutes: i64,
    capacity: Option<i64>,
    in_work: i64,
}

impl Seen {
    fn at(&self) -> Point {
        Point {
            latitude: self.latitude,
            longitude: self.longitude,
        }
    }

    fn candidate(&self, distance_km: f64) -> Candidate {
        Candidate {
            vendor_id: self.vendor_id.clone(),
            latitude: self.latitude,
            longitude: self.longitude,
            distance_km,
            score: self.score,
            prep_minutes: self.prep_minutes,
            capacity: self.capacity,
            in_work: self.in_work,
        }
    }
}

const NEAR: &str = "
    SELECT v.vendor_id, v.latitude, v.longitude, v.score, v.prep_minutes, v.capacity, v.in_work
    FROM json_each(?1) AS cell CROSS JOIN vendors AS v INDEXED BY vendors_accepting
    WHERE v.accepting = 1 AND v.spot >= cell.value ->> 0 AND v.spot < cell.value ->> 1
    LIMIT ?2";

const WITHIN: &str = "
    SELECT v.* FROM json_each(?1) AS cell CROSS JOIN vendors AS v INDEXED BY vendors_spot
    WHERE v.retired = 0 AND v.spot >= cell.value ->> 0 AND v.spot < cell.value ->> 1
    LIMIT ?2";

const BEST: &str = "
    SELECT vendor_id, latitude, longitude, score, prep_minutes, capacity, in_work
    FROM vendors INDEXED BY vendors_best WHERE accepting = 1
    ORDER BY score DESC, vendor_id LIMIT ?1";

/// What one reading of the database found and cost.
async fn read<T: DeserializeOwned>(
    env: &Env,
    scope: &Scope,
    step: &str,
    sql: Sql,
) -> Result<(Vec<T>, u64), Problem> {
    let results = Db::open(env, "DB")?.batch(scope, step, &[sql]).await?;
    let result = results.first();
    Ok((rows_of(result)?, rows_read(result)))
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Those who would take an order now, nearest first. Never changes anything, so it may
/// be repeated at will.
pub async fn near(env: &Env, scope: &Scope, find: &FindNear) -> Result<Found<Candidate>, Problem> {
    let at = Point {
        latitude: find.latitude,
        longitude: find.longitude,
    };
    let wanted = usize::try_from(find.limit).unwrap_or(1);
    let mut search = Search::new(at, wanted, find.radius_km, hint(at));
    let (mut step, mut seen, mut rows_read, mut trips) =
        (search.first(), Vec::<Seen>::new(), 0_u64, 0_u32);
    let near = loop {
        match step {
            Step::Read(block, limit) => {
                let sql = Sql::new(NEAR).json(&block.ranges).int(count(limit));
                let (found, cost) = read(env, scope, "vendors.near", sql).await?;
                seen = found;
                rows_read = rows_read.saturating_add(cost);
                trips = trips.saturating_add(1);
                let places: Vec<Point> = seen.iter().map(Seen::at).collect();
                step = search.take(&places);
            }
            Step::Found(near) => break near,
        }
    };
    remember(at, search.hint());
    let found = near.iter().filter_map(|near| {
        let seen = seen.get(near.index)?;
        Some(seen.candidate(near.km))
    });
    let vendors: Vec<Candidate> = found.collect();
    Ok(Found {
        truncated: vendors.len() >= wanted,
        vendors,
        rows_read,
        trips,
    })
}

/// Those who would take an order now, best first.
pub async fn best(env: &Env, scope: &Scope, find: &FindBest) -> Result<Found<Candidate>, Problem> {
    let at = Point {
        latitude: find.latitude,
        longitude: find.longitude,
    };
    let sql = Sql::new(BEST).int(i64::from(find.limit));
    let (seen, rows_read): (Vec<Seen>, u64) = read(env, scope, "vendors.best", sql).await?;
    let found = seen.iter();
    let vendors: Vec<Candidate> = found
        .map(|seen| seen.candidate(distance_km(at, seen.at())))
        .collect();
    Ok(Found {
        truncated: u32::try_from(vendors.len()).is_ok_and(|count| count >= find.limit),
        vendors,
        rows_read,
        trips: 1,
    })
}

/// Everybody within a distance, whether they would take an order or not: for maps.
pub async fn within(
    env: &Env,
    scope: &Scope,
    at: Point,
    km: f64,
) -> Result<Found<VendorView>, Problem> {
    let block = spot::covering(at, km);
    let sql = Sql::new(WITHIN)
        .json(&block.ranges)
        .int(count(ROWS_CROWDED));
    let (rows, rows_read): (Vec<Row>, u64) = read(env, scope, "vendors.within", sql).await?;
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
    Ok(Found {
        vendors,
        truncated,
        rows_read,
        trips: 1,
    })
}
