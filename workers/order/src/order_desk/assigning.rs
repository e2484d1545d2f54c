//! Offering orders to vendors: the desk is told, decides, writes, and then acts.
//!
//! The rules are in `domain::assignment`. What must hold here: a command is applied and
//! its outcome written in one synchronous stretch, together with the alarm; nothing is
//! done outside before that is durable; what was to be done stays in the written state
//! until it is known to be done. So every command may be repeated, a crash forgets
//! nothing, and whoever comes first to the object comes first.

mod book;
mod perform;
mod reach;
mod records;
mod settings;
mod telling;
mod writes;

use std::rc::Rc;

use contract::assignment::{AcceptReply, RejectReply, Routing, RoutingStatus, routing_id};
use contract::offers::NewOrder;
use contract::order::{
    AcceptOffer, EndOffers, ForceAssign, OpenOffers, RejectOffer, ReleaseOrder, SawOffer,
    StartAssignment,
};
use contract::{Empty, Problem, code};
use domain::assignment::{Answer, Assignment, Command, Effect, Phase, Refusal};
use domain::lifecycle::Status;
use domain::time::rfc3339;
use edge::{Scope, clock, faults, telemetry};
use futures::channel::oneshot;
use futures::future::{Either, select};

use super::rows::OrderRow;
use super::{Desk, broken};

pub use book::Book;
use book::{Change, Page};
pub use perform::UnderWay;
pub use reach::Reach;
pub use records::Records;
pub use settings::Plan;
pub use telling::Told;
pub use writes::Writes;

/// When an order is looked at again that could not be decided.
const POSTPONED_MS: i64 = 30_000;
/// How long an answer waits for what it depends on: the first search, a vendor's place.
const WAIT_MS: i64 = 15_000;

/// What a command came to.
struct Decided {
    refused: Option<Refusal>,
    effects: Vec<Effect>,
    /// It has to be written before it is told or done.
    is_ahead: bool,
}

impl Desk {
    /// Decides, writes, and does what follows. Commands that come while others do share
    /// their write.
    async fn assign(
        self: &Rc<Self>,
        order_id: &str,
        change: Change<'_>,
    ) -> Result<Option<Refusal>, Problem> {
        let decided = self.book.change(&self.rows, order_id, &self.plan, change)?;
        if decided.is_ahead {
            self.write_with_others(clock::now_ms()).await?;
        }
        self.perform_soon(order_id, decided.effects);
        Ok(decided.refused)
    }

    /// The first of a quiet time is written at once, those that follow gather.
    async fn write_with_others(self: &Rc<Self>, now: i64) -> Result<(), Problem> {
        let gather_ms = self.book.gather_ms();
        if now.saturating_sub(self.wrote_ms.get()) > gather_ms && !self.writes.is_gathering() {
            return self.write_book(now).await;
        }
        let (written, is_first) = self.writes.join();
        if is_first {
            let desk = Rc::clone(self);
            self.background(async move {
                clock::pause(gather_ms).await;
                let outcome = desk.write_book(clock::now_ms()).await;
                desk.writes.end(&outcome);
            });
        }
        done(written.await)
    }

    /// State and alarm are one commit: nothing is awaited between them.
    async fn write_book(&self, now: i64) -> Result<(), Problem> {
        self.wrote_ms.set(now);
        let outcome = self.book.write(&self.rows, &self.plan);
        if let Some(at_ms) = self.book.wake_ms() {
            self.wake_by(at_ms).await.map_err(broken)?;
        }
        outcome
    }

    /// Nothing that is not written is told: an answer may rest on what others have
    /// changed a moment ago.
    pub(super) async fn all_written(&self) -> Result<(), Problem> {
        if self.writes.is_gathering() {
            return done(self.writes.join().0.await);
        }
        Ok(())
    }

    async fn command(
        self: &Rc<Self>,
        order_id: &str,
        command: Command,
    ) -> Result<Option<Refusal>, Problem> {
        self.assign(order_id, Change::Command(command)).await
    }

