//! Running placements: the journal, the effects, the end.
//!
//! Safe to repeat: a `place` of a known id answers with what became of it, and so
//! does one of a known cart; each effect may happen twice (see
//! `domain::placement`). Safe to lose: what was journaled and did not end is
//! resumed by the alarm, or by the next caller that asks for it.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use contract::order::{
    Asked, CartFate, OrderContent, PlaceOrder, PlaceReply, PlacedOrder, ResolveCart,
};
use contract::{Problem, code};
use domain::ids::{desk_of_uuid, order_number};
use domain::lifecycle::{Life, Method};
use domain::placement::{CREDIT, Cause, Effect, Event, Phase, Placement};
use domain::time::rfc3339;
use edge::{Scope, clock, faults, http, telemetry};
use futures::channel::oneshot;

use super::legs::Work;
use super::rows::{GoodEnd, OrderRow, Reached};
use super::{Desk, announcing, projection};

impl Desk {
    pub(super) async fn place(
        self: &Rc<Self>,
        scope: Scope,
        place: PlaceOrder,
    ) -> Result<PlaceReply, Problem> {
        let content = place.content;
        let known = self.rows.known(&content.order_id, &content.cart_id)?;
        if let Some(row) = known {
            return self.join(scope, &row.order_id).await;
        }
        faults::before(&scope, "order.journal")?;
        let now = clock::now_ms();
        let credit = (content.payment_method == Method::Credit).then_some(CREDIT);
        let legs = content.shards().into_iter().chain(credit);
        let placement = Placement::new(legs, now).stuck_after(self.stuck_after_ms);
        self.write_late()?;
        let number = self.journal(&content, &place.asked, &placement, now)?;
        telemetry::info(
            "[place-order] journaled",
            &[("order_id", &content.order_id), ("trace_id", &scope.trace)],
        );
        let end = self.start(Work {
            scope,
            life: Life::placed(content.payment_method, self.mode),
            content: *content,
            number,
            created_ms: now,
            placement,
            wait_until_ms: place.wait_until_ms,
            repeat: false,
            to_settle: BTreeSet::new(),
        });
        // Journal and alarm are one commit: nothing was awaited between them.
        self.wake_by(now.saturating_add(self.recover_after_ms))
            .await
            .map_err(http::internal)?;
        Ok(end.await.unwrap_or(PlaceReply::Unfinished))
    }

    /// What became of a placement; if nobody works on it, somebody does now.
    pub(super) async fn join(
        self: &Rc<Self>,
        scope: Scope,
        order_id: &str,
    ) -> Result<PlaceReply, Problem> {
        self.write_late()?;
        let Some(row) = self.rows.order(order_id)? else {
            return Ok(PlaceReply::Unfinished);
        };
        if let Some(end) = Self::end_of(&row)? {
            return Ok(end);
        }
        match self.take_up(scope, &row)? {
            Some(end) => Ok(end.await.unwrap_or(PlaceReply::Unfinished)),
            None => Ok(PlaceReply::Unfinished),
        }
    }

    /// See [`ResolveCart`]. Safe to repeat: a cart that is closed stays so.
    pub(super) fn resolve(
        self: &Rc<Self>,
        scope: Scope,
        resolve: &ResolveCart,
    ) -> Result<CartFate, Problem> {
        let (cart, customer) = (&resolve.cart_id, &resolve.customer_id);
        if let Some(fate) = self.fate(scope, cart)? {
            return Ok(fate);
        }
        self.rows.close(cart, customer, clock::now_ms())?;
        Ok(CartFate::Closed)
    }

    /// See [`AskFates`](contract::order::AskFates).
    pub(super) fn fates(
        self: &Rc<Self>,
        scope: &Scope,
        cart_ids: &[String],
    ) -> Result<Vec<Option<CartFate>>, Problem> {
        let fates = cart_ids.iter().map(|cart| self.fate(scope.clone(), cart));
        fates.collect()
    }

    fn fate(self: &Rc<Self>, scope: Scope, cart_id: &str) -> Result<Option<CartFate>, Problem> {
        let Some(row) = self.rows.live_of_cart(cart_id)? else {
            return Ok(None);
        };
        if let Some(PlaceReply::Placed(body)) = Self::end_of(&row)? {
            return Ok(Some(CartFate::Placed {
                asked: self.rows.asked(&row.order_id)?,
                order_id: row.order_id,
                body,
            }));
        }
        self.take_up(scope, &row)?;
        Ok(Some(CartFate::Unfinished))
    }

    fn end_of(row: &OrderRow) -> Result<Option<PlaceReply>, Problem> {
        match row.phase.as_str() {
            "placed" => Ok(Some(PlaceReply::Placed(answer_of(row)?))),
            "undone" => {
                let cause = row.placement()?.cause.unwrap_or(Cause::Closed);
                Ok(Some(PlaceReply::Undone(cause)))
            }
            _ => Ok(None),
        }
    }

