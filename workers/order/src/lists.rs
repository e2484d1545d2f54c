//! Looking orders up in the database: lists, and orders that have left their desk.

use contract::order::{OrderPage, OrderSummary, RecentOrders};
use contract::{Actor, Problem, Role};
use edge::call::call;
use edge::d1::{Db, Sql, rows_of};
use edge::{Incoming, Outcome, http};
use serde::Deserialize;
use serde_json::{Value, json};
use worker::Env;

use crate::routes;

/// A customer's orders, newest first. What the database does not show yet comes
/// from the desk, so a customer always sees what was just ordered. The desk is
/// asked first: what it no longer mentions is in the database by then.
pub async fn of_customer(env: &Env, incoming: &Incoming, customer: &Actor) -> Outcome {
    let limit = incoming.limit(20, 100)?;
    let before = incoming.query.get("cursor").map_or("~", String::as_str);
    let command = RecentOrders {
        customer_id: customer.id.clone(),
    };
    let desk = routes::desk_of_customer(env, &customer.id);
    let to = contract::order::desk_name(desk);
    let recent = call(env, &incoming.scope, routes::desk(&to), command)
        .await
        .map_err(|error| error.into_problem("order.recent"))?;

    let statement = Sql::new(
        "SELECT order_id, order_number, status, payment_status, fulfilment_status, delivery_status,
                payment_method, version, total_minor, currency, created_at, updated_at
         FROM orders WHERE user_id = ?1 AND order_id < ?2 ORDER BY order_id DESC LIMIT ?3",
    )
    .text(&customer.id)
    .text(before)
    .int(i64::from(limit));
    let db = Db::open(env, "DB")?;
    let stored: Vec<OrderSummary> = db.rows(&incoming.scope, "orders.list", statement).await?;
    http::json(200, &page(stored, recent, before, limit))
}

/// Everybody's orders, newest first, for those who watch the shop. As the database
/// shows them: what has just happened follows within moments, and is heard live.
pub async fn of_all(env: &Env, incoming: &Incoming) -> Outcome {
    let limit = incoming.limit(20, 100)?;
    let before = incoming.query.get("cursor").map_or("~", String::as_str);
    let statement = Sql::new(
        "SELECT order_id, order_number, status, payment_status, fulfilment_status, delivery_status,
                payment_method, version, total_minor, currency, created_at, updated_at
         FROM orders WHERE order_id < ?1 ORDER BY order_id DESC LIMIT ?2",
    )
    .text(before)
    .int(i64::from(limit));
    let db = Db::open(env, "DB")?;
    let stored: Vec<OrderSummary> = db.rows(&incoming.scope, "orders.list", statement).await?;
    http::json(200, &page(stored, Vec::new(), before, limit))
}

/// The newest `limit` of both before the cursor, each at its latest version.
fn page(
    stored: Vec<OrderSummary>,
    recent: Vec<OrderSummary>,
    before: &str,
    limit: u32,
) -> OrderPage {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_full = stored.len() >= limit;
    // Beyond the last of a full page the database has not said what there is.
    let last = stored.last().filter(|_| is_full);
    let last = last.map_or_else(String::new, |order| order.order_id.clone());
    let mut orders = stored;
    for order in recent {
        let known = orders
            .iter_mut()
            .find(|known| known.order_id == order.order_id);
        match known {
            Some(known) if known.version < order.version => *known = order,
            None if order.order_id.as_str() < before && order.order_id > last => orders.push(order),
            _ => {}
        }
    }
    orders.sort_by(|a, b| b.order_id.cmp(&a.order_id));
    let more = is_full || orders.len() > limit;
    orders.truncate(limit);
    let next_cursor = orders
        .last()
        .filter(|_| more)
        .map(|order| order.order_id.clone());
    OrderPage {
        orders,
        next_cursor,
    }
}

#[derive(Deserialize)]
struct StoredOrder {
    order_id: String,
    order_number: String,
    user_id: String,
    cart_id: String,
    products: String,
    address: String,
    delivery_mode: String,
    delivery_tier: String,
    currency: String,
    subtotal_minor: i64,
    delivery_minor: i64,
    tax_minor: i64,
    total_minor: i64,
    status: String,
    payment_status: String,
    estimated_delivery_date: Option<String>,
    tracking_number: Option<String>,
    special_instructions: Option<String>,
    version: u32,
    created_at: String,
    updated_at: String,
    payment_method: String,
    fulfilment_mode: String,
    fulfilment_status: String,
    delivery_status: String,
    vendor_id: Option<String>,
    due_minor: i64,
    captured_minor: i64,
    refunded_minor: i64,
}

#[derive(Deserialize)]
struct OrderId {
    order_id: String,
}

/// The id of an order that the database has.
pub async fn id_of(env: &Env, incoming: &Incoming, order: &str) -> Result<String, Problem> {
    let statement =
        Sql::new("SELECT order_id FROM orders WHERE order_id = ?1 OR order_number = ?1")
            .text(order);
    let found: Vec<OrderId> = Db::open(env, "DB")?
        .rows(&incoming.scope, "orders.id", statement)
        .await?;
    let found = found.into_iter().next().map(|row| row.order_id);
    found.ok_or_else(|| Problem::not_found("order"))
}

