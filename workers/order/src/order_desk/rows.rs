//! The desk's tables. All calls are synchronous, so a run of them without an
//! await between is one atomic commit.

use contract::Problem;
use contract::order::{Asked, OrderContent};
use domain::lifecycle::{Life, Mode};
use domain::placement::{Phase, Placement};
use edge::json;
use edge::sqlite::{Tables, int, int_or_null, text};
use serde::Deserialize;
use serde_json::Value;
use worker::SqlStorage;

mod amendments;
mod chores;
mod hailing;
mod keeping;
mod life;
mod order_row;
mod showing;

pub use amendments::Amending;
pub use chores::{ChoreRow, kind};
pub use hailing::Hailing;
pub use life::Step;
pub use order_row::{OrderRow, Standing};
pub use showing::{Reached, placed_entry};

use order_row::parse;

pub struct Rows {
    tables: Tables,
}

/// A placement that came to a good end.
#[derive(Debug)]
pub struct GoodEnd {
    pub order_id: String,
    pub placement: Placement,
    pub life: Life,
    /// When it has to be paid, where it is paid first.
    pub pay_by_ms: Option<i64>,
    pub at_ms: i64,
}

#[derive(Deserialize)]
struct AskedRow {
    asked: String,
}

#[derive(Deserialize)]
struct Due {
    at: Option<i64>,
}

const COLUMNS: &str = "order_id, number, customer_id, cart_id, phase, content, placement, status,
    payment, standing, method, version, projected, announced, tracking_number, created_ms, updated_ms";