    /// Goes on with what was journaled, unless it is being worked on: then waits
    /// for that. `None` for a stuck one, which only an admin moves.
    fn take_up(
        self: &Rc<Self>,
        scope: Scope,
        row: &OrderRow,
    ) -> Result<Option<oneshot::Receiver<PlaceReply>>, Problem> {
        if let Some(waiting) = self.running.borrow_mut().get_mut(&row.order_id) {
            let (sender, receiver) = oneshot::channel();
            waiting.push(sender);
            return Ok(Some(receiver));
        }
        let mut placement = row.placement()?;
        if placement.phase == Phase::Stuck {
            return Ok(None);
        }
        placement.resume(clock::now_ms());
        telemetry::warn(
            "[place-order] taken up again",
            &[("order_id", &row.order_id), ("trace_id", &scope.trace)],
        );
        telemetry::count("placements_resumed", &[], 1);
        Ok(Some(self.start(Work::again(scope, row, placement)?)))
    }

    /// What a crash left unfinished.
    pub(super) fn recover(self: &Rc<Self>, now: i64) {
        let left = self.rows.unfinished().unwrap_or_default();
        for row in left {
            let age = now.saturating_sub(row.updated_ms);
            let ours = self.running.borrow().contains_key(&row.order_id);
            if !ours && age >= self.recover_after_ms / 2 {
                // Its end is written; nobody waits for it.
                if let Err(problem) = self.take_up(super::no_scope(), &row) {
                    telemetry::error("recover_failed", &[("reason", &problem.detail)]);
                }
            }
        }
    }

    /// An admin wants a stuck placement tried again.
    pub(super) async fn retry(
        self: &Rc<Self>,
        scope: Scope,
        order_id: &str,
    ) -> Result<PlaceReply, Problem> {
        let row = self
            .rows
            .order(order_id)?
            .ok_or_else(|| Problem::not_found("placement"))?;
        let mut placement = row.placement()?;
        if placement.phase != Phase::Stuck {
            return Err(Problem::new(code::NOT_STUCK, "this placement is not stuck"));
        }
        let now = clock::now_ms();
        // The shards' first release is decided by the event; it is journaled as
        // unfinished so that a crash from here on is recovered by itself.
        placement.apply(Event::Retry, now);
        self.rows
            .set_phase(order_id, "deducting", &placement, now)?;
        self.wake_by(now.saturating_add(self.recover_after_ms))
            .await
            .map_err(http::internal)?;
        let end = self.start(Work::again(scope, &row, placement)?);
        self.wake_by(now.saturating_add(self.recover_after_ms))
            .await
            .map_err(http::internal)?;
        let end = end.await.unwrap_or(PlaceReply::Unfinished);
        self.catch_up(Reached::Database, i64::MAX).await;
        Ok(end)
    }

    fn start(self: &Rc<Self>, work: Work) -> oneshot::Receiver<PlaceReply> {
        let (sender, receiver) = oneshot::channel();
        self.running
            .borrow_mut()
            .insert(work.order_id().to_owned(), vec![sender]);
        let desk = Rc::clone(self);
        self.background(async move {
            let order_id = work.order_id().to_owned();
            let reply = match desk.run(work).await {
                Ok(reply) => reply,
                Err(problem) => {
                    telemetry::error("placement_failed", &[("reason", &problem.detail)]);
                    PlaceReply::Unfinished
                }
            };
            let waiting = desk.running.borrow_mut().remove(&order_id);
            for sender in waiting.unwrap_or_default() {
                // A caller that has gone away will ask again.
                let _ = sender.send(reply.clone());
            }
        });
        receiver
    }

