//! What the order desk has to do with vendors: it has them asked, says what may be offered,
//! hears who has an order, and tells the offer desk of an order's end.
//!
//! What must hold: an order whose facts were given away is marked before they leave, and
//! an end that comes after the mark is told to the offer desk, as a chore that was written
//! with the edge. So no order is offered whose life is over: either the mark comes first,
//! and the end is told, or the end does, and there are no facts. An accept that overtakes
//! the news of a cancel is undone by it, and everybody hears that. Safe to repeat: a mark
//! is set once, an order that is over stays so, and who has an order comes with a version.

use std::rc::Rc;

use contract::assignment::{
    AskHolder, BeginOffers, Holding, OFFER_DESK, OrderFacts, OrderIsOver, RoutingStatus,
    offer_desk_name,
};
use contract::order::{OfferOrder, Offerable};
use contract::{Empty, Problem};
use domain::assignment::{Over, is_end, may_offer};
use domain::ids::desk_of_uuid;
use domain::lifecycle::{By, Chores, Status};
use domain::time::from_rfc3339;
use edge::call::{To, call};
use edge::{Scope, clock};

use super::life::{Wanted, by_of};
use super::rows::{OrderRow, Step};
use super::tracking::expect;
use super::{Desk, system};

impl Desk {
    pub(super) async fn offer(
        self: &Rc<Self>,
        scope: &Scope,
        offer: &OfferOrder,
    ) -> Result<Offerable, Problem> {
        let row = self.order_for(scope, &offer.order, &offer.viewer).await?;
        if let Err(refusal) = may_offer(row.life()) {
            return Ok(Offerable::No(refusal));
        }
        let wanted = Wanted {
            to: Status::AwaitingAssignment,
            by: by_of(&offer.viewer),
            actor: &offer.viewer,
            reason: None,
            tracking_number: None,
            carrier: None,
        };
        self.mark_offered(scope, &row, &wanted).await?;
        Ok(Offerable::Yes(facts_of(&row)?))
    }

    /// From now on vendors may be asked. One who has it already keeps it.
    async fn mark_offered(
        self: &Rc<Self>,
        scope: &Scope,
        row: &OrderRow,
        wanted: &Wanted<'_>,
    ) -> Result<(), Problem> {
        self.rows.set_offered(&row.order_id)?;
        let moves = row.life().next(Some(wanted.by)).contains(&wanted.to);
        if !moves {
            return Ok(());
        }
        self.take_edge(scope, row, wanted)?;
        Box::pin(self.follow(scope, &row.order_id)).await
    }

    /// True when the offer desk looks for vendors, or nobody has to any more.
    pub(super) async fn start_offers(
        self: &Rc<Self>,
        scope: &Scope,
        order_id: &str,
    ) -> Result<bool, Problem> {
        let Some(row) = self.rows.order(order_id)? else {
            return Ok(true);
        };
        let status = row.life().status;
        let waits = [Status::Pending, Status::Paid, Status::AwaitingAssignment];
        if !waits.contains(&status) || may_offer(row.life()).is_err() {
            return Ok(true);
        }
        let wanted = Wanted {
            to: Status::AwaitingAssignment,
            by: By::House,
            actor: &system(),
            reason: None,
            tracking_number: None,
            carrier: None,
        };
        self.mark_offered(scope, &row, &wanted).await?;
        let name = offer_desk_of(order_id);
        let order = facts_of(&row)?;
        let command = BeginOffers { order };
        let begun = call(&self.env, scope, To::Object(OFFER_DESK, &name), command).await;
        Ok(begun.is_ok())
    }

    /// Who has the order, where that may have changed since it was last told.
    pub(super) async fn ask_holder(
        self: &Rc<Self>,
        scope: &Scope,
        order_id: &str,
    ) -> Result<(), Problem> {
        if !self.rows.is_offered(order_id)? {
            return Ok(());
        }
        let name = offer_desk_of(order_id);
        let ask = AskHolder {
            order_id: order_id.to_owned(),
        };
        let holding = call(&self.env, scope, To::Object(OFFER_DESK, &name), ask)
            .await
            .map_err(|error| error.into_problem("assignment.holder"))?;
        match holding {
            Some(holding) => self.held(scope, order_id, &holding).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// The order goes where its offers are. What is older than what is known, and what
    /// comes when its life is over, changes nothing but what is known.
    pub(super) async fn held(
        self: &Rc<Self>,
        scope: &Scope,
        order_id: &str,
        holding: &Holding,
    ) -> Result<Empty, Problem> {
        let Some(row) = self.rows.order(order_id)?.filter(OrderRow::is_order) else {
            return Ok(Empty {});
        };
        let mut standing = row.standing();
        if holding.version <= standing.held_version {
            return Ok(Empty {});
        }
        standing.held_version = holding.version;
        let has_changed = standing.vendor_id != holding.vendor_id;
        let to = match holding.status {
            RoutingStatus::PendingBids => Some(Status::AwaitingAssignment),
            RoutingStatus::VendorAccepted => Some(Status::VendorAccepted),
            RoutingStatus::Failed => Some(Status::Failed),
            _ => None,
        };
        if holding.status != RoutingStatus::Closed {
            standing.vendor_id.clone_from(&holding.vendor_id);
        }
        let life = row.life();
        let goes = |to: &Status| *to != life.status || has_changed;
        let step = to.filter(goes).map(|to| life.step(to, By::House));
        let Some(Ok((life, chores))) = step else {
            self.rows.set_standing(order_id, &standing)?;
            return Ok(Empty {});
        };
        let by = match &holding.vendor_id {
            Some(vendor) if to == Some(Status::VendorAccepted) => format!("vendor:{vendor}"),
            _ => system().tag(),
        };
        let mut step = Step {
            life,
            standing,
            chores: Chores {
                offers: None,
                ..chores
            },
            by: &by,
            reason: None,
            tracking_number: None,
            at_ms: clock::now_ms(),
        };
        expect(&mut step, holding.preparation_s);
        self.take(scope, &row, &step)?;
        Box::pin(self.follow(scope, order_id)).await?;
        Ok(Empty {})
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
        let reason = match end.new_status {
            Status::Processing => "the shop fulfils the order itself",
            _ => "the order was cancelled",
        };
        let over = OrderIsOver {
            order: facts_of(&row)?,
            over: Over {
                left: end.new_status == Status::Shipped,
                at_ms: from_rfc3339(&end.created_at).unwrap_or(row.updated_ms),
                reason: end.reason.unwrap_or_else(|| reason.to_owned()),
            },
        };
        let name = offer_desk_of(order_id);
        let told = call(&self.env, scope, To::Object(OFFER_DESK, &name), over).await;
        Ok(told.is_ok())
    }
}

/// How an order's offers stand, as far as that follows from how the order does.
pub(super) fn routing_of(status: Status) -> Option<RoutingStatus> {
    match status {
        Status::Pending | Status::Paid => None,
        Status::AwaitingAssignment => Some(RoutingStatus::PendingBids),
        Status::VendorAccepted | Status::Preparing | Status::Ready => {
            Some(RoutingStatus::VendorAccepted)
        }
        Status::Failed => Some(RoutingStatus::Failed),
        Status::Processing | Status::Cancelled => Some(RoutingStatus::Cancelled),
        Status::Shipped | Status::Delivered | Status::Refunded => Some(RoutingStatus::Closed),
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
