//! Assignments as they are written: the state of an order's, without its offers, and a
//! row for each offer.

use contract::Problem;
use domain::assignment::{Assignment, Offer};
use edge::sqlite::{first, int, int_or_null, rows, run, text};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Rows, broken, parse};

#[derive(Deserialize)]
struct StateRow {
    state: String,
}

#[derive(Deserialize)]
struct Named {
    order_id: String,
}

/// One offer as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfferRow {
    pub batch: u32,
    pub vendor_id: String,
    pub revision: u32,
    pub offer: String,
}

impl OfferRow {
    pub fn of(offer: &Offer) -> Self {
        Self {
            batch: offer.tag.batch,
            vendor_id: offer.vendor_id.clone(),
            revision: offer.revision,
            offer: json!(offer).to_string(),
        }
    }
}

#[derive(Deserialize)]
struct OfferText {
    offer: String,
}

pub const TABLES: &str = "
    -- An order's assignment, without its offers. `wake_ms` is when somebody has to look.
    CREATE TABLE IF NOT EXISTS assignments (
      order_id TEXT PRIMARY KEY,
      state TEXT NOT NULL,
      wake_ms INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS assignments_due ON assignments (wake_ms) WHERE wake_ms IS NOT NULL;
    -- The offers of its last round.
    CREATE TABLE IF NOT EXISTS offers (
      order_id TEXT NOT NULL, batch INTEGER NOT NULL, vendor_id TEXT NOT NULL,
      offer TEXT NOT NULL,
      PRIMARY KEY (order_id, batch, vendor_id)
    ) WITHOUT ROWID;";

impl Rows {
    pub fn has_assignment(&self, order_id: &str) -> Result<bool, Problem> {
        let found: Option<Named> = first(
            self.sql()?,
            "SELECT order_id FROM assignments WHERE order_id = ?1",
            vec![text(order_id)],
        )
        .map_err(broken)?;
        Ok(found.is_some())
    }

    pub fn assignment(&self, order_id: &str) -> Result<Option<Assignment>, Problem> {
        let found: Option<StateRow> = first(
            self.sql()?,
            "SELECT state FROM assignments WHERE order_id = ?1",
            vec![text(order_id)],
        )
        .map_err(broken)?;
        let Some(found) = found else { return Ok(None) };
        let mut engine: Assignment = parse(&found.state)?;
        let offers: Vec<OfferText> = rows(
            self.sql()?,
            "SELECT offer FROM offers WHERE order_id = ?1 ORDER BY batch, vendor_id",
            vec![text(order_id)],
        )
        .map_err(broken)?;
        engine.offers = offers
            .iter()
            .map(|row| parse(&row.offer))
            .collect::<Result<_, _>>()?;
        Ok(Some(engine))
    }

    /// The state, the offers that changed, and when somebody has to look at it. `some_gone`
    /// when it has fewer offers than are written. Gives the bytes of the state.
    pub fn write_assignment(
        &self,
        engine: &mut Assignment,
        changed: &[OfferRow],
        some_gone: bool,
        wake_ms: Option<i64>,
    ) -> Result<usize, Problem> {
        let sql = self.sql()?;
        let offers = std::mem::take(&mut engine.offers);
        let state = serde_json::to_string(engine);
        engine.offers = offers;
        let state = state.map_err(|error| broken(error.into()))?;
        let bytes = state.len();
        let order_id = engine.order_id.as_str();
        if some_gone {
            let here: Vec<(u32, &str)> = engine
                .offers
                .iter()
                .map(|offer| (offer.tag.batch, offer.vendor_id.as_str()))
                .collect();
            run(
                sql,
                "DELETE FROM offers WHERE order_id = ?1 AND (batch, vendor_id) NOT IN
                   (SELECT value ->> 0, value ->> 1 FROM json_each(?2))",
                vec![text(order_id), text(json!(here).to_string())],
            )
            .map_err(broken)?;
        }
        if !changed.is_empty() {
            run(
                sql,
                "INSERT INTO offers (order_id, batch, vendor_id, offer)
                 SELECT ?1, value ->> 'batch', value ->> 'vendor_id', value ->> 'offer'
                 FROM json_each(?2) WHERE true
                 ON CONFLICT (order_id, batch, vendor_id) DO UPDATE SET offer = excluded.offer",
                vec![text(order_id), text(json!(changed).to_string())],
            )
            .map_err(broken)?;
        }
        run(
            sql,
            "INSERT INTO assignments (order_id, state, wake_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (order_id) DO UPDATE SET state = excluded.state, wake_ms = excluded.wake_ms",
            vec![text(order_id), text(state), int_or_null(wake_ms)],
        )
        .map_err(broken)?;
        Ok(bytes)
    }

    /// One that could not be looked at.
    pub fn postpone_assignment(&self, order_id: &str, until_ms: i64) -> Result<(), Problem> {
        run(
            self.sql()?,
            "UPDATE assignments SET wake_ms = ?2 WHERE order_id = ?1",
            vec![text(order_id), int(until_ms)],
        )
        .map_err(broken)
    }

    /// Orders that somebody has to look at now.
    pub fn assignments_due(&self, now: i64) -> Result<Vec<String>, Problem> {
        let found: Vec<Named> = rows(
            self.sql()?,
            "SELECT order_id FROM assignments WHERE wake_ms <= ?1 ORDER BY wake_ms LIMIT 200",
            vec![int(now)],
        )
        .map_err(broken)?;
        Ok(found.into_iter().map(|row| row.order_id).collect())
    }

    /// Those of orders that are gone.
    pub fn forget_assignments(&self, youngest: &str) -> Result<(), Problem> {
        for statement in [
            "DELETE FROM offers WHERE order_id < ?1 AND order_id NOT IN (SELECT order_id FROM orders)",
            "DELETE FROM assignments
             WHERE order_id < ?1 AND order_id NOT IN (SELECT order_id FROM orders)",
        ] {
            run(self.sql()?, statement, vec![text(youngest)]).map_err(broken)?;
        }
        Ok(())
    }
}