// Ids are in order of time, so rows and most index entries are appended: a write
// touches few pages. Every further index costs each order a page more.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS orders (
      order_id TEXT PRIMARY KEY,
      number TEXT UNIQUE,
      customer_id TEXT NOT NULL,
      cart_id TEXT NOT NULL,
      phase TEXT NOT NULL,
      content TEXT NOT NULL,
      placement TEXT NOT NULL,
      status TEXT NOT NULL DEFAULT 'pending',
      payment TEXT NOT NULL DEFAULT 'pending',
      standing TEXT NOT NULL DEFAULT '{}',
      method TEXT NOT NULL DEFAULT 'card',
      version INTEGER NOT NULL DEFAULT 0,
      -- The versions that the database has, and that those who watch have heard of.
      projected INTEGER NOT NULL DEFAULT 0,
      announced INTEGER NOT NULL DEFAULT 0,
      tracking_number TEXT,
      pay_by_ms INTEGER,
      -- The request it was made for, as its cart has to remember it.
      asked TEXT NOT NULL DEFAULT '{}',
      created_ms INTEGER NOT NULL,
      updated_ms INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS orders_open ON orders (phase) WHERE phase IN ('deducting', 'stuck');
    CREATE INDEX IF NOT EXISTS orders_behind ON orders (order_id)
      WHERE projected <> version OR (announced <> version AND phase = 'placed');
    CREATE INDEX IF NOT EXISTS orders_unpaid ON orders (pay_by_ms) WHERE pay_by_ms IS NOT NULL;
    CREATE UNIQUE INDEX IF NOT EXISTS one_order_a_cart ON orders (cart_id)
      WHERE phase <> 'undone';
    -- From the second entry on: the first follows from the order itself.
    CREATE TABLE IF NOT EXISTS history (
      order_id TEXT NOT NULL, version INTEGER NOT NULL, old_status TEXT, new_status TEXT NOT NULL,
      payment TEXT NOT NULL, fulfilment TEXT NOT NULL, delivery TEXT NOT NULL,
      changed_by TEXT NOT NULL, reason TEXT, at_ms INTEGER NOT NULL,
      PRIMARY KEY (order_id, version)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS chores (
      order_id TEXT NOT NULL, shard INTEGER NOT NULL, kind TEXT NOT NULL,
      -- The version of the order that asked for it last.
      version INTEGER NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0, due_ms INTEGER NOT NULL,
      PRIMARY KEY (order_id, shard, kind)
    ) WITHOUT ROWID;
    -- What was taken from an order, with the units that stock has to hear of, and the answer
    -- that its asker got.
    CREATE TABLE IF NOT EXISTS amendments (
      order_id TEXT NOT NULL, number INTEGER NOT NULL, amendment TEXT NOT NULL, units TEXT NOT NULL,
      key TEXT NOT NULL, fingerprint TEXT NOT NULL, answer TEXT NOT NULL, at_ms INTEGER NOT NULL,
      PRIMARY KEY (order_id, number)
    ) WITHOUT ROWID;
    -- Numbers of orders that have left, so that nobody gets them again.
    CREATE TABLE IF NOT EXISTS used_numbers (number TEXT PRIMARY KEY) WITHOUT ROWID;
    -- Orders that may be offered to vendors, who have to hear of their end.
    CREATE TABLE IF NOT EXISTS offered (order_id TEXT PRIMARY KEY) WITHOUT ROWID;
    -- How orders get drivers, of those that ever wanted one.
    CREATE TABLE IF NOT EXISTS hails (order_id TEXT PRIMARY KEY, doc TEXT NOT NULL) WITHOUT ROWID;";

impl Rows {
    pub fn open(sql: SqlStorage) -> Self {
        Self {
            tables: Tables::open(sql, TABLES),
        }
    }

    /// By id or by number.
    pub fn order(&self, order: &str) -> Result<Option<OrderRow>, Problem> {
        let statement =
            format!("SELECT {COLUMNS} FROM orders WHERE order_id = ?1 OR number = ?1 LIMIT 1");
        self.tables.first(&statement, vec![text(order)])
    }

    /// What there is of an order, or else of its cart: the order or unfinished placement
    /// that was made of it, or the mark that closed it.
    pub fn known(&self, order_id: &str, cart_id: &str) -> Result<Option<OrderRow>, Problem> {
        let statement = format!(
            "SELECT {COLUMNS} FROM orders
             WHERE order_id IN (?1, ?2) OR (cart_id = ?2 AND phase <> 'undone')
             ORDER BY order_id = ?1 DESC LIMIT 1"
        );
        self.tables
            .first(&statement, vec![text(order_id), text(cart_id)])
    }

    /// The order or unfinished placement that was made of a cart.
    pub fn live_of_cart(&self, cart_id: &str) -> Result<Option<OrderRow>, Problem> {
        let statement = format!(
            "SELECT {COLUMNS} FROM orders WHERE cart_id = ?1 AND phase <> 'undone' LIMIT 1"
        );
        self.tables.first(&statement, vec![text(cart_id)])
    }

    /// The request that an order was made for.
    pub fn asked(&self, order_id: &str) -> Result<Asked, Problem> {
        let row: Option<AskedRow> = self.tables.first(
            "SELECT asked FROM orders WHERE order_id = ?1",
            vec![text(order_id)],
        )?;
        row.map_or_else(|| Ok(Asked::default()), |row| parse(&row.asked))
    }

    /// Writes the journal: from here on the placement will come to an end. False, and
    /// nothing is written, when the number is taken.
    pub fn journal(
        &self,
        content: &OrderContent,
        asked: &Asked,
        number: &str,
        placement: &Placement,
        mode: Mode,
        now: i64,
    ) -> Result<bool, Problem> {
        let written: Option<Value> = self.tables.first(
            "INSERT INTO orders
               (order_id, customer_id, cart_id, phase, content, placement, created_ms, updated_ms,
                number, asked, standing, method)
             SELECT ?1, ?2, ?3, 'deducting', ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10
             WHERE NOT EXISTS (SELECT 1 FROM used_numbers WHERE number = ?7)
             ON CONFLICT (number) DO NOTHING RETURNING 1 AS written",
            vec![
                text(&content.order_id),
                text(&content.customer_id),
                text(&content.cart_id),
                text(json::text(&content)),
                text(json::text(&placement)),
                int(now),
                text(number),
                text(json::text(&asked)),
                text(json::text(&Standing::of_mode(mode))),
                text(content.payment_method.name()),
            ],
        )?;
        Ok(written.is_some())
    }

    /// Closes a cart of which no order was made: none can be made of it later. The mark
    /// has the cart's id for an order's. A cart that is closed stays so.
    pub fn close(&self, cart_id: &str, customer_id: &str, now: i64) -> Result<(), Problem> {
        let mut placement = Placement::new([], now);
        placement.phase = Phase::Undone;
        self.tables.run(
            "INSERT INTO orders
               (order_id, customer_id, cart_id, phase, content, placement, created_ms, updated_ms)
             VALUES (?1, ?2, ?1, 'undone', '', ?3, ?4, ?4) ON CONFLICT DO NOTHING",
            vec![
                text(cart_id),
                text(customer_id),
                text(json::text(&placement)),
                int(now),
            ],
        )
    }

    /// The placement has come to a good end: the order stands. `projected` when the
    /// database shows it already, `announced` when those who watch have heard of it.
    pub fn set_placed(
        &self,
        end: &GoodEnd,
        projected: bool,
        announced: bool,
    ) -> Result<(), Problem> {
        self.tables.run(
            "UPDATE orders SET phase = 'placed', placement = ?2, version = 1, pay_by_ms = ?3,
               updated_ms = ?4, projected = ?5, announced = ?6, payment = ?7 WHERE order_id = ?1",
            vec![
                text(end.order_id.as_str()),
                text(json::text(&end.placement)),
                int_or_null(end.pay_by_ms),
                int(end.at_ms),
                int(i64::from(projected)),
                int(i64::from(announced)),
                text(end.life.payment.name()),
            ],
        )?;
        if end.life.starts_by_itself() {
            self.add_chore(&end.order_id, 0, kind::START_OFFERS, 1, end.at_ms)?;
        }
        Ok(())
    }

    /// The placement has come to another end, or is stuck. That it got stuck, and
    /// that it is so no more, are versions of it that the database has to show.
    pub fn set_phase(
        &self,
        order_id: &str,
        phase: &str,
        placement: &Placement,
        now: i64,
    ) -> Result<(), Problem> {
        self.tables.run(
            "UPDATE orders SET phase = ?2, placement = ?3, updated_ms = ?4,
               version = version + (?2 = 'stuck' OR (?2 = 'undone' AND version > 0))
             WHERE order_id = ?1",
            vec![
                text(order_id),
                text(phase),
                text(json::text(&placement)),
                int(now),
            ],
        )
    }

    /// Placements whose end is not written.
    pub fn unfinished(&self) -> Result<Vec<OrderRow>, Problem> {
        let statement = format!("SELECT {COLUMNS} FROM orders WHERE phase = 'deducting' LIMIT 200");
        self.tables.rows(&statement, Vec::new())
    }

    /// A customer's placements whose end is not written.
    pub fn unfinished_of(&self, customer_id: &str) -> Result<Vec<OrderRow>, Problem> {
        let statement = format!(
            "SELECT {COLUMNS} FROM orders WHERE phase = 'deducting' AND customer_id = ?1 LIMIT 10"
        );
        self.tables.rows(&statement, vec![text(customer_id)])
    }

    /// Orders whose time to be paid has run out.
    pub fn unpaid(&self, now: i64) -> Result<Vec<OrderRow>, Problem> {
        let statement = format!(
            "SELECT {COLUMNS} FROM orders WHERE pay_by_ms <= ?1 ORDER BY pay_by_ms LIMIT 100"
        );
        self.tables.rows(&statement, vec![int(now)])
    }

    /// The earliest time at which there is something to do.
    pub fn next_due(&self, now: i64, recover_after: i64) -> Result<Option<i64>, Problem> {
        let due: Option<Due> = self.tables.first(
            "SELECT MIN(at) AS at FROM (
               SELECT MIN(pay_by_ms) AS at FROM orders WHERE pay_by_ms IS NOT NULL
               UNION ALL SELECT MIN(due_ms) FROM chores
               UNION ALL SELECT ?1 FROM orders WHERE phase = 'deducting'
               UNION ALL SELECT MAX(MIN(updated_ms) + ?2, ?3) FROM orders
               WHERE projected <> version OR (announced <> version AND phase = 'placed'))",
            vec![
                int(now.saturating_add(recover_after)),
                int(recover_after),
                int(now.saturating_add(1000)),
            ],
        )?;
        Ok(due.and_then(|due| due.at))
    }
}
