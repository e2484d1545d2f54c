//! Orders as others see them: their views, and what the database lacks of them.

use contract::order::{HistoryEntry, OrderSummary, OrderView};
use contract::{Actor, Problem, Role};
use domain::lifecycle::{Delivery, Fulfilment, Life, Method, Mode, PaymentStatus, Status};
use domain::time::rfc3339;
use edge::json;
use edge::sqlite::{int, text};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{COLUMNS, OrderRow, Rows};
use crate::order_desk::life::by_of;
use crate::order_desk::money::due_of;
use crate::order_desk::projection::Sent;

/// Where versions of an order have to get to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    Database,
    /// Those who watch.
    Screens,
}

impl Reached {
    pub fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Screens => "screens",
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::Database => "projected",
            Self::Screens => "announced",
        }
    }

    /// In the words of the index `orders_behind`, so that it serves.
    fn lacking(self) -> &'static str {
        match self {
            Self::Database => "projected <> version AND phase <> 'deducting'",
            Self::Screens => "announced <> version AND phase = 'placed'",
        }
    }
}

#[derive(Deserialize)]
struct HistoryRow {
    version: u32,
    old_status: Option<String>,
    new_status: String,
    payment: String,
    fulfilment: String,
    delivery: String,
    changed_by: String,
    reason: Option<String>,
    at_ms: i64,
}

/// In order of versions, and the same whenever it is made.
pub fn history_id(order_id: &str, version: u32) -> String {
    format!("{order_id}:{version:06}")
}

/// The first entry of an order's history: it was placed, by its customer. It is not
/// stored, since it follows from the order.
pub fn placed_entry(
    order_id: &str,
    customer_id: &str,
    method: Method,
    created_ms: i64,
) -> HistoryEntry {
    let life = Life::placed(method, Mode::Vendor);
    let customer = Actor {
        role: Role::Customer,
        id: customer_id.to_owned(),
    };
    HistoryEntry {
        history_id: history_id(order_id, 1),
        old_status: None,
        new_status: life.status,
        payment_status: life.payment,
        fulfilment_status: life.fulfilment,
        delivery_status: life.delivery,
        changed_by: customer.tag(),
        reason: None,
        created_at: rfc3339(created_ms),
    }
}

impl OrderRow {
    /// The row of a list.
    pub fn summary(&self) -> Result<OrderSummary, Problem> {
        let (content, life) = (self.content()?, self.life());
        Ok(OrderSummary {
            order_id: self.order_id.clone(),
            order_number: self.number.clone().unwrap_or_default(),
            status: life.status,
            payment_status: life.payment,
            fulfilment_status: life.fulfilment,
            delivery_status: life.delivery,
            payment_method: life.method,
            version: life.version,
            total_minor: content.totals.total_minor,
            currency: content.currency,
            created_at: rfc3339(self.created_ms),
            updated_at: rfc3339(self.updated_ms),
        })
    }
}

impl Rows {
    /// What has not got there and has not changed since then, oldest first.
    pub fn behind(
        &self,
        at: Reached,
        before_ms: i64,
        limit: usize,
    ) -> Result<Vec<OrderRow>, Problem> {
        let lacking = at.lacking();
        let statement = format!(
            "SELECT {COLUMNS} FROM orders WHERE {lacking} AND updated_ms <= ?2
                 ORDER BY order_id LIMIT ?1"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.tables
            .rows(&statement, vec![int(limit), int(before_ms)])
    }

    /// These versions have got there.
    pub fn set_reached(&self, at: Reached, versions: &[&Sent]) -> Result<(), Problem> {
        if versions.is_empty() {
            return Ok(());
        }
        let column = at.column();
        let statement = format!(
            "UPDATE orders SET {column} = p.version
             FROM (SELECT value ->> 'i' AS order_id, value ->> 'v' AS version
                   FROM json_each(?1)) AS p
             WHERE orders.order_id = p.order_id AND orders.{column} < p.version"
        );
        self.tables
            .run(&statement, vec![text(json::text(&versions))])
    }

    pub fn history(&self, row: &OrderRow) -> Result<Vec<HistoryEntry>, Problem> {
        let order_id = row.order_id.as_str();
        let found: Vec<HistoryRow> = self.tables.rows(
            "SELECT version, old_status, new_status, payment, fulfilment, delivery, changed_by,
               reason, at_ms
             FROM history WHERE order_id = ?1 ORDER BY version",
            vec![text(order_id)],
        )?;
        let later = found.into_iter().map(|row| HistoryEntry {
            history_id: history_id(order_id, row.version),
            old_status: row.old_status.as_deref().and_then(Status::from_name),
            new_status: Status::from_name(&row.new_status).unwrap_or(Status::Pending),
            payment_status: PaymentStatus::from_name(&row.payment)
                .unwrap_or(PaymentStatus::Pending),
            fulfilment_status: Fulfilment::from_name(&row.fulfilment)
                .unwrap_or(Fulfilment::Unfulfilled),
            delivery_status: Delivery::from_name(&row.delivery).unwrap_or(Delivery::None),
            changed_by: row.changed_by,
            reason: row.reason,
            created_at: rfc3339(row.at_ms),
        });
        let first = placed_entry(order_id, &row.customer_id, row.method(), row.created_ms);
        Ok(std::iter::once(first).chain(later).collect())
    }

    pub fn view(&self, row: &OrderRow, viewer: &Actor) -> Result<OrderView, Problem> {
        let (life, standing) = (row.life(), row.standing());
        Ok(OrderView {
            order_number: row.number.clone().unwrap_or_default(),
            status: life.status,
            payment_status: life.payment,
            fulfilment_status: life.fulfilment,
            delivery_status: life.delivery,
            fulfilment_mode: life.mode,
            due_minor: due_of(row)?,
            captured_minor: standing.captured_minor,
            refunded_minor: standing.refunded_minor,
            version: life.version,
            content: row.content()?,
            tracking_number: row.tracking_number.clone(),
            created_at: rfc3339(row.created_ms),
            updated_at: rfc3339(row.updated_ms),
            history: self.history(row)?,
            next_statuses: life.next(None),
            allowed_statuses: life.next(Some(by_of(viewer))),
            amended: standing.amended,
            vendor_id: standing.vendor_id,
            routing_status: None,
        })
    }

    /// A customer's orders that changed lately, newest first: what the database may lack.
    pub fn recent(&self, customer_id: &str) -> Result<Vec<OrderSummary>, Problem> {
        let statement = format!(
            "SELECT {COLUMNS} FROM orders
             WHERE customer_id = ?1 AND phase = 'placed' AND projected <> version
             ORDER BY order_id DESC LIMIT 100"
        );
        let found: Vec<OrderRow> = self.tables.rows(&statement, vec![text(customer_id)])?;
        found.iter().map(OrderRow::summary).collect()
    }

    /// A page of everything, for an admin's export.
    pub fn export(&self, after: &str) -> Result<Value, Problem> {
        let statement =
            format!("SELECT {COLUMNS} FROM orders WHERE order_id > ?1 ORDER BY order_id LIMIT 100");
        let page: Vec<Value> = self.tables.rows(&statement, vec![text(after)])?;
        let next = page.last().and_then(|row| row.get("order_id")).cloned();
        Ok(json!({ "orders": page, "next_after": next }))
    }
}
