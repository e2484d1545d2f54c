//! The desk's tables. All calls are synchronous, so a run of them without an
//! await between is one atomic commit.

use contract::Problem;
use domain::cart::{Cart, Carts};
use domain::limits::KEY_TTL_MS;
use edge::http;
use edge::json;
use edge::sqlite::{Tables, int, text};
use serde::Deserialize;
use serde_json::{Value, json};
use worker::SqlStorage;

pub struct Rows {
    tables: Tables,
}

#[derive(Deserialize)]
struct DocRow {
    doc: String,
    life: i64,
}

#[derive(Deserialize)]
struct AnswerRow {
    answer: Option<String>,
}

/// What a key was used for.
#[derive(Debug, Clone, Deserialize)]
pub struct KeyRow {
    pub fingerprint: String,
    /// The answer's bytes.
    pub answer: String,
}

/// An order was made of a cart.
#[derive(Debug, Clone)]
pub struct Completion {
    /// The cart as it was ordered, with its claim.
    pub cart: Cart,
    pub order_id: String,
    pub answer: String,
    pub at_ms: i64,
}

/// A customer's carts as they were written, and in which of the desk's lives.
#[derive(Debug)]
pub struct Known {
    pub carts: Carts,
    pub life: i64,
}

/// How the desk begins its life.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Begun {
    pub life: i64,
    /// The former life ended with orders in the making.
    #[serde(deserialize_with = "flag")]
    pub marked: bool,
    /// The last life whose carts were gone through.
    pub swept: i64,
}

fn flag<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    Ok(f64::deserialize(value)? != 0.0)
}

/// A customer whose carts were last written in a former life.
#[derive(Debug, Deserialize)]
pub struct FormerRow {
    pub customer_id: String,
    doc: String,
}

