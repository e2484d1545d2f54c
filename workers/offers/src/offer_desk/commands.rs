//! What offer desks are asked: by staff to begin, steer and end, by vendors to accept, to
//! reject and to give back, by the order's desk to stop.
//!
//! Every one may be repeated, and a repeat gets the same answer (A3). Whoever is refused
//! because an order was not offered to it learns nothing of that order (S2).

use std::rc::Rc;

use contract::assignment::{
    AcceptOffer, AcceptReply, Holding, How, OpenOffers, OrderFacts, OrderIsOver, RejectOffer,
    RejectReply, Routing, SawOffer,
};
use contract::offers::NewOrder;
use contract::order::{ORDER_DESK, OfferOrder, Offerable, desk_name};
use contract::{Actor, Empty, Problem, code};
use domain::assignment::{Answer, Assignment, Command, Phase, Refusal};
use domain::ids::{DESKS_MAX, desk_of};
use edge::call::{To, call};
use edge::{Scope, clock, faults, telemetry};

use super::Desk;
use super::showing::{holding_of, routing_of};
use super::telling;

impl Desk {
    /// The id of an order that may be offered. The order's desk is asked once for what
    /// vendors are told, and tells from then on when the order is over.
    async fn begin(
        self: &Rc<Self>,
        scope: &Scope,
        order: &str,
        by: &Actor,
    ) -> Result<Result<String, Refusal>, Problem> {
        if let Some(order_id) = self.offered_order(order)? {
            return Ok(Ok(order_id));
        }
        let desk = desk_of(order).filter(|desk| *desk < DESKS_MAX);
        let name = desk_name(desk.ok_or_else(|| Problem::not_found("order"))?);
        let ask = OfferOrder {
            order: order.to_owned(),
            viewer: by.clone(),
        };
        let asked = call(&self.env, scope, To::Object(ORDER_DESK, &name), ask).await;
        match asked.map_err(|error| error.into_problem("order.offer"))? {
            Offerable::No(refusal) => Ok(Err(refusal)),
            Offerable::Yes(facts) => {
                let order_id = facts.order_id.clone();
                self.book.begin(&self.rows, facts, &self.plan)?;
                Ok(Ok(order_id))
            }
        }
    }

    /// Told by the order's desk, which repeats it until it is answered. It has the last
    /// word: a vendor who has just won is told that it is off.
    pub(super) async fn order_is_over(
        self: &Rc<Self>,
        over: OrderIsOver,
    ) -> Result<Empty, Problem> {
        let order_id = over.order.order_id.clone();
        self.book.begin(&self.rows, over.order, &self.plan)?;
        let command = self.look(&order_id, |engine| engine.ending(over.over))?;
        // A refusal says that it had ended before.
        self.command(&order_id, command).await?;
        Ok(Empty {})
    }

    /// The order's desk wants vendors to be asked, as configured. It repeats that until it
    /// is answered: what is under way goes on, and a refusal says that it is over, or that
    /// somebody has it.
    pub(super) async fn begin_by_itself(
        self: &Rc<Self>,
        scope: &Scope,
        order: OrderFacts,
    ) -> Result<Empty, Problem> {
        let order_id = order.order_id.clone();
        self.book.begin(&self.rows, order, &self.plan)?;
        faults::before(scope, "assignment.begin")?;
        let phase = self.look(&order_id, |engine| engine.phase)?;
        if phase == Phase::New {
            let strategy = self.plan.strategy(&How::default());
            self.command(&order_id, Command::Start { strategy }).await?;
            faults::written(&self.state, scope, "assignment.begin").await?;
        }
        Ok(Empty {})
    }

    pub(super) fn holder(&self, order_id: &str) -> Result<Option<Holding>, Problem> {
        if !self.book.has(&self.rows, order_id)? {
            return Ok(None);
        }
        self.look(order_id, holding_of).map(Some)
    }

    /// Looks for a vendor, which is done already where it is under way in the same way.
    /// Answered when the first vendors are found, or soon.
    pub(super) async fn start_assignment(
        self: &Rc<Self>,
        scope: &Scope,
        order: &str,
        by: &Actor,
        how: &How,
    ) -> Result<Routing, Problem> {
        let begun = self.begin(scope, order, by).await?;
        let order_id = begun.map_err(refused)?;
        let order_id = order_id.as_str();
        faults::before(scope, "assignment.begin")?;
        let strategy = self.plan.strategy(how);
        let phase = self.look(order_id, |engine| engine.phase)?;
        let command = match phase {
            Phase::Failed => Command::Retry {
                strategy: Some(strategy),
            },
            Phase::Assigned => return Err(refused(Refusal::AlreadyAccepted)),
            Phase::Closed => return Err(refused(Refusal::Closed)),
            _ => Command::Start { strategy },
        };
        let no = self.command(order_id, command).await?;
        faults::written(&self.state, scope, "assignment.begin").await?;
        if let Some(no) = no {
            return Err(refused(no));
        }
        telemetry::info(
            "assignment_started",
            &[
                ("order_id", order_id),
                ("trace_id", &scope.trace),
                ("by", &by.tag()),
            ],
        );
        self.until(order_id, |engine| engine.phase != Phase::Searching)
            .await?;
        self.routing(order_id)
    }