/// An order that its desk no longer keeps, in the shape that the desk gives.
pub async fn stored(env: &Env, incoming: &Incoming, order: &str, viewer: &Actor) -> Outcome {
    let statements = [
        Sql::new("SELECT * FROM orders WHERE order_id = ?1 OR order_number = ?1").text(order),
        Sql::new(
            "SELECT h.history_id, h.old_status, h.new_status, h.changed_by, h.reason, h.created_at,
                    h.payment_status, h.fulfilment_status, h.delivery_status
             FROM order_status_history h JOIN orders o USING (order_id)
             WHERE o.order_id = ?1 OR o.order_number = ?1 ORDER BY h.history_id",
        )
        .text(order),
    ];
    let results = Db::open(env, "DB")?
        .batch(&incoming.scope, "orders.stored", &statements)
        .await?;
    let mut results = results.iter();
    let found = rows_of::<StoredOrder>(results.next())?
        .into_iter()
        .next()
        .filter(|row| {
            let is_customer = viewer.role == Role::Customer;
            viewer.is_staff() || (is_customer && row.user_id == viewer.id)
        })
        .ok_or_else(|| Problem::not_found("order"))?;
    let history: Vec<Value> = rows_of(results.next())?;
    let mut lines: Vec<Value> =
        serde_json::from_slice(found.products.as_bytes()).unwrap_or_default();
    let allocations: Vec<Value> = lines
        .iter_mut()
        .filter_map(|line| line.as_object_mut()?.remove("allocations"))
        .filter_map(|of_line| of_line.as_array().cloned())
        .flatten()
        .collect();
    let address: Value = serde_json::from_slice(found.address.as_bytes()).unwrap_or_default();
    let mut shown = json!({
            "order_id": found.order_id, "order_number": found.order_number,
            "customer_id": found.user_id, "cart_id": found.cart_id,
            "status": found.status, "payment_status": found.payment_status,
            "version": found.version, "lines": lines, "allocations": allocations,
            "address": address, "delivery_mode": found.delivery_mode,
            "delivery_tier": found.delivery_tier, "currency": found.currency,
            "totals": {
                "subtotal_minor": found.subtotal_minor, "delivery_minor": found.delivery_minor,
                "tax_minor": found.tax_minor, "total_minor": found.total_minor,
            },
            "estimated_delivery_date": found.estimated_delivery_date,
            "tracking_number": found.tracking_number,
            "created_at": found.created_at, "updated_at": found.updated_at,
            "payment_method": found.payment_method, "fulfilment_mode": found.fulfilment_mode,
            "fulfilment_status": found.fulfilment_status,
            "delivery_status": found.delivery_status,
            "due_minor": found.due_minor, "captured_minor": found.captured_minor,
            "refunded_minor": found.refunded_minor,
            // What its desk does not keep is at its end.
            "history": history, "next_statuses": [], "allowed_statuses": [],
    });
    let there_or_not = [
        ("vendor_id", found.vendor_id),
        ("special_instructions", found.special_instructions),
    ];
    for (name, value) in there_or_not {
        if let (Some(value), Some(shown)) = (value, shown.as_object_mut()) {
            shown.insert(name.into(), value.into());
        }
    }
    http::json(200, &shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::lifecycle::{Delivery, Fulfilment, Method, PaymentStatus, Status};

    fn order(id: &str, version: u32) -> OrderSummary {
        OrderSummary {
            order_id: id.into(),
            order_number: String::new(),
            status: Status::Pending,
            payment_status: PaymentStatus::Pending,
            fulfilment_status: Fulfilment::Unfulfilled,
            delivery_status: Delivery::None,
            payment_method: Method::Card,
            version,
            total_minor: 0,
            currency: "EUR".into(),
            created_at: String::new(),
            updated_at: String::new(),
        }
    }

    fn shown(page: &OrderPage) -> Vec<(&str, u32)> {
        page.orders
            .iter()
            .map(|order| (order.order_id.as_str(), order.version))
            .collect()
    }

    #[test]
    fn both_sources_make_one_list_at_the_latest_versions() {
        let stored = vec![order("c", 2), order("b", 1)];
        let recent = vec![order("d", 1), order("c", 1), order("b", 3)];
        let page = page(stored, recent, "~", 5);
        assert_eq!(shown(&page), [("d", 1), ("c", 2), ("b", 3)]);
        assert_eq!(page.next_cursor, None);
    }

    #[test]
    fn a_page_is_never_longer_than_asked_for_and_the_next_begins_where_it_ends() {
        let first = page(
            vec![order("c", 1), order("a", 1)],
            vec![order("d", 1), order("b", 1)],
            "~",
            2,
        );
        assert_eq!(shown(&first), [("d", 1), ("c", 1)]);
        assert_eq!(first.next_cursor.as_deref(), Some("c"));
        // What lies beyond a full page of the database is for a later page.
        let full = page(
            vec![order("d", 1), order("c", 1)],
            vec![order("b", 1)],
            "~",
            2,
        );
        assert_eq!(shown(&full), [("d", 1), ("c", 1)]);
        let second = page(
            vec![order("b", 1)],
            vec![order("d", 1), order("a", 1)],
            "c",
            2,
        );
        assert_eq!(shown(&second), [("b", 1), ("a", 1)]);
        assert_eq!(second.next_cursor, None);
    }
}