impl FormerRow {
    pub fn carts(&self) -> Option<Carts> {
        serde_json::from_slice(self.doc.as_bytes()).ok()
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
      -- The life of the desk in which this was written.
      life INTEGER NOT NULL,
      -- The bytes that answered the last order, for a repeat without a key.
      answer TEXT
    ) WITHOUT ROWID;
    -- One row. marked while orders may be in the making; life is the desk's; what was in
    -- doubt at the begin of that life has been gone through when swept is the same.
    CREATE TABLE IF NOT EXISTS desk (
      one INTEGER PRIMARY KEY CHECK (one = 1), life INTEGER NOT NULL, marked INTEGER NOT NULL,
      swept INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS keys (
      customer_id TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, answer TEXT NOT NULL,
      created_ms INTEGER NOT NULL, PRIMARY KEY (customer_id, key)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS keys_by_age ON keys (created_ms);
    CREATE TABLE IF NOT EXISTS completed (
      cart_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, lines TEXT NOT NULL,
      address TEXT NOT NULL, order_id TEXT NOT NULL, at_ms INTEGER NOT NULL
    ) WITHOUT ROWID;";

impl Rows {
    /// Opens the tables and begins a life: a new one, should the mark be set.
    pub fn open(sql: SqlStorage) -> (Self, Begun) {
        let mut rows = Self {
            tables: Tables::open(sql, TABLES),
        };
        match rows.begin() {
            Ok(begun) => (rows, begun),
            Err(problem) => {
                rows.tables.fail(problem.detail);
                let begun = Begun {
                    life: 0,
                    marked: false,
                    swept: 0,
                };
                (rows, begun)
            }
        }
    }

    fn begin(&self) -> Result<Begun, Problem> {
        let begun: Option<Begun> = self.tables.first(
            "UPDATE desk SET life = life + 1 WHERE marked = 1 RETURNING life, marked, swept",
            Vec::new(),
        )?;
        if let Some(begun) = begun {
            return Ok(begun);
        }
        let known: Option<Begun> = self
            .tables
            .first("SELECT life, marked, swept FROM desk", Vec::new())?;
        Ok(known.unwrap_or(Begun {
            life: 1,
            marked: false,
            swept: 1,
        }))
    }

    pub fn mark(&self, life: i64, marked: bool) -> Result<(), Problem> {
        self.tables.run(
            "INSERT INTO desk (one, life, marked, swept) VALUES (1, ?1, ?2, ?1)
             ON CONFLICT (one) DO UPDATE SET marked = excluded.marked",
            vec![int(life), int(i64::from(marked))],
        )
    }

    /// A page of customers whose carts were last written in a former life.
    pub fn of_former_lives(&self, life: i64, after: &str) -> Result<Vec<FormerRow>, Problem> {
        self.tables.rows(
            "SELECT customer_id, doc FROM carts WHERE life < ?1 AND customer_id > ?2
             ORDER BY customer_id LIMIT 100",
            vec![int(life), text(after)],
        )
    }

    /// All carts of former lives have been gone through.
    pub fn swept(&self) -> Result<(), Problem> {
        self.tables.run("UPDATE desk SET swept = life", Vec::new())
    }

    pub fn carts(&self, customer_id: &str) -> Result<Option<Known>, Problem> {
        let row: Option<DocRow> = self.tables.first(
            "SELECT doc, life FROM carts WHERE customer_id = ?1",
            vec![text(customer_id)],
        )?;
        row.map(|row| {
            let carts = serde_json::from_slice(row.doc.as_bytes())
                .map_err(|error| http::internal(error.into()))?;
            let life = row.life;
            Ok(Known { carts, life })
        })
        .transpose()
    }

    pub fn save(&self, customer_id: &str, carts: &Carts, life: i64) -> Result<(), Problem> {
        self.tables.run(
            "INSERT INTO carts (customer_id, doc, life) VALUES (?1, ?2, ?3)
             ON CONFLICT (customer_id) DO UPDATE SET doc = excluded.doc, life = excluded.life",
            vec![text(customer_id), text(json::text(&carts)), int(life)],
        )
    }

    /// The bytes that answered the customer's last order.
    pub fn last_answer(&self, customer_id: &str) -> Result<Option<String>, Problem> {
        let row: Option<AnswerRow> = self.tables.first(
            "SELECT answer FROM carts WHERE customer_id = ?1",
            vec![text(customer_id)],
        )?;
        Ok(row.and_then(|row| row.answer))
    }

    pub fn key(&self, customer_id: &str, key: &str) -> Result<Option<KeyRow>, Problem> {
        self.tables.first(
            "SELECT fingerprint, answer FROM keys WHERE customer_id = ?1 AND key = ?2",
            vec![text(customer_id), text(key)],
        )
    }

    /// The order stands: the answer goes to its key, and the cart is kept until it is
    /// recorded, in one stretch with the customer's new state.
    pub fn complete(
        &self,
        customer_id: &str,
        carts: &Carts,
        done: &Completion,
        recorded: bool,
        life: i64,
    ) -> Result<(), Problem> {
        self.tables.run(
            "UPDATE carts SET doc = ?2, life = ?3, answer = ?4 WHERE customer_id = ?1",
            vec![
                text(customer_id),
                text(json::text(&carts)),
                int(life),
                text(done.answer.as_str()),
            ],
        )?;
        if !recorded {
            self.keep(customer_id, carts, done)?;
        }
        let Some(claim) = done
            .cart
            .claim
            .as_ref()
            .filter(|claim| !claim.key.is_empty())
        else {
            return Ok(());
        };
        self.tables.run(
            "INSERT INTO keys (customer_id, key, fingerprint, answer, created_ms)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            vec![
                text(customer_id),
                text(claim.key.as_str()),
                text(claim.fingerprint.as_str()),
                text(done.answer.as_str()),
                int(done.at_ms),
            ],
        )
    }

    /// A completed cart that the database lacks.
    fn keep(&self, customer_id: &str, carts: &Carts, done: &Completion) -> Result<(), Problem> {
        self.tables.run(
            "INSERT INTO completed (cart_id, customer_id, lines, address, order_id, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            vec![
                text(done.cart.cart_id.as_str()),
                text(customer_id),
                text(json::text(&done.cart.lines)),
                text(json::text(&carts.address)),
                text(done.order_id.as_str()),
                int(done.at_ms),
            ],
        )
    }

    pub fn unrecorded(&self, limit: i64) -> Result<Vec<CompletedRow>, Problem> {
        self.tables.rows(
            "SELECT cart_id, customer_id, lines, address, order_id, at_ms
             FROM completed ORDER BY cart_id LIMIT ?1",
            vec![int(limit)],
        )
    }

    pub fn recorded(&self, cart_ids: &[&str]) -> Result<(), Problem> {
        self.tables.run(
            "DELETE FROM completed WHERE cart_id IN (SELECT value FROM json_each(?1))",
            vec![text(json::text(&cart_ids))],
        )
    }

    pub fn has_work(&self) -> Result<bool, Problem> {
        let count: Option<Count> = self
            .tables
            .first("SELECT COUNT(*) AS n FROM completed", Vec::new())?;
        Ok(count.is_some_and(|count| count.n > 0))
    }

    /// Keys are remembered for two days.
    pub fn forget_old(&self, now: i64) -> Result<(), Problem> {
        self.tables.run(
            "DELETE FROM keys WHERE created_ms < ?1",
            vec![int(now.saturating_sub(KEY_TTL_MS))],
        )
    }

    /// A page of everything, for an admin's export.
    pub fn export(&self, after: &str) -> Result<Value, Problem> {
        let page: Vec<Value> = self.tables.rows(
            "SELECT customer_id, doc, life, answer FROM carts
             WHERE customer_id > ?1 ORDER BY customer_id LIMIT 100",
            vec![text(after)],
        )?;
        let next = page.last().and_then(|row| row.get("customer_id")).cloned();
        Ok(json!({ "carts": page, "next_after": next }))
    }
}
