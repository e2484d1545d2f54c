//! The desk's tables. All calls are synchronous, so a run of them without an await
//! between is one atomic commit.
//!
//! A claim has a row from when it is held or closed; a refused one has none. What a
//! vendor has in work is counted from its claims, and its row holds but the version of
//! that and the version that the database has.

use contract::Problem;
use contract::assignment::Place;
use domain::limits::DESK_ROWS_TTL_MS;
use domain::places::{Claim, next_version};
use edge::json;
use edge::sqlite::{Tables, int, text};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use worker::SqlStorage;

/// What is old is forgotten so often at most.
const FORGET_EVERY_MS: i64 = 60 * 60 * 1000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS places (
      vendor_id TEXT NOT NULL,
      order_id TEXT NOT NULL,
      claim INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('held', 'closed')),
      at_ms INTEGER NOT NULL,
      PRIMARY KEY (vendor_id, order_id, claim)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS places_held ON places (vendor_id) WHERE state = 'held';
    CREATE INDEX IF NOT EXISTS places_closed ON places (at_ms) WHERE state = 'closed';
    CREATE TABLE IF NOT EXISTS work (
      vendor_id TEXT PRIMARY KEY,
      version INTEGER NOT NULL,
      -- The version that the database has.
      projected INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS work_behind ON work (vendor_id) WHERE projected <> version;";

pub struct Rows {
    tables: Tables,
}

/// What a vendor has in work, and the version of that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Work {
    #[serde(rename(serialize = "i"))]
    pub vendor_id: String,
    #[serde(rename(serialize = "n"))]
    pub held: i64,
    #[serde(rename(serialize = "v"))]
    pub version: i64,
}

#[derive(Deserialize)]
struct State {
    state: String,
}

#[derive(Deserialize)]
struct Count {
    held: i64,
}

#[derive(Deserialize)]
struct Version {
    version: i64,
}

#[derive(Deserialize)]
struct Due {
    at: Option<i64>,
}

impl Rows {
    pub fn open(sql: SqlStorage) -> Self {
        Self {
            tables: Tables::open(sql, TABLES),
        }
    }

    /// What became of a claim, if anything did.
    pub fn claim(&self, place: &Place) -> Result<Option<Claim>, Problem> {
        let row: Option<State> = self.tables.first(
            "SELECT state FROM places WHERE vendor_id = ?1 AND order_id = ?2 AND claim = ?3",
            vec![
                text(&place.vendor_id),
                text(&place.order_id),
                int(i64::from(place.claim)),
            ],
        )?;
        Ok(row.and_then(|row| Claim::from_name(&row.state)))
    }

    /// How many places of a vendor are taken.
    pub fn held(&self, vendor_id: &str) -> Result<i64, Problem> {
        let row: Option<Count> = self.tables.first(
            "SELECT count(*) AS held FROM places WHERE vendor_id = ?1 AND state = 'held'",
            vec![text(vendor_id)],
        )?;
        Ok(row.map_or(0, |row| row.held))
    }

    /// The claim holds a place. A claim that is there already stays what it is.
    pub fn hold(&self, place: &Place, now: i64) -> Result<(), Problem> {
        self.put(place, Claim::Held, now, "DO NOTHING")
    }

    /// The claim is closed, whether it ever held a place or not.
    pub fn close(&self, place: &Place, now: i64) -> Result<(), Problem> {
        let closes =
            "DO UPDATE SET state = excluded.state, at_ms = excluded.at_ms WHERE state = 'held'";
        self.put(place, Claim::Closed, now, closes)
    }

    fn put(&self, place: &Place, claim: Claim, now: i64, there: &str) -> Result<(), Problem> {
        let statement = format!(
            "INSERT INTO places (vendor_id, order_id, claim, state, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT {there}"
        );
        let values = vec![
            text(&place.vendor_id),
            text(&place.order_id),
            int(i64::from(place.claim)),
            text(claim.name()),
            int(now),
        ];
        self.tables.run(&statement, values)
    }

