//! The newest orders first: a customer's own, everybody's for those who watch the shop, and what a
//! client that comes back by socket is shown.

use contract::Actor;
use contract::order::{ORDER_DESK, OrderPage, OrderSummary, RecentOrders, desk_name};
use domain::ids::{DESKS_MAX, shard_of};
use edge::call::{To, call};
use edge::d1::{Db, Sql};
use edge::{Incoming, Outcome, config, http};
use worker::Env;

/// A customer's orders, newest first. What the database does not show yet comes
/// from the desk, so a customer always sees what was just ordered. The desk is
/// asked first: what it no longer mentions is in the database by then.
pub async fn of_customer(env: &Env, incoming: &Incoming, customer: &Actor) -> Outcome {
    let limit = incoming.limit(20, 100)?;
    let before = incoming.query.get("cursor").map_or("~", String::as_str);
    let desks = config::number(env, "ORDER_DESKS", 64_u16).clamp(1, DESKS_MAX);
    let desk = desk_name(shard_of(&customer.id, desks));
    let command = RecentOrders {
        customer_id: customer.id.clone(),
    };
    let recent = call(env, &incoming.scope, To::Object(ORDER_DESK, &desk), command)
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
