//! The desk's tables. All calls are synchronous, so a run of them without an await between
//! is one atomic commit.
//!
//! A notice has a row for as long as it has to be known again, or anything of it is kept. A
//! sending has one from when its notice was taken. `version` grows with every change,
//! `projected` is the one that the database has.

use std::collections::BTreeSet;

use contract::Problem;
use domain::notices::delivery::State;
use domain::set::set_of;
use edge::json;
use edge::sqlite::{Tables, int, int_or_null, text, text_or_null};
use serde::{Deserialize, Serialize};
use worker::SqlStorage;

use super::Plan;
use super::kept::{NewNotice, NewSending, Sending};
use super::record::Version;

/// A value may have 2 MB, and a statement takes its rows as one.
const ROWS_BYTES: usize = 1_000_000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS notices (
      seq INTEGER PRIMARY KEY,
      notice_id TEXT NOT NULL UNIQUE,
      -- What is posted; null where no endpoint wanted it.
      body TEXT,
      at_ms INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS notices_by_age ON notices (at_ms);
    CREATE TABLE IF NOT EXISTS sendings (
      -- As they came.
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      lane TEXT NOT NULL,
      notice_id TEXT NOT NULL,
      kind TEXT NOT NULL,
      order_id TEXT NOT NULL,
      -- What a mail is made of, as JSON.
      facts TEXT,
      state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
      attempts INTEGER NOT NULL DEFAULT 0,
      tries INTEGER NOT NULL DEFAULT 0,
      next_ms INTEGER CHECK ((next_ms IS NOT NULL) = (state = 'waiting')),
      last_status INTEGER,
      last_error TEXT,
      last_ms INTEGER,
      created_ms INTEGER NOT NULL,
      settled_ms INTEGER,
      log TEXT NOT NULL DEFAULT '[]',
      version INTEGER NOT NULL DEFAULT 1,
      projected INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX IF NOT EXISTS sendings_due ON sendings (lane, next_ms, seq) WHERE state = 'waiting';
    CREATE INDEX IF NOT EXISTS sendings_next ON sendings (next_ms) WHERE state = 'waiting';
    CREATE INDEX IF NOT EXISTS sendings_behind ON sendings (seq) WHERE projected <> version;
    CREATE INDEX IF NOT EXISTS sendings_settled ON sendings (state, settled_ms) WHERE state <> 'waiting';
    CREATE INDEX IF NOT EXISTS sendings_by_notice ON sendings (notice_id);";

pub struct Rows {
    tables: Tables,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Count {
    count: i64,
}

#[derive(Deserialize)]
struct Due {
    at: Option<i64>,
}

#[derive(Deserialize)]
struct Body {
    body: Option<String>,
}

const COLUMNS: &str = "id, lane, notice_id, kind, order_id, facts, state, attempts, tries, next_ms,
    last_status, last_error, last_ms, created_ms, settled_ms, log, version";

impl Rows {
    pub fn open(sql: SqlStorage) -> Self {
        Self {
            tables: Tables::open(sql, TABLES),
        }
    }

    fn names(
        &self,
        statement: &str,
        values: Vec<worker::SqlStorageValue>,
    ) -> Result<Vec<String>, Problem> {
        let names: Vec<Name> = self.tables.rows(statement, values)?;
        Ok(names.into_iter().map(|name| name.name).collect())
    }

    /// Which of these notices were taken before.
    pub fn taken(&self, ids: &[&str]) -> Result<BTreeSet<String>, Problem> {
        let taken = self.names(
            "SELECT notice_id AS name FROM notices
             WHERE notice_id IN (SELECT value FROM json_each(?1))",
            vec![text(json::text(ids))],
        )?;
        Ok(set_of(taken))
    }

    pub fn insert(
        &self,
        notices: &[NewNotice],
        sendings: &[NewSending],
        now: i64,
    ) -> Result<(), Problem> {
        for list in lists(notices) {
            self.tables.run(
                "INSERT INTO notices (notice_id, body, at_ms)
                 SELECT value ->> 'n', value ->> 'b', ?2 FROM json_each(?1) ORDER BY key",
                vec![text(list), int(now)],
            )?;
        }
        for list in lists(sendings) {
            self.tables.run("INSERT INTO sendings (id, lane, notice_id, kind, order_id, facts, state, next_ms,
                                       last_error, settled_ms, created_ms)
                 SELECT value ->> 'i', value ->> 'l', value ->> 'n', value ->> 'k', value ->> 'o',
                        value ->> 'f', value ->> 's', value ->> 'x', value ->> 'e', value ->> 'd', ?2
                 FROM json_each(?1) ORDER BY key",
                vec![text(list), int(now)],
            )?;
        }
        Ok(())
    }

    /// How many wait in a lane, as far as `most`.
    pub fn waiting(&self, lane: &str, most: i64) -> Result<i64, Problem> {
        let count: Option<Count> = self.tables.first(
            "SELECT count(*) AS count FROM (
               SELECT 1 FROM sendings WHERE lane = ?1 AND state = 'waiting' LIMIT ?2)",
            vec![text(lane), int(most)],
        )?;
        Ok(count.map_or(0, |count| count.count))
    }

    /// The lanes in which anything waits, each found by one step in the index.
    pub fn lanes(&self) -> Result<Vec<String>, Problem> {
        self.names(
            "WITH RECURSIVE lanes (name) AS (
               SELECT min(lane) FROM sendings WHERE state = 'waiting'
               UNION ALL
               SELECT (SELECT min(lane) FROM sendings WHERE state = 'waiting' AND lane > name)
               FROM lanes WHERE name IS NOT NULL)
             SELECT name FROM lanes WHERE name IS NOT NULL",
            Vec::new(),
        )
    }

    fn sendings(
        &self,
        which: &str,
        values: Vec<worker::SqlStorageValue>,
    ) -> Result<Vec<Sending>, Problem> {
        let statement = format!("SELECT {COLUMNS} FROM sendings WHERE {which}");
        self.tables.rows(&statement, values)
    }

    /// The first that are due in a lane. First tries of these orders have to wait.
    pub fn due(
        &self,
        lane: &str,
        now: i64,
        but: &BTreeSet<String>,
        limit: i64,
    ) -> Result<Vec<Sending>, Problem> {
        self.sendings(
            "lane = ?1 AND state = 'waiting' AND next_ms <= ?2
               AND (attempts > 0 OR order_id NOT IN (SELECT value FROM json_each(?3)))
             ORDER BY next_ms, seq LIMIT ?4",
            vec![text(lane), int(now), text(json::text(but)), int(limit)],
        )
    }

    /// Those that wait in a lane, due or not.
    pub fn waiting_in(&self, lane: &str, limit: i64) -> Result<Vec<Sending>, Problem> {
        self.sendings(
            "lane = ?1 AND state = 'waiting' ORDER BY next_ms, seq LIMIT ?2",
            vec![text(lane), int(limit)],
        )
    }

    pub fn sending(&self, id: &str) -> Result<Option<Sending>, Problem> {
        let found = self.sendings("id = ?1", vec![text(id)])?;
        Ok(found.into_iter().next())
    }

    pub fn body(&self, notice_id: &str) -> Result<String, Problem> {
        let row: Option<Body> = self.tables.first(
            "SELECT body FROM notices WHERE notice_id = ?1",
            vec![text(notice_id)],
        )?;
        Ok(row.and_then(|row| row.body).unwrap_or_default())
    }

    /// A sending has changed, and gets its next version.
    pub fn write(&self, sending: &mut Sending) -> Result<(), Problem> {
        sending.version = sending.version.saturating_add(1);
        self.tables.run(
            "UPDATE sendings SET state = ?2, attempts = ?3, tries = ?4, next_ms = ?5,
                    last_status = ?6, last_error = ?7, last_ms = ?8, settled_ms = ?9, log = ?10,
                    version = ?11
             WHERE id = ?1",
            vec![
                text(&sending.id),
                text(&sending.state),
                int(i64::from(sending.attempts)),
                int(i64::from(sending.tries)),
                int_or_null(sending.next_ms),
                int_or_null(sending.last_status.map(i64::from)),
                text_or_null(sending.last_error.clone()),
                int_or_null(sending.last_ms),
                int_or_null(sending.settled_ms),
                text(&sending.log),
                int(sending.version),
            ],
        )
    }

    /// What the database lacks.
    pub fn behind(&self, limit: i64) -> Result<Vec<Sending>, Problem> {
        self.sendings(
            "projected <> version ORDER BY seq LIMIT ?1",
            vec![int(limit)],
        )
    }

    /// The database has these versions.
    pub fn set_projected(&self, versions: &[Version]) -> Result<(), Problem> {
        if versions.is_empty() {
            return Ok(());
        }
        self.tables.run(
            "UPDATE sendings SET projected = there.version
             FROM (SELECT value ->> 'id' AS id, max(value ->> 'version') AS version
                   FROM json_each(?1) GROUP BY 1) AS there
             WHERE sendings.id = there.id AND sendings.projected < there.version",
            vec![text(json::text(versions))],
        )
    }

    /// When the desk has to look after its rows again. What is due and not yet done is on its
    /// way, or waits for what is.
    pub fn next_due(&self, now: i64, plan: &Plan) -> Result<Option<i64>, Problem> {
        let due: Option<Due> = self.tables.first("SELECT min(at) AS at FROM (
               SELECT iif(min(next_ms) <= ?1, ?2, min(next_ms)) AS at FROM sendings WHERE state = 'waiting'
               UNION ALL
               SELECT ?2 AS at WHERE EXISTS (SELECT 1 FROM sendings WHERE projected <> version)
               UNION ALL
               SELECT max(min(settled_ms) + ?3, ?5) FROM sendings WHERE state = 'delivered'
               UNION ALL
               SELECT max(min(settled_ms) + ?4, ?5) FROM sendings WHERE state = 'dead'
               UNION ALL
               SELECT max(min(at_ms) + ?3, ?5) FROM notices)",
            vec![
                int(now),
                int(now.saturating_add(plan.recover_after_ms)),
                int(plan.keep_delivered_ms),
                int(plan.keep_dead_ms),
                int(now.saturating_add(plan.forget_every_ms())),
            ],
        )?;
        Ok(due.and_then(|due| due.at))
    }

    /// Sendings that nobody needs any more, and that the database knows to the end.
    pub fn old(&self, now: i64, plan: &Plan, limit: i64) -> Result<Vec<String>, Problem> {
        let mut old = Vec::new();
        for (state, kept) in [
            (State::Delivered, plan.keep_delivered_ms),
            (State::Dead, plan.keep_dead_ms),
        ] {
            old.extend(self.names(
                "SELECT id AS name FROM sendings
                 WHERE state = ?1 AND settled_ms <= ?2 AND projected = version
                 ORDER BY settled_ms LIMIT ?3",
                vec![
                    text(state.name()),
                    int(now.saturating_sub(kept)),
                    int(limit),
                ],
            )?);
        }
        Ok(old)
    }

    /// Forgets these sendings, and notices that are old and have none left.
    pub fn forget(&self, ids: &[String], now: i64, plan: &Plan) -> Result<(), Problem> {
        self.tables.run(
            "DELETE FROM sendings WHERE id IN (SELECT value FROM json_each(?1))",
            vec![text(json::text(ids))],
        )?;
        self.tables.run(
            "DELETE FROM notices WHERE at_ms <= ?1 AND NOT EXISTS (
               SELECT 1 FROM sendings WHERE sendings.notice_id = notices.notice_id)",
            vec![int(now.saturating_sub(plan.keep_delivered_ms))],
        )
    }
}

/// Rows as JSON lists that each fit a value.
fn lists<T: Serialize>(rows: &[T]) -> Vec<String> {
    let mut lists: Vec<String> = Vec::new();
    for row in rows {
        let row = json::text(row);
        match lists.last_mut() {
            Some(list) if list.len().saturating_add(row.len()) < ROWS_BYTES => {
                list.push(',');
                list.push_str(&row);
            }
            _ => lists.push(format!("[{row}")),
        }
    }
    for list in &mut lists {
        list.push(']');
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_split_where_a_value_would_not_fit() {
        let rows = vec!["x".repeat(400_000); 5];
        let lists = lists(&rows);
        let read: Vec<Vec<String>> = lists
            .iter()
            .map(|list| serde_json::from_str(list).unwrap())
            .collect();
        assert_eq!(read.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        assert!(super::lists::<String>(&[]).is_empty());
    }
}
