//! Requests to take something from an order that stands.

use std::rc::Rc;

use contract::order::asked::{CancelLines, RefundInput, ReturnLines, SomeUnits};
use contract::{Problem, Role};
use domain::amend::Amendment;
use domain::limits::{LINES_MAX, QUANTITY_MAX};
use domain::plan::Wanted;
use edge::identity::fingerprint;
use edge::{Incoming, Outcome, http};

use super::{ANYONE_WITH_ORDERS, STAFF};
use crate::order_desk::Desk;
use crate::order_desk::amending::Asked;

/// What an order can be about at most, in minor units.
const AMOUNT_MAX: i64 = 1_000_000_000_000;

/// `POST /orders/{id}/lines/cancel`
pub async fn cancel_lines(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let input: CancelLines = incoming.json()?;
    let amendment = Amendment::Cancel {
        lines: checked(input.lines)?,
    };
    amend(
        desk,
        incoming,
        order,
        ANYONE_WITH_ORDERS,
        amendment,
        input.reason,
    )
    .await
}

/// `POST /orders/{id}/returns`: to the shelf and for money, unless it is said otherwise.
pub async fn take_back(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let input: ReturnLines = incoming.json()?;
    let amendment = Amendment::Return {
        lines: checked(input.lines)?,
        restock: input.restock.unwrap_or(true),
        refund: input.refund.unwrap_or(true),
    };
    amend(desk, incoming, order, STAFF, amendment, input.reason).await
}

/// `POST /orders/{id}/refunds`: all that is due, where no amount is named.
pub async fn refund(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let input: RefundInput = incoming.json()?;
    let named = input.amount_minor;
    if named.is_some_and(|minor| !(1..=AMOUNT_MAX).contains(&minor)) {
        let wrong = "must be from 1 to 1000000000000";
        return Err(Problem::field("amount_minor", wrong));
    }
    let amendment = Amendment::Refund { minor: named };
    amend(desk, incoming, order, STAFF, amendment, input.reason).await
}

fn checked(lines: Vec<SomeUnits>) -> Result<Vec<Wanted>, Problem> {
    if lines.is_empty() || lines.len() > LINES_MAX {
        return Err(Problem::field("lines", "must be 1 to 50 lines"));
    }
    for (n, line) in lines.iter().enumerate() {
        if !(1..=QUANTITY_MAX).contains(&line.quantity) {
            let field = format!("lines[{n}].quantity");
            return Err(Problem::field(field, "must be from 1 to 100000"));
        }
    }
    let wanted = lines.into_iter().map(|line| Wanted {
        sku: line.sku,
        quantity: line.quantity,
    });
    Ok(wanted.collect())
}

async fn amend(
    desk: &Rc<Desk>,
    incoming: &Incoming,
    order: &str,
    who: &[Role],
    amendment: Amendment,
    reason: Option<String>,
) -> Outcome {
    let actor = incoming.actor(who)?.clone();
    let reason = super::text("reason", reason)?;
    let key = incoming.key()?.unwrap_or_default().to_owned();
    let asked = Asked {
        key: if key.is_empty() {
            key
        } else {
            format!("{}:{key}", actor.tag())
        },
        fingerprint: fingerprint(&["amend", &edge::json::text(&amendment)]),
        actor,
        amendment,
        reason,
    };
    let answer = desk.amend(&incoming.scope, order, &asked).await?;
    let response = http::json_text(201, answer.body)?;
    if answer.replayed {
        let headers = response.headers();
        headers
            .set(contract::command::header::REPLAYED, "true")
            .map_err(http::internal)?;
    }
    Ok(response)
}
