//! What the order desk has to do with vendors: it says what may be offered, and tells the
//! offer desk of an order's end.
//!
//! What must hold: an order whose facts were given away is marked before they leave, and
//! an end that comes after the mark is told to the offer desk, as a chore that was written
//! with the edge. So no order is offered whose life is over: either the mark comes first,
//! and the end is told, or the end does, and there are no facts. An accept that overtakes
//! the news of a cancel is undone by it, and everybody hears that. Safe to repeat: a mark
//! is set once, and an order that is over stays so.

use std::rc::Rc;

use contract::Problem;
use contract::assignment::{
    AskHolder, Holding, OFFER_DESK, OrderFacts, OrderIsOver, offer_desk_name,
};
use contract::order::{OfferOrder, Offerable};
use domain::assignment::{Over, is_end, may_offer};
use domain::ids::desk_of_uuid;
use domain::lifecycle::Status;
use domain::time::from_rfc3339;
use edge::Scope;
use edge::call::{To, call};

use super::Desk;
use super::rows::OrderRow;

/// The chore that tells the offer desk that an order is over.
pub const END_OFFERS: &str = "end_offers";

impl Desk {
    pub(super) async fn offer(
        self: &Rc<Self>,
        scope: &Scope,
        offer: &OfferOrder,
    ) -> Result<Offerable, Problem> {
        let row = self.order_for(scope, &offer.order, &offer.viewer).await?;
        if let Err(refusal) = may_offer(row.life().status) {
            return Ok(Offerable::No(refusal));
        }
        self.rows.set_offered(&row.order_id)?;
        Ok(Offerable::Yes(facts_of(&row)?))
    }

    /// Who has the order, where it may be offered to anybody.
    pub(super) async fn holding(
        &self,
        scope: &Scope,
        order_id: &str,
    ) -> Result<Option<Holding>, Problem> {
        if !self.rows.is_offered(order_id)? {
            return Ok(None);
        }
        let name = offer_desk_of(order_id);
        let ask = AskHolder {
            order_id: order_id.to_owned(),
        };
        call(&self.env, scope, To::Object(OFFER_DESK, &name), ask)
            .await
            .map_err(|error| error.into_problem("assignment.holder"))
    }

    /// True when the offer desk knows that the order is over.
    pub(super) async fn end_offers(&self, scope: &Scope, order_id: &str) -> Result<bool, Problem> {
        let Some(row) = self.rows.order(order_id)? else {
            return Ok(true);
        };
        let history = self.rows.history(&row)?;
        let end = history.into_iter().find(|entry| is_end(entry.new_status));
        let Some(end) = end else {
            return Ok(true);
        };
        let over = OrderIsOver {
            order: facts_of(&row)?,
            over: Over {
                left: end.new_status == Status::Shipped,
                at_ms: from_rfc3339(&end.created_at).unwrap_or(row.updated_ms),
                reason: end
                    .reason
                    .unwrap_or_else(|| "the order was cancelled".to_owned()),
            },
        };
        let name = offer_desk_of(order_id);
        let told = call(&self.env, scope, To::Object(OFFER_DESK, &name), over).await;
        Ok(told.is_ok())
    }
}

fn offer_desk_of(order_id: &str) -> String {
    offer_desk_name(desk_of_uuid(order_id).unwrap_or_default())
}

fn facts_of(row: &OrderRow) -> Result<OrderFacts, Problem> {
    let content = row.content()?;
    let address = &content.address;
    let items = content
        .lines
        .iter()
        .fold(0_i64, |sum, line| sum.saturating_add(line.quantity));
    let parts = [
        Some(address.line1.as_str()),
        address.line2.as_deref(),
        Some(&address.postal_code),
        Some(&address.city),
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    Ok(OrderFacts {
        order_id: row.order_id.clone(),
        number: row.number.clone().unwrap_or_default(),
        customer_id: row.customer_id.clone(),
        total_minor: content.totals.total_minor,
        items,
        at: address.point(),
        address: parts.join(", "),
        currency: content.currency,
    })
}
