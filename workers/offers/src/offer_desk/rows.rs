//! The desk's tables: the state of an order's offers without the offers themselves, what
//! is told of the order, and a row for each offer. All calls are synchronous, so a run of
//! them without an await between is one atomic commit.

use contract::Problem;
use contract::assignment::OrderFacts;
use domain::assignment::{Assignment, Offer};
use edge::clock;
use edge::http;
use edge::json;
use edge::sqlite::{Tables, int, int_or_null, text};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use worker::SqlStorage;

/// What ended so long ago is forgotten: the database has it. An order that has left may
/// be on its way for weeks, and its vendor still has it.
const FORGET_AFTER_MS: i64 = 60 * 24 * 60 * 60 * 1000;
/// No need to look for what may be forgotten more often.
const FORGET_EVERY_MS: i64 = 60 * 60 * 1000;

pub struct Rows {
    tables: Tables,
}

#[derive(Deserialize)]
struct StateRow {
    state: String,
    facts: String,
}

#[derive(Deserialize)]
struct Due {
    at: Option<i64>,
}

#[derive(Deserialize)]
struct Named {
    order_id: String,
}

/// One offer as it is written.
#[derive(Debug, Clone, Serialize)]
pub struct OfferRow {
    batch: u32,
    vendor_id: String,
    offer: String,
}

impl OfferRow {
    pub fn of(offer: &Offer) -> Self {
        Self {
            batch: offer.tag.batch,
            vendor_id: offer.vendor_id.clone(),
            offer: json::text(&offer),
        }
    }
}

#[derive(Deserialize)]
struct OfferText {
    offer: String,
}

const TABLES: &str = "
    -- `wake_ms` is when somebody has to look, `ended_ms` when the order was over.
    CREATE TABLE IF NOT EXISTS assignments (
      order_id TEXT PRIMARY KEY,
      number TEXT NOT NULL,
      facts TEXT NOT NULL,
      state TEXT NOT NULL,
      wake_ms INTEGER,
      ended_ms INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS assignments_by_number ON assignments (number);
    CREATE INDEX IF NOT EXISTS assignments_due ON assignments (wake_ms) WHERE wake_ms IS NOT NULL;
    CREATE INDEX IF NOT EXISTS assignments_ended ON assignments (ended_ms)
      WHERE ended_ms IS NOT NULL;
    -- The offers of its last round.
    CREATE TABLE IF NOT EXISTS offers (
      order_id TEXT NOT NULL, batch INTEGER NOT NULL, vendor_id TEXT NOT NULL,
      offer TEXT NOT NULL,
      PRIMARY KEY (order_id, batch, vendor_id)
    ) WITHOUT ROWID;";

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_json::from_slice(text.as_bytes()).map_err(|error| http::internal(error.into()))
}

impl Rows {
    pub fn open(sql: SqlStorage) -> Self {
        Self {
            tables: Tables::open(sql, TABLES),
        }
    }

    /// The id of an order that was begun, by id or by number.
    pub fn begun(&self, order: &str) -> Result<Option<String>, Problem> {
        let found: Option<Named> = self.tables.first(
            "SELECT order_id FROM assignments WHERE order_id = ?1
             UNION ALL SELECT order_id FROM assignments WHERE number = ?1 LIMIT 1",
            vec![text(order)],
        )?;
        Ok(found.map(|row| row.order_id))
    }

    pub fn assignment(&self, order_id: &str) -> Result<Option<(Assignment, OrderFacts)>, Problem> {
        let found: Option<StateRow> = self.tables.first(
            "SELECT state, facts FROM assignments WHERE order_id = ?1",
            vec![text(order_id)],
        )?;
        let Some(found) = found else { return Ok(None) };
        let mut engine: Assignment = parse(&found.state)?;
        let offers: Vec<OfferText> = self.tables.rows(
            "SELECT offer FROM offers WHERE order_id = ?1 ORDER BY batch, vendor_id",
            vec![text(order_id)],
        )?;
        engine.offers = offers
            .iter()
            .map(|row| parse(&row.offer))
            .collect::<Result<_, _>>()?;
        Ok(Some((engine, parse(&found.facts)?)))
    }