    /// The same vendor gets the same answer, however often it asks (A3).
    pub(super) async fn accept_offer(
        self: &Rc<Self>,
        scope: &Scope,
        accept: &AcceptOffer,
    ) -> Result<AcceptReply, Problem> {
        let Some(order_id) = self.offered_order(&accept.order)? else {
            return Ok(lost(&accept.order, Refusal::NotOffered));
        };
        faults::before(scope, "assignment.lock")?;
        let vendor = accept.vendor.as_str();
        let command = Command::Accept {
            vendor: vendor.to_owned(),
            tag: accept.tag,
            preparation_s: accept.preparation_s,
        };
        let no = self.command(&order_id, command).await?;
        faults::written(&self.state, scope, "assignment.lock").await?;
        if let Some(no) = no {
            // What it was not offered is called as it called it: there is nothing to learn.
            let named = if no == Refusal::NotOffered {
                &accept.order
            } else {
                &order_id
            };
            return Ok(lost(named, no));
        }
        self.until(&order_id, |engine| engine.answer(vendor) != Answer::Pending)
            .await?;
        let answer = self.look(&order_id, |engine| engine.answer(vendor))?;
        Ok(match answer {
            Answer::Won { preparation_s, .. } => AcceptReply::Won {
                order_id,
                vendor_id: vendor.to_owned(),
                preparation_s,
            },
            Answer::No(no) => lost(&order_id, no),
            // Not known yet whether the vendor has a place; it may ask again.
            Answer::Pending | Answer::Open => lost(&order_id, Refusal::PlaceUnknown),
        })
    }

    pub(super) async fn reject_offer(
        self: &Rc<Self>,
        scope: &Scope,
        reject: &RejectOffer,
    ) -> Result<RejectReply, Problem> {
        let Some(order_id) = self.offered_order(&reject.order)? else {
            return Ok(RejectReply::TooLate {
                order_id: reject.order.clone(),
                refusal: Refusal::NotOffered,
            });
        };
        let command = Command::Reject {
            vendor: reject.vendor.clone(),
            tag: reject.tag,
            reason: reject.reason.clone(),
        };
        faults::before(scope, "assignment.no")?;
        let no = self.command(&order_id, command).await?;
        faults::written(&self.state, scope, "assignment.no").await?;
        Ok(match no {
            Some(refusal) => RejectReply::TooLate {
                order_id: if refusal == Refusal::NotOffered {
                    reject.order.clone()
                } else {
                    order_id
                },
                refusal,
            },
            None => RejectReply::Rejected {
                remaining: self.look(&order_id, open_count)?,
                order_id,
            },
        })
    }

    /// Answers the same whatever is known of the offer: there is nothing to be learnt.
    pub(super) async fn saw_offer(self: &Rc<Self>, saw: &SawOffer) -> Result<Empty, Problem> {
        if let Some(order_id) = self.offered_order(&saw.order)? {
            let vendor = saw.vendor.clone();
            let of_open = |engine: &Assignment| engine.offer_to(&vendor).map(|offer| offer.tag);
            if let Some(tag) = saw.tag.or(self.look(&order_id, of_open)?) {
                self.command(&order_id, Command::Seen { vendor, tag })
                    .await?;
            }
        }
        Ok(Empty {})
    }

    pub(super) async fn force_assign(
        self: &Rc<Self>,
        scope: &Scope,
        order: &str,
        by: &Actor,
        vendor: &str,
        preparation_s: Option<u32>,
    ) -> Result<AcceptReply, Problem> {
        let order_id = match self.begin(scope, order, by).await? {
            Ok(order_id) => order_id,
            Err(refusal) => return Ok(lost(order, refusal)),
        };
        faults::before(scope, "assignment.lock")?;
        let preparation_s = preparation_s.unwrap_or_default();
        let command = Command::ForceAssign {
            vendor: vendor.to_owned(),
            preparation_s,
        };
        let no = self.command(&order_id, command).await?;
        faults::written(&self.state, scope, "assignment.lock").await?;
        Ok(match no {
            Some(no) => lost(&order_id, no),
            None => AcceptReply::Won {
                preparation_s: self.look(&order_id, |engine| {
                    let lock = engine.lock.as_ref();
                    lock.map_or(preparation_s, |lock| lock.preparation_s)
                })?,
                order_id,
                vendor_id: vendor.to_owned(),
            },
        })
    }