    /// Performs effect after effect until the placement has ended or is stuck.
    async fn run(self: &Rc<Self>, mut work: Work) -> Result<PlaceReply, Problem> {
        if !work.repeat {
            faults::written(&self.state, &work.scope, "order.journal").await?;
        }
        let first = work.placement.apply(Event::Due, clock::now_ms());
        let mut effects: VecDeque<Effect> = first.into();
        let mut reply = PlaceReply::Unfinished;
        while let Some(effect) = effects.pop_front() {
            let event = match effect {
                Effect::Deduct { shard, last } => {
                    let (event, awaited) = self.deduct(&work, shard, last).await;
                    if awaited {
                        work.to_settle.insert(shard);
                    }
                    event
                }
                Effect::Release { shard } => self.release(&work, shard).await,
                Effect::Wake { at_ms } => {
                    clock::pause(at_ms.saturating_sub(clock::now_ms())).await;
                    work.repeat = true;
                    Event::Due
                }
                Effect::Record => {
                    faults::before(&work.scope, "order.undo")?;
                    let now = clock::now_ms();
                    self.rows
                        .set_phase(work.order_id(), "deducting", &work.placement, now)?;
                    // The release leaves only when this is durable: the platform
                    // holds outgoing calls back until then.
                    faults::written(&self.state, &work.scope, "order.undo").await?;
                    continue;
                }
                Effect::Finish => {
                    reply = self.finish(&work).await?;
                    continue;
                }
                Effect::Settle { shard } => {
                    if work.to_settle.contains(&shard) {
                        self.settle(&work, shard);
                    }
                    continue;
                }
                Effect::Attention => {
                    let now = clock::now_ms();
                    self.rows
                        .set_phase(work.order_id(), "stuck", &work.placement, now)?;
                    telemetry::count("placements_stuck", &[], 1);
                    telemetry::error("[place-order] stuck", &[("order_id", work.order_id())]);
                    self.catch_up(Reached::Database, i64::MAX).await;
                    continue;
                }
            };
            effects.extend(work.placement.apply(event, clock::now_ms()));
        }
        Ok(reply)
    }

    /// Writes the end, and says it.
    async fn finish(self: &Rc<Self>, work: &Work) -> Result<PlaceReply, Problem> {
        faults::before(&work.scope, "order.finish")?;
        let now = clock::now_ms();
        let order_id = work.order_id();
        let placed = work.placement.phase == Phase::Placed;
        if placed {
            // Written later: a crash before that comes to the same end again.
            let end = GoodEnd {
                order_id: order_id.to_owned(),
                placement: work.placement.clone(),
                life: work.life,
                pay_by_ms: work
                    .life
                    .awaits_payment()
                    .then(|| now.saturating_add(self.payment_limit_ms)),
                at_ms: now,
            };
            self.project_soon(projection::placed(work, &end));
            self.announce_soon(announcing::placed(work, &end));
            self.late.borrow_mut().push(end);
            if work.life.starts_by_itself() {
                self.begin_soon(order_id);
            }
        } else {
            self.rows
                .set_phase(order_id, "undone", &work.placement, now)?;
        }
        faults::written(&self.state, &work.scope, "order.finish").await?;
        let outcome = if placed { "placed" } else { "undone" };
        telemetry::count("placements_ended", &[("outcome", outcome)], 1);
        telemetry::info(
            "[place-order] ended",
            &[
                ("order_id", order_id),
                ("trace_id", &work.scope.trace),
                ("outcome", outcome),
            ],
        );
        if placed {
            let body = answer(&work.content, &work.number, work.created_ms)?;
            return Ok(PlaceReply::Placed(body));
        }
        let cause = work.placement.cause.clone().unwrap_or(Cause::Closed);
        Ok(PlaceReply::Undone(cause))
    }

    /// What need not be paid first is offered at once. Its end is written for that, and a
    /// crash before it comes to the same end again.
    fn begin_soon(self: &Rc<Self>, order_id: &str) {
        let (desk, order_id) = (Rc::clone(self), order_id.to_owned());
        self.background(async move {
            let begun = desk.write_late().and_then(|()| desk.rows.order(&order_id));
            match begun {
                Ok(Some(row)) => desk.do_chores(&super::no_scope(), &row).await,
                Ok(None) => {}
                Err(problem) => telemetry::error("begin_failed", &[("reason", &problem.detail)]),
            }
        });
    }

    /// Writes the journal under a number that nobody has. Codes grow by a letter when
    /// the short ones run out.
    fn journal(
        &self,
        content: &OrderContent,
        asked: &Asked,
        placement: &Placement,
        now: i64,
    ) -> Result<String, Problem> {
        let desk = desk_of_uuid(&content.order_id).unwrap_or_default();
        let year = domain::time::year(now);
        for attempt in 0..64_u32 {
            let random = u64::from_le_bytes(clock::random_bytes());
            let characters = 6_u32.saturating_add(attempt / 8);
            let number = order_number(year, desk, random, characters);
            if self
                .rows
                .journal(content, asked, &number, placement, self.mode, now)?
            {
                return Ok(number);
            }
        }
        let detail = "no order number was free; try again";
        Err(Problem::new(code::UNAVAILABLE, detail).retry_after(1))
    }
}

/// The bytes of the 201. A function of what was journaled, so they are the same
/// whenever they are made.
fn answer(content: &OrderContent, number: &str, created_ms: i64) -> Result<String, Problem> {
    let placed = PlacedOrder::new(content, number, rfc3339(created_ms));
    serde_json::to_string(&placed).map_err(|error| http::internal(error.into()))
}

fn answer_of(row: &OrderRow) -> Result<String, Problem> {
    let number = row.number.as_deref().unwrap_or_default();
    answer(&row.content()?, number, row.created_ms)
}