    /// The state, the offers that changed, and when somebody has to look at it; with what is
    /// told of the order, when it is written first. After a new round was
    /// begun the offers that are written are those of a former one. Gives the bytes of the
    /// state.
    pub fn write_assignment(
        &self,
        engine: &mut Assignment,
        order: Option<&OrderFacts>,
        changed: &[OfferRow],
        is_new_round: bool,
        wake_ms: Option<i64>,
    ) -> Result<usize, Problem> {
        let offers = std::mem::take(&mut engine.offers);
        let state = serde_json::to_string(engine);
        engine.offers = offers;
        let state = state.map_err(|error| http::internal(error.into()))?;
        let bytes = state.len();
        let order_id = engine.order_id.as_str();
        let ended_ms = engine.is_over().then(clock::now_ms);
        let row = vec![
            text(order_id),
            text(state),
            int_or_null(wake_ms),
            int_or_null(ended_ms),
        ];
        if let Some(order) = order {
            let facts = [text(order.number.as_str()), text(json::text(&order))];
            self.tables.run(
                "INSERT INTO assignments (order_id, state, wake_ms, ended_ms, number, facts)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                row.into_iter().chain(facts).collect(),
            )?;
        } else {
            self.tables.run(
                "UPDATE assignments SET state = ?2, wake_ms = ?3,
                   ended_ms = COALESCE(ended_ms, ?4)
                 WHERE order_id = ?1",
                row,
            )?;
        }
        if is_new_round {
            self.tables.run(
                "DELETE FROM offers WHERE order_id = ?1",
                vec![text(order_id)],
            )?;
        }
        if !changed.is_empty() {
            self.tables.run(
                "INSERT INTO offers (order_id, batch, vendor_id, offer)
                 SELECT ?1, value ->> 'batch', value ->> 'vendor_id', value ->> 'offer'
                 FROM json_each(?2) WHERE true
                 ON CONFLICT (order_id, batch, vendor_id) DO UPDATE SET offer = excluded.offer",
                vec![text(order_id), text(json::text(&changed))],
            )?;
        }
        Ok(bytes)
    }

    /// One that could not be looked at.
    pub fn postpone_assignment(&self, order_id: &str, until_ms: i64) -> Result<(), Problem> {
        self.tables.run(
            "UPDATE assignments SET wake_ms = ?2 WHERE order_id = ?1",
            vec![text(order_id), int(until_ms)],
        )
    }

    /// Orders that somebody has to look at now.
    pub fn assignments_due(&self, now: i64) -> Result<Vec<String>, Problem> {
        let found: Vec<Named> = self.tables.rows(
            "SELECT order_id FROM assignments WHERE wake_ms <= ?1 ORDER BY wake_ms LIMIT 200",
            vec![int(now)],
        )?;
        Ok(found.into_iter().map(|row| row.order_id).collect())
    }

    /// The earliest time at which somebody has to look.
    pub fn next_due(&self, now: i64) -> Result<Option<i64>, Problem> {
        let due: Option<Due> = self.tables.first(
            "SELECT MIN(at) AS at FROM (
               SELECT MIN(wake_ms) AS at FROM assignments WHERE wake_ms IS NOT NULL
               UNION ALL SELECT MAX(MIN(ended_ms) + ?1, ?2) FROM assignments
               WHERE ended_ms IS NOT NULL)",
            vec![
                int(FORGET_AFTER_MS),
                int(now.saturating_add(FORGET_EVERY_MS)),
            ],
        )?;
        Ok(due.and_then(|due| due.at))
    }

    /// Rows that nobody needs any more: of orders that were over so long ago, when nothing
    /// is left to be done for them.
    pub fn forget_old(&self, now: i64) -> Result<(), Problem> {
        let before = now.saturating_sub(FORGET_AFTER_MS);
        for statement in [
            "DELETE FROM offers WHERE order_id IN
               (SELECT order_id FROM assignments WHERE ended_ms < ?1 AND wake_ms IS NULL)",
            "DELETE FROM assignments WHERE ended_ms < ?1 AND wake_ms IS NULL",
        ] {
            self.tables.run(statement, vec![int(before)])?;
        }
        Ok(())
    }

    /// A page of everything, for an admin's export.
    pub fn export(&self, after: &str) -> Result<Value, Problem> {
        let page: Vec<Value> = self.tables.rows(
            "SELECT a.*, (SELECT json_group_array(json(o.offer)) FROM offers AS o
                          WHERE o.order_id = a.order_id) AS offers
             FROM assignments AS a WHERE a.order_id > ?1 ORDER BY a.order_id LIMIT 10",
            vec![text(after)],
        )?;
        let next = page.last().and_then(|row| row.get("order_id")).cloned();
        Ok(json!({ "assignments": page, "next_after": next }))
    }
}
