//! What callers ask of an order's payment. They come as the gateway got them.

use std::rc::Rc;

use contract::order::{AskPayable, ORDER_DESK, PayFacts, Payable, desk_name};
use contract::payment::{ExportPayments, PaymentStarted};
use contract::{Empty, Problem, Role, code};
use domain::ids::{DESKS_MAX, desk_of};
use domain::lifecycle::PaymentStatus;
use domain::payment::{Event, Intent, Payment};
use edge::call::{To, call};
use edge::{Incoming, Outcome, config, faults, http};
use worker::Method;

use super::Desk;
use super::rows::PaymentRow;
use super::work::Part;
use crate::provider::Provider;

const WHO_PAYS: &[Role] = &[Role::Customer, Role::Admin, Role::Service];

pub(super) async fn serve(desk: &Rc<Desk>, incoming: &Incoming) -> Outcome {
    let path = incoming.path();
    match (&incoming.method, path.as_slice()) {
        (Method::Post, ["orders", order, "payment"]) => start(desk, incoming, order).await,
        (Method::Get, ["api", "admin", "desks", "payments", _, "export"]) => {
            incoming.actor(&[Role::Admin])?;
            let after = incoming.query.get("after").cloned().unwrap_or_default();
            let export = ExportPayments { after };
            http::json(200, &desk.rows.export(&export.after)?)
        }
        _ => Err(Problem::not_found("route")),
    }
}

/// Begins a payment, or goes on with the one there is: the same intent while it can take
/// money. Answered with what the shopper's device needs to pay.
async fn start(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let viewer = incoming.actor(WHO_PAYS)?.clone();
    let scope = &incoming.scope;
    let Empty {} = incoming.json()?;
    let number = desk_of(order).filter(|desk| *desk < DESKS_MAX);
    let name = desk_name(number.ok_or_else(|| Problem::not_found("order"))?);
    let ask = AskPayable {
        order: order.to_owned(),
        viewer,
    };
    let payable = call(&desk.env, scope, To::Object(ORDER_DESK, &name), ask)
        .await
        .map_err(|error| error.into_problem("order.payable"))?;
    let facts = match payable {
        Payable::Yes(facts) => facts,
        Payable::No {
            status,
            payment_status,
        } => {
            return Err(Problem::new(
                code::NOTHING_DUE,
                "there is nothing to be paid by card for this order",
            )
            .with("order_status", status)
            .with("payment_status", payment_status));
        }
    };
    if Provider::of(&desk.env, scope).is_none() {
        let detail = "this shop takes no cards; order with payment_method cod or credit";
        return Err(Problem::new(code::NO_CARDS, detail));
    }
    faults::before(scope, "payment.start")?;
    let mut row = desk.rows.payment(&facts.order_id)?.unwrap_or_else(|| {
        let payment = Payment::new(facts.due_minor, facts.version, &facts.currency);
        PaymentRow::new(&facts.order_id, payment)
    });
    row.number.clone_from(&facts.number);
    let due = Event::Due {
        minor: facts.due_minor,
        version: facts.version,
    };
    desk.happened(&mut row, vec![due, Event::Start]).await?;
    faults::written(&desk.state, scope, "payment.start").await?;
    let worked = desk
        .work_on(scope.clone(), &facts.order_id, Part::Provider)
        .await;
    let row = desk.rows.payment(&facts.order_id)?.unwrap_or(row);
    shown(desk, &facts, &row.payment, worked)
}

fn shown(desk: &Desk, facts: &PayFacts, payment: &Payment, worked: Result<(), Problem>) -> Outcome {
    let Intent::Open { id, secret } = &payment.intent else {
        return Err(match payment.status() {
            PaymentStatus::Pending => worked.err().map_or_else(
                || {
                    let detail = "the payment is being settled; look at the order";
                    Problem::new(code::IN_PROGRESS, detail).retry_after(1)
                },
                |_| {
                    let detail = "the payment provider did not answer; try again";
                    Problem::new(code::PROVIDER_UNAVAILABLE, detail).retry_after(2)
                },
            ),
            PaymentStatus::Failed => {
                let detail = "the payment was declined; place the order again";
                Problem::new(code::PAYMENT_DECLINED, detail)
            }
            status => {
                let detail = "there is nothing to be paid by card for this order";
                Problem::new(code::NOTHING_DUE, detail).with("payment_status", status)
            }
        });
    };
    let public = config::text(&desk.env, "PAYMENT_PUBLISHABLE_KEY").unwrap_or_default();
    let page = config::text(&desk.env, "PAYMENT_PAGE_URL").filter(|url| !url.is_empty());
    let started = PaymentStarted {
        success: true,
        order_id: facts.order_id.clone(),
        order_number: facts.number.clone(),
        payment_intent_id: id.clone(),
        client_secret: secret.clone(),
        amount_minor: payment.asked_minor,
        currency: payment.currency.clone(),
        payment_status: payment.status(),
        publishable_key: public,
        payment_page: page.map(|url| format!("{url}/pay/{id}?client_secret={secret}")),
    };
    http::json(200, &started)
}
