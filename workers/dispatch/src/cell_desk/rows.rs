//! The cell's tables: its errands, and the index of drivers as it was last written down.

use std::collections::BTreeMap;

use contract::Problem;
use contract::dispatch::AssignmentRequest;
use domain::errand::{Errand, Phase};
use domain::fleet::Known;
use edge::sqlite::{Tables, int, int_or_null, text};
use edge::{http, json};
use serde::Deserialize;
use worker::SqlStorage;

/// Errands that are over are remembered for so long: no copy of anything travels longer.
const OVER_MS: i64 = 24 * 60 * 60 * 1000;

/// Drivers in one row of a snapshot.
const PART_MAX: usize = 1_000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS errands (
      order_id TEXT PRIMARY KEY,
      state TEXT NOT NULL,
      -- What was asked for, as it came.
      request TEXT,
      phase TEXT NOT NULL,
      wake_ms INTEGER,
      over_ms INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS errands_due ON errands (wake_ms) WHERE wake_ms IS NOT NULL;
    CREATE INDEX IF NOT EXISTS errands_open ON errands (order_id) WHERE phase = 'open';
    CREATE INDEX IF NOT EXISTS errands_over ON errands (over_ms) WHERE over_ms IS NOT NULL;
    -- In parts, since a row has its bounds.
    CREATE TABLE IF NOT EXISTS snapshot (part INTEGER PRIMARY KEY, drivers TEXT NOT NULL);";

pub struct Rows {
    tables: Tables,
}

#[derive(Deserialize)]
struct Stored {
    state: String,
    request: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    order_id: String,
}

#[derive(Deserialize)]
struct Open {
    count: u32,
    until_ms: Option<i64>,
}

#[derive(Deserialize)]
struct Due {
    at: Option<i64>,
}

#[derive(Deserialize)]
struct Written {
    drivers: String,
}

impl Rows {
    pub fn open(sql: SqlStorage) -> Self {
        Self {
            tables: Tables::open(sql, TABLES),
        }
    }

    pub fn errand(
        &self,
        order_id: &str,
    ) -> Result<Option<(Errand, Option<AssignmentRequest>)>, Problem> {
        let found: Option<Stored> = self.tables.first(
            "SELECT state, request FROM errands WHERE order_id = ?1",
            vec![text(order_id)],
        )?;
        let Some(found) = found else {
            return Ok(None);
        };
        let errand = serde_json::from_slice(found.state.as_bytes())
            .map_err(|error| http::internal(error.into()))?;
        let request = found
            .request
            .and_then(|text| serde_json::from_slice(text.as_bytes()).ok());
        Ok(Some((errand, request)))
    }

    /// The errand as it is; its request where one came.
    pub fn save(
        &self,
        errand: &Errand,
        request: Option<&AssignmentRequest>,
        now: i64,
    ) -> Result<(), Problem> {
        let is_over = matches!(errand.phase, Phase::Over | Phase::Delivered);
        let at_rest = is_over && errand.wake_at().is_none();
        let phase = json::text(&errand.phase);
        self.tables.run(
            "INSERT INTO errands (order_id, state, request, phase, wake_ms, over_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET state = excluded.state,
               request = coalesce(excluded.request, request), phase = excluded.phase,
               wake_ms = excluded.wake_ms,
               over_ms = iif(excluded.over_ms IS NULL, NULL, coalesce(over_ms, excluded.over_ms))",
            vec![
                text(errand.order_id.as_str()),
                text(json::text(&errand)),
                edge::sqlite::text_or_null(request.map(|request| json::text(&request))),
                text(phase.trim_matches('"')),
                int_or_null(errand.wake_at()),
                int_or_null(at_rest.then_some(now)),
            ],
        )
    }

    fn names(&self, statement: &str, at: i64) -> Result<Vec<String>, Problem> {
        let found: Vec<Named> = self.tables.rows(statement, vec![int(at)])?;
        Ok(found.into_iter().map(|row| row.order_id).collect())
    }

    pub fn due(&self, now: i64) -> Result<Vec<String>, Problem> {
        self.names(
            "SELECT order_id FROM errands WHERE wake_ms <= ?1 ORDER BY wake_ms LIMIT 500",
            now,
        )
    }

    pub fn open_errands(&self, limit: i64) -> Result<Vec<String>, Problem> {
        self.names(
            "SELECT order_id FROM errands WHERE phase = 'open' ORDER BY order_id LIMIT ?1",
            limit,
        )
    }

    /// How many are open, and when the first search among them ends.
    pub fn open_since(&self) -> Result<(u32, Option<i64>), Problem> {
        let found: Option<Open> = self.tables.first(
            "SELECT count(*) AS count, min(state ->> 'search_until_ms') AS until_ms
             FROM errands WHERE phase = 'open'",
            Vec::new(),
        )?;
        Ok(found.map_or((0, None), |found| (found.count, found.until_ms)))
    }

    pub fn has_open(&self) -> Result<bool, Problem> {
        Ok(!self.open_errands(1)?.is_empty())
    }

    pub fn next_due(&self) -> Result<Option<i64>, Problem> {
        let due: Option<Due> = self
            .tables
            .first("SELECT min(wake_ms) AS at FROM errands", Vec::new())?;
        Ok(due.and_then(|due| due.at))
    }

    pub fn forget_old(&self, now: i64) -> Result<(), Problem> {
        self.tables.run(
            "DELETE FROM errands WHERE over_ms < ?1",
            vec![int(now.saturating_sub(OVER_MS))],
        )
    }

    pub fn fleet(&self) -> Result<BTreeMap<String, Known>, Problem> {
        let parts: Vec<Written> = self
            .tables
            .rows("SELECT drivers FROM snapshot", Vec::new())?;
        let mut drivers = BTreeMap::new();
        for part in parts {
            let read: Option<BTreeMap<String, Known>> =
                serde_json::from_slice(part.drivers.as_bytes()).ok();
            drivers.extend(read.into_iter().flatten());
        }
        Ok(drivers)
    }

    pub fn save_fleet(&self, drivers: &BTreeMap<String, Known>) -> Result<(), Problem> {
        self.tables.run("DELETE FROM snapshot", Vec::new())?;
        let mut left = drivers.iter().peekable();
        while left.peek().is_some() {
            let part: BTreeMap<&String, &Known> = left.by_ref().take(PART_MAX).collect();
            self.tables.run(
                "INSERT INTO snapshot (drivers) VALUES (?1)",
                vec![text(json::text(&part))],
            )?;
        }
        Ok(())
    }
}
