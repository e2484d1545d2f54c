//! The desk's tables. All calls are synchronous, so a run of them without an
//! await between is one atomic commit.

use contract::Problem;
use domain::cart::{Cart, Carts};
use domain::limits::KEY_TTL_MS;
use edge::sqlite::{first, int, rows, run, text};
use serde::Deserialize;
use serde_json::{Value, json};
use worker::SqlStorage;

use super::broken;

pub struct Rows {
    sql: SqlStorage,
    ready: worker::Result<()>,
}

#[derive(Deserialize)]
struct DocRow {
    doc: String,
}

#[derive(Deserialize)]
struct AnswerRow {
    answer: Option<String>,
}

/// What a key was used for.
#[derive(Debug, Clone, Deserialize)]
pub struct KeyRow {
    pub fingerprint: String,
    /// The answer's bytes, once there is one.
    pub answer: Option<String>,
}

/// A cart of which an order was made.
#[derive(Debug)]
pub struct Completion {
    /// The customer's new state.
    pub carts: Carts,
    /// The cart as it was ordered.
    pub cart: Cart,
    pub order_id: String,
    pub answer: String,
    pub at_ms: i64,
}

/// A customer whose cart is claimed.
#[derive(Debug, Deserialize)]
pub struct ClaimedRow {
    pub customer_id: String,
    doc: String,
}

impl ClaimedRow {
    pub fn carts(&self) -> Option<Carts> {
        serde_json::from_str(&self.doc).ok()
    }
}

/// A completed cart that the database lacks.
#[derive(Debug, Deserialize)]
pub struct CompletedRow {
    pub cart_id: String,
    pub customer_id: String,
    pub lines: String,
    pub address: String,
    pub order_id: String,
    pub at_ms: i64,
}