    /// The order's assignment follows its life. Written in the stretch of the edge; what
    /// it asks for is done by the caller, when that is durable.
    pub(super) fn assignment_follows(
        &self,
        row: &OrderRow,
        to: Status,
        reason: Option<&str>,
    ) -> Result<Vec<Effect>, Problem> {
        if !matches!(to, Status::Cancelled | Status::Shipped)
            || !self.book.has(&self.rows, &row.order_id)?
        {
            return Ok(Vec::new());
        }
        let has_vendor = self.look(&row.order_id, |engine| engine.lock.is_some())?;
        let command = match to {
            Status::Shipped if has_vendor => Command::Close,
            Status::Shipped => Command::Cancel {
                reason: "the order left without a vendor".into(),
            },
            _ => Command::Cancel {
                reason: reason.unwrap_or("the order was cancelled").to_owned(),
            },
        };
        // A refusal says that there is nothing to end.
        let change = Change::Command(command);
        let decided = self
            .book
            .change(&self.rows, &row.order_id, &self.plan, change)?;
        self.book.write(&self.rows, &self.plan)?;
        // Its alarm is set with that of the edge.
        Ok(decided.effects)
    }

    /// Answered when the first vendors are found, or soon.
    pub(super) async fn start_assignment(
        self: &Rc<Self>,
        scope: &Scope,
        start: &StartAssignment,
    ) -> Result<Routing, Problem> {
        let row = self.order_for(scope, &start.order, &start.by).await?;
        let order_id = row.order_id.as_str();
        match row.life().status {
            Status::Cancelled => return Err(refused(Refusal::OrderCancelled)),
            Status::Shipped | Status::Delivered => return Err(refused(Refusal::Closed)),
            Status::Pending | Status::Paid | Status::Processing => {}
        }
        faults::before(scope, "assignment.begin")?;
        let strategy = self.plan.strategy(&start.how);
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
                ("by", &start.by.tag()),
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
        force: &ForceAssign,
    ) -> Result<AcceptReply, Problem> {
        let row = self.order_for(scope, &force.order, &force.by).await?;
        if matches!(row.life().status, Status::Shipped | Status::Delivered) {
            return Ok(lost(&row.order_id, Refusal::Closed));
        }
        if row.life().status == Status::Cancelled {
            return Ok(lost(&row.order_id, Refusal::OrderCancelled));
        }
        faults::before(scope, "assignment.lock")?;
        let preparation_s = force.preparation_s.unwrap_or_default();
        let command = Command::ForceAssign {
            vendor: force.vendor.clone(),
            preparation_s,
        };
        let no = self.command(&row.order_id, command).await?;
        faults::written(&self.state, scope, "assignment.lock").await?;
        let order_id = row.order_id;
        Ok(match no {
            Some(no) => lost(&order_id, no),
            None => AcceptReply::Won {
                preparation_s: self.look(&order_id, |engine| {
                    let lock = engine.lock.as_ref();
                    lock.map_or(preparation_s, |lock| lock.preparation_s)
                })?,
                order_id,
                vendor_id: force.vendor.clone(),
            },
        })
    }

    pub(super) async fn end_offers(self: &Rc<Self>, end: &EndOffers) -> Result<Routing, Problem> {
        let order_id = self.assigned_order(&end.order)?;
        let command = Command::Timeout {
            vendor: end.vendor.clone(),
        };
        match self.command(&order_id, command).await? {
            Some(no) => Err(refused(no)),
            None => self.routing(&order_id),
        }
    }