    /// What a vendor has in work has changed, and gets its next version.
    pub fn next(&self, vendor_id: &str, now: i64) -> Result<Work, Problem> {
        let before: Option<Version> = self.tables.first(
            "SELECT version FROM work WHERE vendor_id = ?1",
            vec![text(vendor_id)],
        )?;
        let version = next_version(before.map_or(0, |row| row.version), now);
        self.tables.run(
            "INSERT INTO work (vendor_id, version) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET version = excluded.version",
            vec![text(vendor_id), int(version)],
        )?;
        Ok(Work {
            vendor_id: vendor_id.to_owned(),
            held: self.held(vendor_id)?,
            version,
        })
    }

    /// What the database lacks.
    pub fn behind(&self, limit: usize) -> Result<Vec<Work>, Problem> {
        self.tables.rows(
            "SELECT vendor_id, version,
                    (SELECT count(*) FROM places
                     WHERE places.vendor_id = work.vendor_id AND state = 'held') AS held
             FROM work WHERE projected <> version ORDER BY vendor_id LIMIT ?1",
            vec![int(i64::try_from(limit).unwrap_or(i64::MAX))],
        )
    }

    /// The database has these versions.
    pub fn set_projected(&self, versions: &[Work]) -> Result<(), Problem> {
        if versions.is_empty() {
            return Ok(());
        }
        self.tables.run(
            "UPDATE work SET projected = there.version
             FROM (SELECT value ->> 'i' AS vendor_id, max(value ->> 'v') AS version
                   FROM json_each(?1) GROUP BY 1) AS there
             WHERE work.vendor_id = there.vendor_id AND work.projected < there.version",
            vec![text(json::text(&versions))],
        )
    }

    /// When the desk has to look after its rows again.
    pub fn next_due(&self, now: i64, recover_after: i64) -> Result<Option<i64>, Problem> {
        let due: Option<Due> = self.tables.first(
            "SELECT min(at) AS at FROM (
               SELECT ?1 AS at FROM work WHERE projected <> version
               UNION ALL
               SELECT max(min(at_ms) + ?2, ?3) FROM places WHERE state = 'closed')",
            vec![
                int(now.saturating_add(recover_after)),
                int(DESK_ROWS_TTL_MS),
                int(now.saturating_add(FORGET_EVERY_MS)),
            ],
        )?;
        Ok(due.and_then(|due| due.at))
    }

    /// No copy of a question travels for so long.
    pub fn forget_old(&self, now: i64) -> Result<(), Problem> {
        self.tables.run(
            "DELETE FROM places WHERE state = 'closed' AND at_ms <= ?1",
            vec![int(now.saturating_sub(DESK_ROWS_TTL_MS))],
        )
    }

    /// A page of everything, for an admin's export.
    pub fn export(&self, after: &str) -> Result<Value, Problem> {
        let (vendor_id, order_id, claim) = cursor(after);
        let page: Vec<Value> = self.tables.rows(
            "SELECT vendor_id, order_id, claim, state, at_ms FROM places
             WHERE (vendor_id, order_id, claim) > (?1, ?2, ?3)
             ORDER BY vendor_id, order_id, claim LIMIT 100",
            vec![text(vendor_id), text(order_id), int(claim)],
        )?;
        let next = page.last().map(after_row);
        Ok(json!({ "places": page, "next_after": next }))
    }
}

fn after_row(row: &Value) -> String {
    let part = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let claim = row.get("claim").and_then(Value::as_i64).unwrap_or_default();
    format!("{}/{}/{claim}", part("vendor_id"), part("order_id"))
}

/// Where a page goes on. Ids have no slash, and what is missing comes before everything.
fn cursor(after: &str) -> (&str, &str, i64) {
    let mut parts = after.splitn(3, '/');
    let mut part = || parts.next().unwrap_or_default();
    let (vendor_id, order_id) = (part(), part());
    (vendor_id, order_id, part().parse().unwrap_or(-1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_behind_its_last_row() {
        let row = json!({ "vendor_id": "v:1", "order_id": "o-2", "claim": 3, "state": "held" });
        let after = after_row(&row);
        assert_eq!(cursor(&after), ("v:1", "o-2", 3));
    }

    #[test]
    fn a_page_without_a_place_to_go_on_from_is_the_first() {
        assert_eq!(cursor(""), ("", "", -1));
        assert_eq!(cursor("v"), ("v", "", -1));
        assert_eq!(cursor("v/o/x/y"), ("v", "o", -1));
    }
}
