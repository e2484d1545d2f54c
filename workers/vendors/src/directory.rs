//! The directory: rows written and read. Any number of vendors is one statement, and
//! everything is an upsert, so an import may be repeated. What a vendor has in work is
//! its desk's to write, and nothing here touches it.

use std::collections::BTreeMap;

use contract::vendor::{VendorInput, VendorPage, VendorView};
use contract::{Problem, code};
use domain::geo::Point;
use domain::limits::{PREPARATION_MAX_MIN, TEXT_MAX, VENDOR_CAPACITY_MAX, fits, is_code};
use domain::spot::spot;
use domain::time::rfc3339;
use edge::d1::{Db, Sql};
use edge::{Scope, clock};
use serde::Deserialize;
use serde_json::{Value, json};
use worker::Env;

const PREP_MAX: i64 = PREPARATION_MAX_MIN as i64;

#[derive(Debug, Deserialize)]
pub struct Row {
    pub vendor_id: String,
    pub name: String,
    pub phone: Option<String>,
    pub latitude: f64,
    pub longitude: f64,
    pub warehouse_id: Option<String>,
    pub active: u8,
    pub verified: u8,
    pub open: u8,
    pub score: f64,
    pub capacity: Option<i64>,
    pub in_work: i64,
    pub prep_minutes: i64,
    pub accepting: u8,
    pub version: u32,
    pub created_at: String,
    pub updated_at: String,
}

impl Row {
    pub fn at(&self) -> Point {
        Point {
            latitude: self.latitude,
            longitude: self.longitude,
        }
    }

