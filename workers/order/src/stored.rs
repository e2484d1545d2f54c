//! Orders that are in the database and no longer at their desk.

use contract::{Actor, Problem, Role};
use edge::d1::{Db, Sql};
use edge::{Incoming, Outcome, http};
use serde::Deserialize;
use worker::Env;

#[derive(Deserialize)]
struct Stored {
    user_id: String,
    shown: String,
}

/// An order that its desk no longer keeps, in the shape that the desk gives.
pub async fn view(env: &Env, incoming: &Incoming, order: &str, viewer: &Actor) -> Outcome {
    let found: Vec<Stored> = Db::open(env, "DB")?
        .rows(&incoming.scope, "orders.stored", Sql::new(VIEW).text(order))
        .await?;
    let is_theirs = |row: &Stored| {
        let is_customer = viewer.role == Role::Customer;
        viewer.is_staff() || (is_customer && row.user_id == viewer.id)
    };
    let found = found.into_iter().find(is_theirs);
    let found = found.ok_or_else(|| Problem::not_found("order"))?;
    http::json_text(200, found.shown)
}

/// The JSON of a [`contract::order::OrderView`]. A function takes 16 pairs at most; and of what is
/// patched in, what is null stays out. What its desk does not keep is at its end, so no state follows.
const VIEW: &str = "
    SELECT user_id, json_patch(
      json_object('order_id', order_id, 'order_number', order_number, 'customer_id', user_id,
        'cart_id', cart_id, 'status', status, 'payment_status', payment_status,
        'fulfilment_status', fulfilment_status, 'delivery_status', delivery_status,
        'payment_method', payment_method, 'fulfilment_mode', fulfilment_mode,
        'delivery_mode', delivery_mode, 'delivery_tier', delivery_tier, 'address', json(address),
        'estimated_delivery_date', estimated_delivery_date, 'tracking_number', tracking_number,
        'version', version),
      json_object('created_at', created_at, 'updated_at', updated_at, 'currency', currency,
        'totals', json_object('subtotal_minor', subtotal_minor, 'delivery_minor', delivery_minor,
          'tax_minor', tax_minor, 'total_minor', total_minor),
        'due_minor', due_minor, 'captured_minor', captured_minor, 'refunded_minor', refunded_minor,
        'vendor_id', vendor_id, 'special_instructions', special_instructions,
        'lines', json((SELECT json_group_array(json_remove(value, '$.allocations') ORDER BY key)
          FROM json_each(products))),
        'allocations', json((SELECT json_group_array(json(a.value) ORDER BY p.key, a.key)
          FROM json_each(products) p JOIN json_each(p.value, '$.allocations') a)),
        'history', json((SELECT json_group_array(json_object('history_id', h.history_id,
            'old_status', h.old_status, 'new_status', h.new_status, 'changed_by', h.changed_by,
            'reason', h.reason, 'created_at', h.created_at, 'payment_status', h.payment_status,
            'fulfilment_status', h.fulfilment_status, 'delivery_status', h.delivery_status)
            ORDER BY h.history_id)
          FROM order_status_history h WHERE h.order_id = orders.order_id)),
        'next_statuses', json('[]'), 'allowed_statuses', json('[]'))) AS shown
    FROM orders WHERE order_id = ?1 OR order_number = ?1";
