//! The desk's tables. All calls are synchronous, so a run of them without an await between
//! is one atomic commit.

use contract::Problem;
use contract::dispatch::{Cursor, DriverOrder};
use domain::errand::Why;
use domain::places::next_version;
use domain::shift::Shift;
use edge::sqlite::{Tables, int, int_or_null, text, text_or_null};
use edge::{http, json};
use serde::Deserialize;
use worker::SqlStorage;

/// What was done is shown for so long.
const HISTORY_MS: i64 = 90 * 24 * 60 * 60 * 1000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS drivers (
      driver_id TEXT PRIMARY KEY,
      shift TEXT NOT NULL,
      -- Where the driver was seen last.
      cell TEXT,
      version INTEGER NOT NULL,
      wake_ms INTEGER,
      -- When the driver was seen, as far as it is written; null off a shift.
      seen_ms INTEGER,
      is_doubted INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS drivers_due ON drivers (wake_ms) WHERE wake_ms IS NOT NULL;
    CREATE INDEX IF NOT EXISTS drivers_on ON drivers (seen_ms) WHERE seen_ms IS NOT NULL;
    CREATE TABLE IF NOT EXISTS orders (
      driver_id TEXT NOT NULL,
      order_id TEXT NOT NULL,
      number TEXT NOT NULL,
      -- The cell that leads its errand.
      cell TEXT NOT NULL,
      doc TEXT NOT NULL,
      -- Both are null while the driver has it.
      ended_ms INTEGER,
      why TEXT,
      PRIMARY KEY (driver_id, order_id)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS orders_ended ON orders (driver_id, ended_ms) WHERE ended_ms IS NOT NULL;";

pub struct Rows {
    tables: Tables,
}

pub struct DriverRow {
    pub driver_id: String,
    pub shift: Shift,
    pub cell: Option<String>,
    pub version: i64,
    pub seen_ms: i64,
    /// Nobody has heard of the driver since then, though somebody may have before the desk
    /// woke.
    pub is_doubted: bool,
}

#[derive(Deserialize)]
struct Stored {
    shift: String,
    cell: Option<String>,
    version: i64,
    seen_ms: Option<i64>,
    is_doubted: u8,
}

#[derive(Deserialize)]
struct Named {
    driver_id: String,
}

#[derive(Deserialize)]
struct Due {
    at: Option<i64>,
}

#[derive(Deserialize)]
struct Doc {
    doc: String,
}

#[derive(Deserialize)]
struct Led {
    order_id: String,
    cell: String,
}

/// An order that the driver had.
#[derive(Debug, Clone, Deserialize)]
pub struct Ended {
    pub order_id: String,
    pub doc: String,
    #[serde(rename = "ended_ms")]
    pub at_ms: i64,
    pub why: String,
}

impl Rows {
    pub fn open(sql: SqlStorage) -> Self {
        Self {
            tables: Tables::open(sql, TABLES),
        }
    }

    pub fn driver(&self, driver_id: &str) -> Result<Option<DriverRow>, Problem> {
        let found: Option<Stored> = self.tables.first(
            "SELECT shift, cell, version, seen_ms, is_doubted FROM drivers WHERE driver_id = ?1",
            vec![text(driver_id)],
        )?;
        let Some(found) = found else {
            return Ok(None);
        };
        let shift = serde_json::from_slice(found.shift.as_bytes())
            .map_err(|error| http::internal(error.into()))?;
        Ok(Some(DriverRow {
            driver_id: driver_id.to_owned(),
            shift,
            cell: found.cell,
            version: found.version,
            seen_ms: found.seen_ms.unwrap_or_default(),
            is_doubted: found.is_doubted != 0,
        }))
    }

    pub fn driver_or_new(&self, driver_id: &str, now: i64) -> Result<DriverRow, Problem> {
        Ok(self.driver(driver_id)?.unwrap_or_else(|| DriverRow {
            driver_id: driver_id.to_owned(),
            shift: Shift::new(1, now),
            cell: None,
            version: 0,
            seen_ms: now,
            is_doubted: false,
        }))
    }

    /// Writes a shift, under the version that follows.
    pub fn save(&self, row: &mut DriverRow, now: i64) -> Result<(), Problem> {
        row.version = next_version(row.version, now);
        self.tables.run(
            "INSERT INTO drivers (driver_id, shift, cell, version, wake_ms, seen_ms, is_doubted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET shift = excluded.shift, cell = excluded.cell,
               version = excluded.version, wake_ms = excluded.wake_ms,
               seen_ms = excluded.seen_ms, is_doubted = excluded.is_doubted",
            vec![
                text(row.driver_id.as_str()),
                text(json::text(&row.shift)),
                text_or_null(row.cell.clone()),
                int(row.version),
                int_or_null(row.shift.wake_at()),
                int_or_null(Some(row.seen_ms).filter(|_| row.shift.is_on)),
                int(i64::from(row.is_doubted)),
            ],
        )
    }

    /// Drivers on a shift who were not seen since then, as far as it is written.
    pub fn silent_since(&self, before: i64) -> Result<Vec<String>, Problem> {
        let found: Vec<Named> = self.tables.rows(
            "SELECT driver_id FROM drivers WHERE seen_ms <= ?1 ORDER BY seen_ms LIMIT 500",
            vec![int(before)],
        )?;
        Ok(found.into_iter().map(|row| row.driver_id).collect())
    }

    pub fn put_order(
        &self,
        driver_id: &str,
        cell: &str,
        order: &DriverOrder,
    ) -> Result<(), Problem> {
        self.tables.run(
            "INSERT INTO orders (driver_id, order_id, number, cell, doc)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET cell = excluded.cell, doc = excluded.doc,
               ended_ms = NULL, why = NULL",
            vec![
                text(driver_id),
                text(order.order_id.as_str()),
                text(order.order_number.as_str()),
                text(cell),
                text(json::text(&order)),
            ],
        )
    }

    pub fn order(&self, driver_id: &str, order_id: &str) -> Result<Option<DriverOrder>, Problem> {
        let found: Option<Doc> = self.tables.first(
            "SELECT doc FROM orders WHERE driver_id = ?1 AND order_id = ?2",
            vec![text(driver_id), text(order_id)],
        )?;
        Ok(found.and_then(|found| serde_json::from_slice(found.doc.as_bytes()).ok()))
    }

    /// What was collected stays in the driver's history, and so does what was given back.
    pub fn close_order(
        &self,
        driver_id: &str,
        order_id: &str,
        why: Why,
        now: i64,
    ) -> Result<(), Problem> {
        self.tables.run(
            "UPDATE orders SET ended_ms = ?3, why = ?4 WHERE driver_id = ?1 AND order_id = ?2",
            vec![
                text(driver_id),
                text(order_id),
                int(now),
                text(json::text(&why).trim_matches('"')),
            ],
        )
    }

    /// A page of what the driver had, the latest first. Several may have ended at once.
    pub fn ended(
        &self,
        driver_id: &str,
        before: Option<Cursor<'_>>,
        limit: u32,
    ) -> Result<Vec<Ended>, Problem> {
        let (at_ms, id) = before.map_or((i64::MAX >> 11, ""), |before| (before.at_ms, before.id));
        self.tables.rows(
            "SELECT order_id, doc, ended_ms, why FROM orders
             WHERE driver_id = ?1 AND (ended_ms, order_id) < (?2, ?3)
             ORDER BY ended_ms DESC, order_id DESC LIMIT ?4",
            vec![text(driver_id), int(at_ms), text(id), int(i64::from(limit))],
        )
    }

    /// An order that the driver has or had, by id or by number, and the cell that leads its errand.
    pub fn cell_of(
        &self,
        row: &DriverRow,
        order: &str,
    ) -> Result<Option<(String, String)>, Problem> {
        let found: Option<Led> = self.tables.first(
            "SELECT order_id, cell FROM orders WHERE driver_id = ?1 AND (order_id = ?2 OR number = ?2)",
            vec![text(row.driver_id.as_str()), text(order)],
        )?;
        Ok(found.map(|found| (found.order_id, found.cell)))
    }

    pub fn due(&self, now: i64) -> Result<Vec<String>, Problem> {
        let found: Vec<Named> = self.tables.rows(
            "SELECT driver_id FROM drivers WHERE wake_ms <= ?1 ORDER BY wake_ms LIMIT 100",
            vec![int(now)],
        )?;
        Ok(found.into_iter().map(|row| row.driver_id).collect())
    }

    /// When something has to be asked again, or somebody may have been silent for too long.
    pub fn next_due(&self, silent_ms: i64) -> Result<Option<i64>, Problem> {
        let due: Option<Due> = self.tables.first(
            "SELECT min(at) AS at FROM (SELECT min(wake_ms) AS at FROM drivers
               UNION ALL SELECT min(seen_ms) + ?1 FROM drivers)",
            vec![int(silent_ms)],
        )?;
        Ok(due.and_then(|due| due.at))
    }

    pub fn forget_old(&self, now: i64) -> Result<(), Problem> {
        self.tables.run(
            "DELETE FROM orders WHERE ended_ms < ?1",
            vec![int(now.saturating_sub(HISTORY_MS))],
        )
    }
}
