//! The directory of drivers, in the worker's database: who there is, what each drives and how
//! much fits. Admins write it; a driver's desk looks at it when the driver comes.

use contract::dispatch::{DriverInput, DriverPage, DriverView, Vehicle};
use contract::{Problem, code};
use domain::limits::{TEXT_MAX, fits, is_code};
use domain::time::rfc3339;
use edge::d1::{Db, Sql};
use edge::{Scope, clock, json};
use serde::Deserialize;
use worker::Env;

/// Orders that a driver has at once, at most.
const CAPACITY_MAX: u32 = 20;

#[derive(Debug, Clone, Deserialize)]
struct Row {
    driver_id: String,
    name: String,
    phone: Option<String>,
    vehicle: Vehicle,
    capacity: u32,
    active: u8,
    created_at: String,
    updated_at: String,
}

impl Row {
    fn view(self) -> DriverView {
        DriverView {
            driver: DriverInput {
                driver_id: self.driver_id,
                name: self.name,
                phone: self.phone,
                vehicle: self.vehicle,
                capacity: self.capacity,
                active: self.active != 0,
            },
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

fn check(driver: &DriverInput) -> Result<(), Problem> {
    if !is_code(&driver.driver_id) {
        let wrong = "must be 1 to 64 letters, digits or any of - _ . :";
        return Err(Problem::field("driver_id", wrong));
    }
    if driver.name.trim().is_empty() || !fits(&driver.name, TEXT_MAX) {
        return Err(Problem::field("name", "must be 1 to 1000 characters long"));
    }
    let is_phone = |phone: &String| {
        let digits = phone.strip_prefix('+').unwrap_or_default();
        (6..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !driver.phone.as_ref().is_none_or(is_phone) {
        return Err(Problem::field("phone", "must be a + and 6 to 15 digits"));
    }
    if !(1..=CAPACITY_MAX).contains(&driver.capacity) {
        return Err(Problem::field("capacity", "must be from 1 to 20"));
    }
    Ok(())
}

async fn one(env: &Env, scope: &Scope, step: &str, sql: Sql) -> Result<DriverView, Problem> {
    let rows: Vec<Row> = Db::open(env, "DB")?.rows(scope, step, sql).await?;
    let row = rows.into_iter().next();
    row.map(Row::view)
        .ok_or_else(|| Problem::not_found("driver"))
}

fn values(sql: Sql, driver: &DriverInput) -> Sql {
    // What JSON has for nothing is SQL's null.
    let rest = serde_json::json!({
        "n": driver.name, "p": driver.phone, "v": json::text(&driver.vehicle).trim_matches('"'),
        "c": driver.capacity, "a": u8::from(driver.active),
    });
    let now = rfc3339(clock::now_ms());
    sql.text(&driver.driver_id).json(&rest).text(&now)
}

/// A driver is given as an id, JSON of the rest, and now; what happens to one that is there is
/// said last.
macro_rules! insert {
    ($when_there:literal) => {
        concat!(
            "INSERT INTO drivers
               (driver_id, name, phone, vehicle, capacity, active, created_at, updated_at)
             VALUES (?1, ?2 ->> 'n', ?2 ->> 'p', ?2 ->> 'v', ?2 ->> 'c', ?2 ->> 'a', ?3, ?3)
             ON CONFLICT (driver_id) ",
            $when_there,
            " RETURNING *"
        )
    };
}

pub async fn create(env: &Env, scope: &Scope, driver: &DriverInput) -> Result<DriverView, Problem> {
    check(driver)?;
    let sql = values(Sql::new(insert!("DO NOTHING")), driver);
    match one(env, scope, "drivers.create", sql).await {
        Err(problem) if problem.is(code::NOT_FOUND) => {
            let detail = "there is a driver of this id; change it with PUT";
            Err(Problem::new(code::ALREADY_EXISTS, detail).of_field("driver_id"))
        }
        other => other,
    }
}

/// Writes one, new or known.
pub async fn write(env: &Env, scope: &Scope, driver: &DriverInput) -> Result<DriverView, Problem> {
    check(driver)?;
    let sql = Sql::new(insert!(
        "DO UPDATE SET name = excluded.name, phone = excluded.phone, vehicle = excluded.vehicle,
           capacity = excluded.capacity, active = excluded.active,
           updated_at = excluded.updated_at"
    ));
    one(env, scope, "drivers.write", values(sql, driver)).await
}

pub async fn get(env: &Env, scope: &Scope, id: &str) -> Result<DriverView, Problem> {
    let sql = Sql::new("SELECT * FROM drivers WHERE driver_id = ?1").text(id);
    one(env, scope, "drivers.get", sql).await
}

/// From now on this driver may not come any more. What was done is still told by the same id.
pub async fn retire(env: &Env, scope: &Scope, id: &str) -> Result<DriverView, Problem> {
    let sql =
        Sql::new("UPDATE drivers SET active = 0, updated_at = ?2 WHERE driver_id = ?1 RETURNING *");
    let now = rfc3339(clock::now_ms());
    one(env, scope, "drivers.retire", sql.text(id).text(&now)).await
}

pub async fn list(
    env: &Env,
    scope: &Scope,
    after: &str,
    limit: u32,
) -> Result<DriverPage, Problem> {
    let sql = Sql::new("SELECT * FROM drivers WHERE driver_id > ?1 ORDER BY driver_id LIMIT ?2");
    let rows: Vec<Row> = Db::open(env, "DB")?
        .rows(scope, "drivers.list", sql.text(after).int(i64::from(limit)))
        .await?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let last = rows.last().filter(|_| is_full);
    Ok(DriverPage {
        next_cursor: last.map(|row| row.driver_id.clone()),
        drivers: rows.into_iter().map(Row::view).collect(),
    })
}

/// How many orders a driver may have at once, of one who may work.
pub async fn capacity_of(env: &Env, scope: &Scope, id: &str) -> Result<Option<u32>, Problem> {
    match get(env, scope, id).await {
        Ok(view) => Ok(Some(view.driver.capacity).filter(|_| view.driver.active)),
        Err(problem) if problem.is(code::NOT_FOUND) => Ok(None),
        Err(problem) => Err(problem),
    }
}