    pub(super) async fn end_offers(
        self: &Rc<Self>,
        order: &str,
        vendor: Option<String>,
    ) -> Result<Routing, Problem> {
        let order_id = self.assigned_order(order)?;
        let command = Command::Timeout { vendor };
        match self.command(&order_id, command).await? {
            Some(no) => Err(refused(no)),
            None => self.routing(&order_id),
        }
    }

    /// The vendor who has the order has it no more: it gives it back (`vendor`), or an
    /// admin takes it away. With an epoch a repeat does not hit whoever has it next.
    pub(super) async fn release_order(
        self: &Rc<Self>,
        scope: &Scope,
        order: &str,
        vendor: Option<&str>,
        reason: String,
        of_epoch: Option<u32>,
    ) -> Result<Routing, Problem> {
        let order_id = self.assigned_order(order)?;
        // Whoever does not have it learns nothing of it.
        if vendor.is_some() && self.routing(&order_id)?.locked_vendor_id.as_deref() != vendor {
            return Err(Problem::not_found("order"));
        }
        faults::before(scope, "assignment.release")?;
        let epoch = self.look(&order_id, |engine| {
            engine.lock.as_ref().map(|lock| lock.epoch)
        })?;
        let now_at = self.look(&order_id, |engine| engine.epoch)?;
        if of_epoch.is_some_and(|epoch| epoch < now_at) {
            // A repeat: it was released, and the next may have it.
            return self.routing(&order_id);
        }
        let epoch = epoch.ok_or_else(|| refused(Refusal::NotAssigned))?;
        let no = self
            .command(&order_id, Command::Release { epoch, reason })
            .await?;
        faults::written(&self.state, scope, "assignment.release").await?;
        match no {
            Some(no) => Err(refused(no)),
            None => self.routing(&order_id),
        }
    }

    /// How it stands, when the database has come to that.
    pub(super) async fn ask_routing(self: &Rc<Self>, order: &str) -> Result<Routing, Problem> {
        let order_id = self.assigned_order(order)?;
        self.record_now(&order_id).await?;
        self.routing(&order_id)
    }

    /// Offers that are open to a vendor. Whoever asks has a device that works.
    pub(super) async fn open_offers(
        self: &Rc<Self>,
        open: &OpenOffers,
    ) -> Result<Vec<NewOrder>, Problem> {
        let mut offers = Vec::new();
        for order in &open.orders {
            let Some(order_id) = self.offered_order(order)? else {
                continue;
            };
            let now = clock::now_ms();
            let found = self.book.with(&self.rows, &order_id, |page| {
                let offer = page.engine.open_offers();
                let mine = offer.filter(|offer| offer.vendor_id == open.vendor);
                let fresh = mine.filter(|offer| offer.expires_ms > now).last();
                fresh.map(|offer| (offer.tag, telling::offer_of(&page.order, offer, now)))
            })?;
            if let Some((tag, offer)) = found {
                let vendor = open.vendor.clone();
                self.command(&order_id, Command::Delivered { vendor, tag })
                    .await?;
                offers.push(offer);
            }
        }
        Ok(offers)
    }

    fn routing(&self, order_id: &str) -> Result<Routing, Problem> {
        self.look(order_id, routing_of)
    }

    /// An order, by id or number, that was offered to anybody.
    fn offered_order(&self, order: &str) -> Result<Option<String>, Problem> {
        if self.book.is_open(order) {
            return Ok(Some(order.to_owned()));
        }
        self.rows.begun(order)
    }

    fn assigned_order(&self, order: &str) -> Result<String, Problem> {
        self.offered_order(order)?
            .ok_or_else(|| Problem::not_found("order"))
    }
}

fn open_count(engine: &Assignment) -> u32 {
    u32::try_from(engine.open_offers().count()).unwrap_or(u32::MAX)
}

fn lost(order_id: &str, refusal: Refusal) -> AcceptReply {
    AcceptReply::Lost {
        order_id: order_id.to_owned(),
        refusal,
    }
}

/// What staff is told of a command that cannot be.
fn refused(refusal: Refusal) -> Problem {
    Problem::new(
        code::of_refusal(refusal),
        contract::assignment::words(refusal),
    )
}