#[derive(Deserialize)]
struct Count {
    n: i64,
}

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS carts (
      customer_id TEXT PRIMARY KEY,
      doc TEXT NOT NULL,
      placing INTEGER NOT NULL DEFAULT 0,
      -- The bytes that answered the last order, for a repeat without a key.
      answer TEXT
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS carts_placing ON carts (customer_id) WHERE placing = 1;
    CREATE TABLE IF NOT EXISTS keys (
      customer_id TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, answer TEXT,
      created_ms INTEGER NOT NULL, PRIMARY KEY (customer_id, key)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS keys_by_age ON keys (created_ms);
    CREATE TABLE IF NOT EXISTS completed (
      cart_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, lines TEXT NOT NULL,
      address TEXT NOT NULL, order_id TEXT NOT NULL, at_ms INTEGER NOT NULL
    ) WITHOUT ROWID;";

impl Rows {
    pub fn open(sql: SqlStorage) -> Self {
        let ready = sql.exec(TABLES, None).map(|_| ());
        Self { sql, ready }
    }

    fn sql(&self) -> Result<&SqlStorage, Problem> {
        match &self.ready {
            Ok(()) => Ok(&self.sql),
            Err(error) => Err(broken(worker::Error::RustError(error.to_string()))),
        }
    }

    pub fn carts(&self, customer_id: &str) -> Result<Carts, Problem> {
        let row: Option<DocRow> = first(
            self.sql()?,
            "SELECT doc FROM carts WHERE customer_id = ?1",
            vec![text(customer_id)],
        )
        .map_err(broken)?;
        match row {
            Some(row) => serde_json::from_str(&row.doc).map_err(|error| broken(error.into())),
            None => Ok(Carts::default()),
        }
    }

    pub fn save(&self, customer_id: &str, carts: &Carts) -> Result<(), Problem> {
        let placing = carts
            .current
            .as_ref()
            .is_some_and(|cart| cart.claim.is_some());
        run(
            self.sql()?,
            "INSERT INTO carts (customer_id, doc, placing) VALUES (?1, ?2, ?3)
             ON CONFLICT (customer_id) DO UPDATE SET doc = excluded.doc, placing = excluded.placing",
            vec![
                text(customer_id),
                text(json!(carts).to_string()),
                int(i64::from(placing)),
            ],
        )
        .map_err(broken)
    }

    /// The bytes that answered the customer's last order.
    pub fn last_answer(&self, customer_id: &str) -> Result<Option<String>, Problem> {
        let row: Option<AnswerRow> = first(
            self.sql()?,
            "SELECT answer FROM carts WHERE customer_id = ?1",
            vec![text(customer_id)],
        )
        .map_err(broken)?;
        Ok(row.and_then(|row| row.answer))
    }

    pub fn key(&self, customer_id: &str, key: &str) -> Result<Option<KeyRow>, Problem> {
        first(
            self.sql()?,
            "SELECT fingerprint, answer FROM keys WHERE customer_id = ?1 AND key = ?2",
            vec![text(customer_id), text(key)],
        )
        .map_err(broken)
    }

    /// The key is taken, before anything is done under it.
    pub fn take_key(
        &self,
        customer_id: &str,
        key: &str,
        fingerprint: &str,
        now: i64,
    ) -> Result<(), Problem> {
        run(
            self.sql()?,
            "INSERT INTO keys (customer_id, key, fingerprint, created_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
            vec![text(customer_id), text(key), text(fingerprint), int(now)],
        )
        .map_err(broken)
    }

    /// Nothing came of it: the key may be used again.
    pub fn drop_key(&self, customer_id: &str, key: &str) -> Result<(), Problem> {
        run(
            self.sql()?,
            "DELETE FROM keys WHERE customer_id = ?1 AND key = ?2 AND answer IS NULL",
            vec![text(customer_id), text(key)],
        )
        .map_err(broken)
    }

    /// The order stands: the answer goes to its key, and the cart is kept until it is
    /// recorded, in one stretch with the customer's new state.
    pub fn complete(
        &self,
        customer_id: &str,
        done: &Completion,
        recorded: bool,
    ) -> Result<(), Problem> {
        let Completion {
            carts,
            cart,
            answer,
            ..
        } = done;
        let sql = self.sql()?;
        run(
            sql,
            "UPDATE carts SET doc = ?2, placing = 0, answer = ?3 WHERE customer_id = ?1",
            vec![
                text(customer_id),
                text(json!(carts).to_string()),
                text(answer.as_str()),
            ],
        )
        .map_err(broken)?;
        if !recorded {
            self.keep(customer_id, done)?;
        }
        let key = cart.claim.as_ref().map_or("", |claim| claim.key.as_str());
        if key.is_empty() {
            return Ok(());
        }
        run(
            sql,
            "UPDATE keys SET answer = ?3 WHERE customer_id = ?1 AND key = ?2",
            vec![text(customer_id), text(key), text(answer.as_str())],
        )
        .map_err(broken)
    }

    /// A completed cart that the database lacks.
    fn keep(&self, customer_id: &str, done: &Completion) -> Result<(), Problem> {
        run(
            self.sql()?,
            "INSERT INTO completed (cart_id, customer_id, lines, address, order_id, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            vec![
                text(done.cart.cart_id.as_str()),
                text(customer_id),
                text(json!(done.cart.lines).to_string()),
                text(json!(done.carts.address).to_string()),
                text(done.order_id.as_str()),
                int(done.at_ms),
            ],
        )
        .map_err(broken)
    }

    pub fn claimed(&self) -> Result<Vec<ClaimedRow>, Problem> {
        rows(
            self.sql()?,
            "SELECT customer_id, doc FROM carts WHERE placing = 1 LIMIT 200",
            Vec::new(),
        )
        .map_err(broken)
    }

    pub fn unrecorded(&self, limit: i64) -> Result<Vec<CompletedRow>, Problem> {
        rows(
            self.sql()?,
            "SELECT cart_id, customer_id, lines, address, order_id, at_ms
             FROM completed ORDER BY cart_id LIMIT ?1",
            vec![int(limit)],
        )
        .map_err(broken)
    }

    pub fn recorded(&self, cart_ids: &[&str]) -> Result<(), Problem> {
        run(
            self.sql()?,
            "DELETE FROM completed WHERE cart_id IN (SELECT value FROM json_each(?1))",
            vec![text(json!(cart_ids).to_string())],
        )
        .map_err(broken)
    }

    pub fn has_work(&self) -> Result<bool, Problem> {
        let count: Option<Count> = first(
            self.sql()?,
            "SELECT (SELECT COUNT(*) FROM carts WHERE placing = 1)
                  + (SELECT COUNT(*) FROM completed) AS n",
            Vec::new(),
        )
        .map_err(broken)?;
        Ok(count.is_some_and(|count| count.n > 0))
    }

    /// Keys are remembered for two days.
    pub fn forget_old(&self, now: i64) -> Result<(), Problem> {
        run(
            self.sql()?,
            "DELETE FROM keys WHERE created_ms < ?1",
            vec![int(now.saturating_sub(KEY_TTL_MS))],
        )
        .map_err(broken)
    }

    /// A page of everything, for an admin's export.
    pub fn export(&self, after: &str) -> Result<Value, Problem> {
        let page: Vec<Value> = rows(
            self.sql()?,
            "SELECT customer_id, doc, placing, answer FROM carts
             WHERE customer_id > ?1 ORDER BY customer_id LIMIT 100",
            vec![text(after)],
        )
        .map_err(broken)?;
        let next = page.last().and_then(|row| row.get("customer_id")).cloned();
        Ok(json!({ "carts": page, "next_after": next }))
    }
}
