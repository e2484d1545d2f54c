//! The tables of a stream. All calls are synchronous, so a run of them without an
//! await between is one atomic commit.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use contract::Problem;
use contract::realtime::Event;
use edge::http;
use edge::json;
use edge::sqlite::{Tables, int, text};
use serde::Deserialize;
use worker::SqlStorage;

/// Ids of events are remembered for so long: a publisher that did not hear that it was
/// heard asks again within it.
pub const SAVED_MS: i64 = 60 * 60 * 1000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS log (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      at_ms INTEGER NOT NULL,
      body TEXT NOT NULL
    );
    -- Hubs with somebody there, and how far they are known to have been told.
    CREATE TABLE IF NOT EXISTS hubs (hub INTEGER PRIMARY KEY, acked INTEGER NOT NULL);
    -- Rooms that sessions joined beyond those of their role.
    CREATE TABLE IF NOT EXISTS joined (
      pid TEXT NOT NULL, room TEXT NOT NULL, by TEXT NOT NULL, hub INTEGER NOT NULL,
      since INTEGER NOT NULL, left_ms INTEGER,
      PRIMARY KEY (pid, room)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS joined_left ON joined (left_ms) WHERE left_ms IS NOT NULL;";

pub struct Rows {
    tables: Tables,
}

#[derive(Deserialize)]
pub struct LogRow {
    pub seq: u64,
    pub at_ms: i64,
    pub body: String,
}

impl LogRow {
    pub fn event(&self) -> Result<Event, Problem> {
        serde_json::from_slice(self.body.as_bytes()).map_err(|error| http::internal(error.into()))
    }
}

#[derive(Deserialize)]
struct Number {
    value: Option<u64>,
}

#[derive(Deserialize)]
struct IdRow {
    id: String,
}

#[derive(Deserialize)]
struct HubRow {
    hub: u16,
    acked: u64,
}

#[derive(Deserialize)]
struct JoinedRow {
    room: String,
    since: u64,
}

fn big(value: u64) -> worker::SqlStorageValue {
    int(i64::try_from(value).unwrap_or(i64::MAX))
}

impl Rows {
    pub fn open(sql: SqlStorage) -> Self {
        Self {
            tables: Tables::open(sql, TABLES),
        }
    }

    fn number(&self, statement: &str) -> Result<Option<u64>, Problem> {
        let row: Option<Number> = self.tables.first(statement, Vec::new())?;
        Ok(row.and_then(|row| row.value))
    }

    /// The life of the numbers; drawn once.
    pub fn epoch(&self, drawn: u32) -> Result<u32, Problem> {
        self.tables.run(
            "INSERT INTO meta (name, value) VALUES ('epoch', ?1) ON CONFLICT DO NOTHING",
            vec![int(i64::from(drawn))],
        )?;
        let epoch = self.number("SELECT value FROM meta WHERE name = 'epoch'")?;
        Ok(epoch
            .and_then(|epoch| u32::try_from(epoch).ok())
            .unwrap_or(drawn))
    }

    /// Which stream this is, once it has heard so.
    pub fn stream(&self) -> Result<Option<u16>, Problem> {
        let stream = self.number("SELECT value FROM meta WHERE name = 'stream'")?;
        Ok(stream.and_then(|stream| u16::try_from(stream).ok()))
    }

    /// The last number given.
    pub fn head(&self) -> Result<u64, Problem> {
        Ok(self
            .number("SELECT MAX(seq) AS value FROM log")?
            .unwrap_or_default())
    }

    /// The latest events since then, oldest first.
    pub fn kept(&self, since_ms: i64, count: usize) -> Result<Vec<LogRow>, Problem> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let mut kept: Vec<LogRow> = self.tables.rows(
            "SELECT seq, at_ms, body FROM log WHERE at_ms >= ?1 ORDER BY seq DESC LIMIT ?2",
            vec![int(since_ms), int(count)],
        )?;
        kept.reverse();
        Ok(kept)
    }

    /// Which of these are written already.
    pub fn known(&self, events: &[&Rc<Event>]) -> Result<BTreeSet<String>, Problem> {
        if events.is_empty() {
            return Ok(BTreeSet::new());
        }
        let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
        let found: Vec<IdRow> = self.tables.rows(
            "SELECT id FROM log WHERE id IN (SELECT value FROM json_each(?1))",
            vec![text(json::text(&ids))],
        )?;
        Ok(found.into_iter().map(|row| row.id).collect())
    }

    /// Writes events under the numbers after `head`. How many bytes each has.
    pub fn append(
        &self,
        stream: u16,
        head: u64,
        events: &[&Rc<Event>],
        now: i64,
    ) -> Result<Vec<usize>, Problem> {
        let mut bytes = Vec::with_capacity(events.len());
        let mut list = Vec::with_capacity(events.len());
        for (event, seq) in events.iter().zip(head.saturating_add(1)..) {
            let body =
                serde_json::to_string(event).map_err(|error| http::internal(error.into()))?;
            bytes.push(body.len());
            list.push((seq, event.id.as_str(), body));
        }
        let list = serde_json::to_string(&list).map_err(|error| http::internal(error.into()))?;
        if head == 0 {
            self.tables.run(
                "INSERT INTO meta (name, value) VALUES ('stream', ?1) ON CONFLICT DO NOTHING",
                vec![int(i64::from(stream))],
            )?;
        }
        self.tables.run(
            "INSERT INTO log (seq, id, at_ms, body)
             SELECT value ->> 0, value ->> 1, ?2, value ->> 2 FROM json_each(?1)",
            vec![text(list), int(now)],
        )?;
        Ok(bytes)
    }

    pub fn hubs(&self) -> Result<Vec<(u16, u64)>, Problem> {
        let found: Vec<HubRow> = self
            .tables
            .rows("SELECT hub, acked FROM hubs", Vec::new())?;
        Ok(found.into_iter().map(|row| (row.hub, row.acked)).collect())
    }

    pub fn add_hub(&self, hub: u16, acked: u64) -> Result<(), Problem> {
        self.tables.run(
            "INSERT INTO hubs (hub, acked) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            vec![int(i64::from(hub)), big(acked)],
        )
    }

    /// How far hubs have got. Goes along with another write where there is one.
    pub fn set_acked(&self, acked: &[(u16, u64)]) -> Result<(), Problem> {
        if acked.is_empty() {
            return Ok(());
        }
        self.tables.run(
            "UPDATE hubs SET acked = a.value ->> 1 FROM json_each(?1) AS a
             WHERE hubs.hub = a.value ->> 0 AND hubs.acked < a.value ->> 1",
            vec![text(json::text(&acked))],
        )
    }

    /// Nobody is there any more, and those who were have left.
    pub fn forget_hub(&self, hub: u16, now: i64) -> Result<(), Problem> {
        let hub = i64::from(hub);
        self.tables
            .run("DELETE FROM hubs WHERE hub = ?1", vec![int(hub)])?;
        self.tables.run(
            "UPDATE joined SET left_ms = ?2 WHERE hub = ?1 AND left_ms IS NULL",
            vec![int(hub), int(now)],
        )
    }

    pub fn join(
        &self,
        pid: &str,
        by: &str,
        room: &str,
        hub: u16,
        head: u64,
    ) -> Result<(), Problem> {
        self.tables.run(
            "INSERT INTO joined (pid, room, by, hub, since) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET hub = excluded.hub, left_ms = NULL",
            vec![
                text(pid),
                text(room),
                text(by),
                int(i64::from(hub)),
                big(head),
            ],
        )
    }

    pub fn part(&self, pid: &str, room: &str) -> Result<(), Problem> {
        self.tables.run(
            "DELETE FROM joined WHERE pid = ?1 AND room = ?2",
            vec![text(pid), text(room)],
        )
    }

    pub fn gone(&self, pid: &str, now: i64) -> Result<(), Problem> {
        self.tables.run(
            "UPDATE joined SET left_ms = ?2 WHERE pid = ?1",
            vec![text(pid), int(now)],
        )
    }

    /// The rooms that a session was in, and since which number. It is here again.
    pub fn back(
        &self,
        pid: &str,
        by: &str,
        hub: u16,
        now: i64,
        window_ms: i64,
    ) -> Result<BTreeMap<String, u64>, Problem> {
        let found: Vec<JoinedRow> = self.tables.rows(
            "SELECT room, since FROM joined
             WHERE pid = ?1 AND by = ?2 AND (left_ms IS NULL OR left_ms >= ?3)",
            vec![text(pid), text(by), int(now.saturating_sub(window_ms))],
        )?;
        if !found.is_empty() {
            self.tables.run(
                "UPDATE joined SET hub = ?2, left_ms = NULL WHERE pid = ?1",
                vec![text(pid), int(i64::from(hub))],
            )?;
        }
        Ok(found.into_iter().map(|row| (row.room, row.since)).collect())
    }

    /// Old events but the last, which holds the number, and sessions that stayed away.
    pub fn forget_old(&self, now: i64, window_ms: i64) -> Result<(), Problem> {
        self.tables.run(
            // Times rise with numbers, so this looks at what goes and no further.
            "DELETE FROM log WHERE seq < COALESCE(
               (SELECT seq FROM log WHERE at_ms >= ?1 ORDER BY seq LIMIT 1),
               (SELECT MAX(seq) FROM log))",
            vec![int(now.saturating_sub(SAVED_MS))],
        )?;
        self.tables.run(
            "DELETE FROM joined WHERE left_ms < ?1",
            vec![int(now.saturating_sub(window_ms))],
        )
    }
}
