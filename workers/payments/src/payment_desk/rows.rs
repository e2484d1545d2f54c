//! The desk's tables. All calls are synchronous, so a run of them without an await between
//! is one atomic commit.

use contract::Problem;
use domain::payment::Payment;
use edge::http;
use edge::json;
use edge::sqlite::{Tables, int, int_or_null, text};
use serde::Deserialize;
use serde_json::{Value, json};
use worker::SqlStorage;

/// How long the payment of an order is kept after it came to rest: as long as cards may be
/// refunded.
const KEPT_MS: i64 = 180 * 24 * 60 * 60 * 1000;
/// The provider repeats its deliveries for three days.
const EVENTS_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS payments (
      order_id TEXT PRIMARY KEY,
      number TEXT NOT NULL,
      payment TEXT NOT NULL,
      attempts INTEGER NOT NULL,
      -- When somebody has to look at it; null while it rests.
      due_ms INTEGER,
      updated_ms INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS payments_due ON payments (due_ms) WHERE due_ms IS NOT NULL;
    CREATE TABLE IF NOT EXISTS events (
      event_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, at_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS events_by_age ON events (at_ms);";

pub struct Rows {
    tables: Tables,
}

#[derive(Debug, Clone)]
pub struct PaymentRow {
    pub order_id: String,
    pub number: String,
    pub payment: Payment,
    pub attempts: u32,
    pub due_ms: Option<i64>,
    pub is_written: bool,
}

impl PaymentRow {
    pub fn new(order_id: &str, payment: Payment) -> Self {
        Self {
            order_id: order_id.to_owned(),
            number: String::new(),
            payment,
            attempts: 0,
            due_ms: None,
            is_written: false,
        }
    }
}

#[derive(Deserialize)]
struct Stored {
    order_id: String,
    number: String,
    payment: String,
    attempts: u32,
    due_ms: Option<i64>,
}

#[derive(Deserialize)]
struct OrderId {
    order_id: String,
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

    pub fn payment(&self, order_id: &str) -> Result<Option<PaymentRow>, Problem> {
        let found: Option<Stored> = self.tables.first(
            "SELECT order_id, number, payment, attempts, due_ms FROM payments
             WHERE order_id = ?1",
            vec![text(order_id)],
        )?;
        found
            .map(|row| {
                Ok(PaymentRow {
                    payment: serde_json::from_slice(row.payment.as_bytes())
                        .map_err(|error| http::internal(error.into()))?,
                    order_id: row.order_id,
                    number: row.number,
                    attempts: row.attempts,
                    due_ms: row.due_ms,
                    is_written: true,
                })
            })
            .transpose()
    }

    pub fn save(&self, row: &PaymentRow, now: i64) -> Result<(), Problem> {
        self.tables.run(
            "INSERT INTO payments (order_id, number, payment, attempts, due_ms, updated_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (order_id) DO UPDATE SET number = excluded.number,
               payment = excluded.payment, attempts = excluded.attempts,
               due_ms = excluded.due_ms, updated_ms = excluded.updated_ms",
            vec![
                text(row.order_id.as_str()),
                text(row.number.as_str()),
                text(json::text(&row.payment)),
                int(i64::from(row.attempts)),
                int_or_null(row.due_ms),
                int(now),
            ],
        )
    }

    /// False when this event has counted before.
    pub fn note_event(&self, order_id: &str, event_id: &str, now: i64) -> Result<bool, Problem> {
        let noted: Option<Value> = self.tables.first(
            "INSERT INTO events (event_id, order_id, at_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING RETURNING 1 AS noted",
            vec![text(event_id), text(order_id), int(now)],
        )?;
        Ok(noted.is_some())
    }

    pub fn due(&self, now: i64) -> Result<Vec<String>, Problem> {
        let due: Vec<OrderId> = self.tables.rows(
            "SELECT order_id FROM payments WHERE due_ms <= ?1 ORDER BY due_ms LIMIT 32",
            vec![int(now)],
        )?;
        Ok(due.into_iter().map(|row| row.order_id).collect())
    }

    pub fn next_due(&self) -> Result<Option<i64>, Problem> {
        let due: Option<Due> = self.tables.first(
            "SELECT MIN(due_ms) AS at FROM payments WHERE due_ms IS NOT NULL",
            Vec::new(),
        )?;
        Ok(due.and_then(|due| due.at))
    }

    pub fn forget_old(&self, now: i64) -> Result<(), Problem> {
        let (payments, events) = (
            now.saturating_sub(KEPT_MS),
            now.saturating_sub(EVENTS_KEPT_MS),
        );
        self.tables.run(
            "DELETE FROM payments WHERE due_ms IS NULL AND updated_ms < ?1",
            vec![int(payments)],
        )?;
        self.tables
            .run("DELETE FROM events WHERE at_ms < ?1", vec![int(events)])
    }

    /// A page of everything, for an admin's export. What a shopper pays with stays here.
    pub fn export(&self, after: &str) -> Result<Value, Problem> {
        let page: Vec<Value> = self.tables.rows(
            "SELECT order_id, number, json_remove(payment, '$.intent.open.secret') AS payment,
               attempts, due_ms, updated_ms
             FROM payments WHERE order_id > ?1 ORDER BY order_id LIMIT 100",
            vec![text(after)],
        )?;
        let next = page.last().and_then(|row| row.get("order_id")).cloned();
        Ok(json!({ "payments": page, "next_after": next }))
    }
}
