//! What the outside hears of orders: merchants by webhook, customers by mail.
//!
//! Every change of an order is one notice, named by the order and its version, so it counts
//! once however often it is said. Notices go with the rows for the database, and are said
//! again with them until both have arrived: none is lost, and none is said of what is not
//! written.

use contract::notices::{EmailFacts, NOTICE_SERVICE, NOTICES_MAX, Notice, NotifyAll, OrderNotice};
use contract::order::HistoryEntry;
use domain::lifecycle::PaymentStatus;
use domain::notices::kinds::{is_written_about, kind_of};
use edge::call::{To, call};
use edge::gather::Parcel;
use edge::{json, telemetry};
use worker::Env;

use super::no_scope;
use super::projection::Shown;

/// Those of the versions behind `said`.
pub(super) fn notices(shown: &Shown<'_>, history: &[HistoryEntry], said: u32) -> Vec<String> {
    let content = shown.content;
    let mut payment = PaymentStatus::Pending;
    let mut notices = Vec::new();
    for (entry, version) in history.iter().zip(1_u32..) {
        let changed = (payment, entry.payment_status);
        payment = entry.payment_status;
        if version <= said {
            continue;
        }
        let kind = kind_of(entry.old_status, entry.new_status, changed);
        let of = OrderNotice {
            order_id: &content.order_id,
            order_number: shown.number,
            customer_id: &content.customer_id,
            version,
            old_status: entry.old_status,
            status: entry.new_status,
            payment_status: entry.payment_status,
            fulfilment_status: entry.fulfilment_status,
            delivery_status: entry.delivery_status,
            payment_method: content.payment_method,
            total_minor: content.totals.total_minor,
            due_minor: shown.due(),
            currency: &content.currency,
            reason: entry.reason.as_deref(),
            occurred_at: &entry.created_at,
        };
        let writes = is_written_about(kind, content.payment_method);
        let to = content.address.email.as_ref().filter(|_| writes);
        notices.push(json::text(&Notice {
            id: format!("{}:{version}", content.order_id),
            kind: kind.to_owned(),
            order_id: content.order_id.clone(),
            at: entry.created_at.clone(),
            data: json::text(&of),
            email: to.map(|to| EmailFacts {
                to: to.clone(),
                name: content.address.name.clone(),
                order_number: shown.number.to_owned(),
                total_minor: content.totals.total_minor,
                currency: content.currency.clone(),
                language: None,
                note: None,
                tracking_url: None,
            }),
        }));
    }
    notices
}

/// True when all of it was taken.
pub(super) async fn say(env: &Env, parcels: &[Parcel]) -> bool {
    let notices: Vec<String> = parcels
        .iter()
        .flat_map(|parcel| parcel.notices.iter().cloned())
        .collect();
    for some in notices.chunks(NOTICES_MAX) {
        let all = NotifyAll(some.to_vec());
        if let Err(error) = call(env, &no_scope(), To::Service(NOTICE_SERVICE), all).await {
            telemetry::error("not_said", &[("reason", &format!("{error:?}"))]);
            return false;
        }
    }
    true
}