    pub(super) async fn release_order(
        self: &Rc<Self>,
        scope: &Scope,
        release: &ReleaseOrder,
    ) -> Result<Routing, Problem> {
        let order_id = self.assigned_order(&release.order)?;
        // Whoever does not have it learns nothing of it.
        if let Some(vendor) = &release.vendor
            && self.routing(&order_id)?.locked_vendor_id.as_ref() != Some(vendor)
        {
            return Err(Problem::not_found("order"));
        }
        faults::before(scope, "assignment.release")?;
        let epoch = self.look(&order_id, |engine| {
            engine.lock.as_ref().map(|lock| lock.epoch)
        })?;
        let now_at = self.look(&order_id, |engine| engine.epoch)?;
        if release.epoch.is_some_and(|epoch| epoch < now_at) {
            // A repeat: it was released, and the next may have it.
            return self.routing(&order_id);
        }
        let epoch = epoch.ok_or_else(|| refused(Refusal::NotAssigned))?;
        let reason = release.reason.clone();
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
            let found = self.book.with(&self.rows, &order_id, &self.plan, |page| {
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

    /// Looks at an order. Whoever tells of it waits for [`Desk::all_written`].
    fn look<T>(&self, order_id: &str, look: impl FnOnce(&Assignment) -> T) -> Result<T, Problem> {
        let look = |page: &mut Page| look(&page.engine);
        self.book.with(&self.rows, order_id, &self.plan, look)
    }

    /// The vendor of an order and how its search stands, where there is one.
    pub(super) fn routing_if_any(&self, order_id: &str) -> Result<Option<Routing>, Problem> {
        if !self.book.has(&self.rows, order_id)? {
            return Ok(None);
        }
        self.routing(order_id).map(Some)
    }

    /// An order, by id or number, that was offered to anybody.
    fn offered_order(&self, order: &str) -> Result<Option<String>, Problem> {
        if self.book.is_open(order) {
            return Ok(Some(order.to_owned()));
        }
        let row = self.rows.order(order)?.filter(OrderRow::is_order);
        let Some(row) = row else { return Ok(None) };
        let has = self.book.has(&self.rows, &row.order_id)?;
        Ok(Some(row.order_id).filter(|_| has))
    }

    fn assigned_order(&self, order: &str) -> Result<String, Problem> {
        self.offered_order(order)?
            .ok_or_else(|| Problem::not_found("order"))
    }

    /// Waits until it is so, within a bound.
    async fn until(
        &self,
        order_id: &str,
        is_so: impl Fn(&Assignment) -> bool,
    ) -> Result<(), Problem> {
        if self.look(order_id, &is_so)? {
            return Ok(());
        }
        let late = Box::pin(clock::pause(WAIT_MS));
        let so = Box::pin(async {
            loop {
                let (sender, changed) = oneshot::channel::<()>();
                let wait = self.book.with(&self.rows, order_id, &self.plan, |page| {
                    let wait = !is_so(&page.engine);
                    if wait {
                        page.waiting.push(sender);
                    }
                    wait
                })?;
                if !wait {
                    return Ok(());
                }
                // A page that was dropped is read again.
                let _ = changed.await;
            }
        });
        match select(so, late).await {
            Either::Left((done, _)) => done,
            Either::Right(_) => Ok(()),
        }
    }

    /// What is due by the clock, and what a crash left. Safe to run at any time.
    pub(super) async fn assignments_due(self: &Rc<Self>, now: i64) {
        self.settle_done().await;
        for order_id in self.rows.assignments_due(now).unwrap_or_default() {
            self.look_for_devices(&order_id, now);
            if let Err(problem) = self.command(&order_id, Command::Due).await {
                let fields = [("order_id", order_id.as_str()), ("reason", &problem.detail)];
                telemetry::error("assignment_due_failed", &fields);
                let later = now.saturating_add(POSTPONED_MS);
                if let Err(problem) = self.rows.postpone_assignment(&order_id, later) {
                    telemetry::error("assignment_due_failed", &[("reason", &problem.detail)]);
                }
            }
        }
    }
}

fn done(written: Result<Result<(), Problem>, oneshot::Canceled>) -> Result<(), Problem> {
    let lost = |_| Err(broken(worker::Error::RustError("not written".into())));
    written.unwrap_or_else(lost)
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

fn status_of(engine: &Assignment) -> RoutingStatus {
    match engine.phase {
        Phase::New => RoutingStatus::NotStarted,
        Phase::Searching | Phase::Offering => RoutingStatus::PendingBids,
        Phase::Assigned => RoutingStatus::VendorAccepted,
        Phase::Failed => RoutingStatus::Failed,
        Phase::Cancelled => RoutingStatus::Cancelled,
        Phase::Closed => RoutingStatus::Closed,
    }
}

fn routing_of(engine: &Assignment) -> Routing {
    Routing {
        routing_id: routing_id(&engine.order_id),
        order_id: engine.order_id.clone(),
        status: status_of(engine),
        locked_vendor_id: engine.lock.as_ref().map(|lock| lock.vendor_id.clone()),
        version: version_at(engine.epoch, engine.lock.is_some()),
        epoch: engine.epoch,
        vendors: engine
            .open_offers()
            .map(|offer| offer.vendor_id.clone())
            .collect(),
        retry_at: engine.retry_at_ms.map(rfc3339),
    }
}

/// One more for every lock that was taken, and for every one that ended.
fn version_at(epoch: u32, is_locked: bool) -> u32 {
    let ended = epoch.saturating_sub(1).saturating_mul(2);
    ended.saturating_add(1).saturating_add(u32::from(is_locked))
}