    pub fn view(self, distance_km: Option<f64>) -> VendorView {
        VendorView {
            vendor: VendorInput {
                vendor_id: self.vendor_id,
                name: self.name,
                phone: self.phone,
                latitude: self.latitude,
                longitude: self.longitude,
                warehouse_id: self.warehouse_id,
                active: self.active != 0,
                verified: self.verified != 0,
                open: self.open != 0,
                score: self.score,
                capacity: self.capacity,
                prep_minutes: self.prep_minutes,
            },
            in_work: self.in_work,
            accepting: self.accepting != 0,
            version: self.version,
            distance_km,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

fn check(at: &str, vendor: &VendorInput) -> Result<(), Problem> {
    let field = |name: &str| format!("{at}{name}");
    let range = |name: &str, good: bool, wrong: &str| {
        if good {
            return Ok(());
        }
        Err(Problem::field(field(name), wrong))
    };
    let code_wrong = "must be 1 to 64 letters, digits or any of - _ . :";
    range("vendor_id", is_code(&vendor.vendor_id), code_wrong)?;
    let named = !vendor.name.trim().is_empty() && fits(&vendor.name, TEXT_MAX);
    range("name", named, "must be 1 to 1000 characters long")?;
    let phone_wrong = "must be a + and 6 to 15 digits";
    let is_phone = |phone: &String| {
        let digits = phone.strip_prefix('+').unwrap_or_default();
        (6..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    range(
        "phone",
        vendor.phone.as_ref().is_none_or(is_phone),
        phone_wrong,
    )?;
    let place = Point {
        latitude: vendor.latitude,
        longitude: vendor.longitude,
    };
    range(
        "latitude",
        place.is_valid(),
        "the coordinates are off the globe",
    )?;
    let warehouse = vendor.warehouse_id.as_ref();
    let housed = warehouse.is_none_or(|id| is_code(id));
    range("warehouse_id", housed, code_wrong)?;
    range(
        "score",
        (0.0..=100.0).contains(&vendor.score),
        "must be from 0 to 100",
    )?;
    let most = vendor.capacity;
    let capacity = most.is_none_or(|most| (0..=VENDOR_CAPACITY_MAX).contains(&most));
    let capacity_wrong = "must be from 0 to 10000, or null for any number";
    range("capacity", capacity, capacity_wrong)?;
    let prep = (0..=PREP_MAX).contains(&vendor.prep_minutes);
    range("prep_minutes", prep, "must be from 0 to 1440")
}

fn row_json(vendor: &VendorInput) -> Value {
    let at = Point {
        latitude: vendor.latitude,
        longitude: vendor.longitude,
    };
    json!({
        "i": vendor.vendor_id, "n": vendor.name, "p": vendor.phone, "la": vendor.latitude,
        "lo": vendor.longitude, "s": spot(at), "w": vendor.warehouse_id,
        "a": u8::from(vendor.active), "v": u8::from(vendor.verified), "o": u8::from(vendor.open),
        "sc": vendor.score, "c": vendor.capacity, "m": vendor.prep_minutes,
    })
}

/// Vendors given as a list become rows; what happens to those that are there is said last.
macro_rules! insert {
    ($when_there:literal) => {
        concat!(
            "INSERT INTO vendors
               (vendor_id, name, phone, latitude, longitude, spot, warehouse_id, active, verified,
                open, score, capacity, prep_minutes, created_at, updated_at)
             SELECT value ->> 'i', value ->> 'n', value ->> 'p', value ->> 'la', value ->> 'lo',
                    value ->> 's', value ->> 'w', value ->> 'a', value ->> 'v', value ->> 'o',
                    value ->> 'sc', value ->> 'c', value ->> 'm', ?2, ?2
             FROM json_each(?1) WHERE true
             ON CONFLICT (vendor_id) ",
            $when_there
        )
    };
}

const WRITE: &str = insert!(
    "DO UPDATE SET name = excluded.name, phone = excluded.phone,
       latitude = excluded.latitude, longitude = excluded.longitude, spot = excluded.spot,
       warehouse_id = excluded.warehouse_id, active = excluded.active,
       verified = excluded.verified, open = excluded.open, score = excluded.score,
       capacity = excluded.capacity, prep_minutes = excluded.prep_minutes, retired = 0,
       version = vendors.version + 1, updated_at = excluded.updated_at"
);

const CREATE: &str = insert!("DO NOTHING RETURNING vendor_id");

/// Writes any number of vendors, new or known. `at` is what stands before the fields in
/// what is said about bad ones.
pub async fn write(
    env: &Env,
    scope: &Scope,
    vendors: &[VendorInput],
    at: impl Fn(usize) -> String,
) -> Result<(), Problem> {
    for (n, vendor) in vendors.iter().enumerate() {
        check(&at(n), vendor)?;
    }
    let rows: Vec<Value> = vendors.iter().map(row_json).collect();
    let now = rfc3339(clock::now_ms());
    let write = Sql::new(WRITE).json(&rows).text(&now);
    Db::open(env, "DB")?
        .batch(scope, "vendors.write", &[write])
        .await?;
    Ok(())
}

pub async fn create(env: &Env, scope: &Scope, vendor: &VendorInput) -> Result<(), Problem> {
    check("", vendor)?;
    let now = rfc3339(clock::now_ms());
    let create = Sql::new(CREATE).json(&[row_json(vendor)]).text(&now);
    let written: Vec<Value> = Db::open(env, "DB")?
        .rows(scope, "vendors.create", create)
        .await?;
    if written.is_empty() {
        let detail = "there is a vendor of this id; change it with PUT";
        return Err(Problem::new(code::ALREADY_EXISTS, detail).of_field("vendor_id"));
    }
    Ok(())
}

async fn one(env: &Env, scope: &Scope, step: &str, sql: Sql) -> Result<VendorView, Problem> {
    let rows: Vec<Row> = Db::open(env, "DB")?.rows(scope, step, sql).await?;
    let row = rows.into_iter().next();
    row.map(|row| row.view(None))
        .ok_or_else(|| Problem::not_found("vendor"))
}

pub async fn get(env: &Env, scope: &Scope, id: &str) -> Result<VendorView, Problem> {
    let sql = Sql::new("SELECT * FROM vendors WHERE vendor_id = ?1 AND retired = 0").text(id);
    one(env, scope, "vendors.get", sql).await
}

/// Where a vendor is, also one who has retired meanwhile.
pub async fn place(env: &Env, scope: &Scope, id: &str) -> Result<Option<Point>, Problem> {
    let sql = Sql::new("SELECT latitude, longitude FROM vendors WHERE vendor_id = ?1").text(id);
    let rows: Vec<Point> = Db::open(env, "DB")?
        .rows(scope, "vendors.place", sql)
        .await?;
    Ok(rows.into_iter().next())
}

/// Whose number this is, where it is one vendor's alone.
pub async fn by_phone(env: &Env, scope: &Scope, phone: &str) -> Result<Option<String>, Problem> {
    let sql = Sql::new("SELECT vendor_id FROM vendors WHERE phone = ?1 AND retired = 0 LIMIT 2");
    let rows: Vec<Id> = Db::open(env, "DB")?
        .rows(scope, "vendors.by_phone", sql.text(phone))
        .await?;
    let is_one = rows.len() == 1;
    let first = rows.into_iter().next().filter(|_| is_one);
    Ok(first.map(|row| row.vendor_id))
}

/// Takes a vendor off the lists. Orders of old still name it.
pub async fn retire(env: &Env, scope: &Scope, id: &str) -> Result<VendorView, Problem> {
    let sql = Sql::new(
        "UPDATE vendors SET retired = 1, version = version + 1, updated_at = ?2
         WHERE vendor_id = ?1 AND retired = 0 RETURNING *",
    );
    let now = rfc3339(clock::now_ms());
    one(env, scope, "vendors.retire", sql.text(id).text(&now)).await
}

/// A vendor says whether it is there.
pub async fn set_open(
    env: &Env,
    scope: &Scope,
    id: &str,
    open: bool,
) -> Result<VendorView, Problem> {
    let sql = Sql::new(
        "UPDATE vendors SET open = ?2, version = version + (open <> ?2), updated_at = ?3
         WHERE vendor_id = ?1 AND retired = 0 RETURNING *",
    );
    let now = rfc3339(clock::now_ms());
    let sql = sql.text(id).int(i64::from(open)).text(&now);
    one(env, scope, "vendors.open", sql).await
}

#[derive(Deserialize)]
struct Named {
    vendor_id: String,
    name: String,
}

/// What vendors are called, those off the lists too.
pub async fn names(
    env: &Env,
    scope: &Scope,
    vendor_ids: &[String],
) -> Result<BTreeMap<String, String>, Problem> {
    let sql = Sql::new(
        "SELECT vendor_id, name FROM vendors
         WHERE vendor_id IN (SELECT value FROM json_each(?1))",
    );
    let rows: Vec<Named> = Db::open(env, "DB")?
        .rows(scope, "vendors.names", sql.json(&vendor_ids))
        .await?;
    let named = rows.into_iter().map(|row| (row.vendor_id, row.name));
    Ok(named.collect())
}

#[derive(Deserialize)]
struct Id {
    vendor_id: String,
}

pub async fn page(
    env: &Env,
    scope: &Scope,
    after: &str,
    limit: u32,
    accepting: bool,
) -> Result<VendorPage, Problem> {
    let sql = Sql::new(
        "SELECT * FROM vendors WHERE vendor_id > ?1 AND retired = 0 AND accepting >= ?3
         ORDER BY vendor_id LIMIT ?2",
    );
    let sql = sql
        .text(after)
        .int(i64::from(limit))
        .int(i64::from(accepting));
    let rows: Vec<Row> = Db::open(env, "DB")?
        .rows(scope, "vendors.list", sql)
        .await?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let vendors: Vec<VendorView> = rows.into_iter().map(|row| row.view(None)).collect();
    let last = vendors.last().filter(|_| is_full);
    Ok(VendorPage {
        next_cursor: last.map(|last| last.vendor.vendor_id.clone()),
        vendors,
    })
}
