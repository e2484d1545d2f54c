//! The order desk: journal, state and timers of many orders.
//!
//! What must hold: an order is journaled before anything happens for it; that it
//! failed is written before anyone is told; whatever a crash leaves unfinished is
//! found by the one alarm, which is always set no later than the earliest timer
//! (A6). That an order stands follows from its journal and its holds: a crash
//! after the last hold comes to the same order with the same number. Good ends
//! therefore gather in memory, and are written with the desk's next write, before
//! anybody looks, or with the next projection.
//! Work runs apart from the request that asked for it, so a caller that goes away
//! changes nothing.

mod amending;
mod announcing;
mod hailing;
mod legs;
mod life;
mod money;
mod noticing;
mod offering;
mod placing;
mod projection;
mod routes;
mod rows;
mod tracking;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use contract::assignment::RoutingStatus;
use contract::order::{AtOrderDesk, OrderSummary, OrderView, PlaceReply};
use contract::realtime::Event;
use contract::{Actor, Empty, Problem, Role, code};
use domain::lifecycle::{Mode, Status};
use edge::alarm::Alarm;
use edge::call::{is_command, receive, reply};
use edge::gather::Given;
use edge::{Incoming, Outcome, Scope, announce, clock, config, http, telemetry};
use futures::channel::oneshot;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use projection::Sent;
use rows::{GoodEnd, OrderRow, Reached, Rows};

/// How far a driver may be away, as the documents have it.
const DRIVER_RADIUS_KM: f64 = 5.0;
/// Orders in one trip of a desk that catches up.
const CATCH_UP_MAX: usize = 100;
const FORGET_EVERY_MS: i64 = 60 * 60 * 1000;

#[durable_object]
pub struct OrderDesk {
    desk: Rc<Desk>,
}

struct Desk {
    state: State,
    env: Env,
    rows: Rows,
    alarm: Alarm,
    /// Placements that are being worked on, and who waits for their end.
    running: RefCell<BTreeMap<String, Vec<oneshot::Sender<PlaceReply>>>>,
    /// Orders whose chores are being worked on.
    chores_running: RefCell<BTreeSet<String>>,
    forgot_at: Cell<i64>,
    /// Who fulfils what is ordered, unless staff decides otherwise.
    mode: Mode,
    /// As the gateway counts them.
    cart_desks: u16,
    payment_limit_ms: i64,
    stuck_after_ms: i64,
    /// Whether a driver is wished for when a vendor has taken an order.
    drivers_wanted: bool,
    /// Wishes for drivers that go out in a second, at most; when the last second began, and
    /// how many there were in it.
    wishes_max: u32,
    wishes: Cell<(i64, u32)>,
    /// How long changes gather before the database gets them.
    gather_ms: i64,
    /// Good ends that are not written yet.
    late: RefCell<Vec<GoodEnd>>,
    /// How long after a crash unfinished work is taken up again, at the latest.
    recover_after_ms: i64,
    /// How long a finished order can still be returned and refunded.
    keep_finished_ms: i64,
    /// Versions on their way to the database, and to those who watch, of which it is not
    /// known yet that they arrived.
    projected: Given<Sent>,
    announced: Given<Sent, Rc<Event>>,
    /// How long events gather before they are published, after the first.
    announce_ms: i64,
}

impl DurableObject for OrderDesk {
    fn new(state: State, env: Env) -> Self {
        telemetry::configure(&env);
        let limit_minutes = config::number(&env, "PAYMENT_LIMIT_MINUTES", 30_f64);
        let stuck_seconds = config::number(&env, "STUCK_AFTER_SECONDS", 60_i64);
        let keep_days = config::number(&env, "KEEP_FINISHED_DAYS", 60_f64);
        let gather_ms = config::number(&env, "GATHER_MS", 2_500_i64);
        let recover_seconds = config::number(&env, "RECOVER_AFTER_SECONDS", 10_i64);
        let desk = Desk {
            gather_ms,
            recover_after_ms: recover_seconds.saturating_mul(1000),
            keep_finished_ms: ms_of_minutes(keep_days * 24.0 * 60.0),
            rows: Rows::open(state.storage().sql()),
            alarm: Alarm::of(&state),
            running: RefCell::default(),
            chores_running: RefCell::default(),
            late: RefCell::default(),
            projected: projection::given(),
            announced: announce::given(),
            announce_ms: config::number(&env, "ANNOUNCE_MS", 50_i64),
            forgot_at: Cell::new(0),
            mode: config::text(&env, "FULFILMENT_MODE")
                .and_then(|mode| Mode::from_name(&mode))
                .unwrap_or(Mode::Vendor),
            drivers_wanted: config::text(&env, "DRIVERS_FOR").as_deref() == Some("vendor"),
            wishes_max: config::number(&env, "DRIVER_WISHES_PER_SECOND", 50),
            wishes: Cell::default(),
            cart_desks: config::number(&env, "CART_DESKS", 32_u16).max(1),
            payment_limit_ms: ms_of_minutes(limit_minutes),
            stuck_after_ms: stuck_seconds.saturating_mul(1000),
            state,
            env,
        };
        Self {
            desk: Rc::new(desk),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let desk = &self.desk;
        if !is_command(&request) {
            let outcome = desk.serve(&mut request).await;
            telemetry::flush_soon(&desk.env, &desk.state);
            return http::finish(outcome);
        }
        let (scope, command) = match receive(&mut request).await {
            Ok(received) => received,
            Err(problem) => return reply::<Empty>(Err(problem)),
        };
        let scope = scope.within(&desk.state);
        let is_place = matches!(command, AtOrderDesk::Place(_));
        if !is_place && let Err(problem) = desk.write_late() {
            return reply::<Empty>(Err(problem));
        }
        let response = match command {
            AtOrderDesk::Place(place) => reply(desk.place(scope, place).await),
            AtOrderDesk::Resolve(resolve) => reply(desk.resolve(scope, &resolve)),
            AtOrderDesk::Fates(ask) => reply(desk.fates(&scope, &ask.cart_ids)),
            AtOrderDesk::Admit(admit) => {
                reply(desk.admit(&scope, &admit.order, &admit.viewer).await)
            }
            AtOrderDesk::Recent(recent) => reply(desk.recent(scope, &recent.customer_id).await),
            AtOrderDesk::Offer(offer) => reply(desk.offer(&scope, &offer).await),
            AtOrderDesk::Held(held) => {
                reply(desk.held(&scope, &held.order_id, &held.holding).await)
            }
            AtOrderDesk::Payable(ask) => reply(desk.payable(&scope, &ask).await),
            AtOrderDesk::Hear(heard) => reply(desk.hear(&scope, heard).await),
            AtOrderDesk::Money(money) => {
                reply(desk.money(&scope, &money.order_id, &money.told).await)
            }
        };
        telemetry::flush_soon(&desk.env, &desk.state);
        response
    }

    /// Takes up what a crash left, what is due, and what the database lacks. Safe
    /// to run at any time and twice: each part looks at what is written.
    async fn alarm(&self) -> Result<Response> {
        let desk = &self.desk;
        desk.alarm.went_off();
        let now = clock::now_ms();
        let failed = |problem: Problem| worker::Error::RustError(problem.detail);
        desk.write_late().map_err(failed)?;
        desk.recover(now);
        desk.expire_unpaid(now).await;
        desk.finish_chores(now).await;
        // What is younger is on its way with that of other desks.
        let before = now.saturating_sub(desk.recover_after_ms / 2);
        desk.catch_up(Reached::Database, before).await;
        desk.catch_up(Reached::Screens, before).await;
        // An error from here on makes the runtime repeat the alarm, so work is never
        // left without a timer.
        desk.forget_old(now).map_err(failed)?;
        let due = desk
            .rows
            .next_due(now, desk.recover_after_ms)
            .map_err(failed)?;
        if let Some(at) = due {
            // What is overdue could not be done just now.
            let at = if at <= now {
                now.saturating_add(1000)
            } else {
                at
            };
            desk.wake_by(at).await?;
        }
        telemetry::flush_soon(&desk.env, &desk.state);
        Response::empty()
    }
}

impl Desk {
    async fn serve(self: &Rc<Self>, request: &mut Request) -> Outcome {
        let mut incoming = Incoming::passed_on(request).await?;
        incoming.scope = incoming.scope.within(&self.state);
        self.write_late()?;
        routes::serve(self, &incoming).await
    }

    /// The alarm goes off at that time or earlier.
    async fn wake_by(&self, at_ms: i64) -> Result<()> {
        self.alarm.wake_by(&self.state, at_ms).await
    }

    /// Writes the good ends that gathered, and what the database has got. Synchronous,
    /// so it is one commit with what its caller writes next.
    fn write_late(&self) -> std::result::Result<(), Problem> {
        let ends = self.late.take();
        let (projected, announced) = (self.projected.arrived(), self.announced.arrived());
        let first = |of: &[Sent], id: &str| of.iter().any(|sent| sent.order_id == id);
        for end in &ends {
            let (shown, heard) = (
                first(&projected, &end.order_id),
                first(&announced, &end.order_id),
            );
            self.rows.set_placed(end, shown, heard)?;
        }
        let others = |of: &[Sent]| -> Vec<Sent> {
            let is_end = |id: &str| ends.iter().any(|end| end.order_id == id);
            let others = of
                .iter()
                .filter(|sent| sent.version > 1 || !is_end(&sent.order_id));
            others.cloned().collect()
        };
        for (at, of) in [
            (Reached::Database, &projected),
            (Reached::Screens, &announced),
        ] {
            let others = others(of);
            self.rows
                .set_reached(at, &others.iter().collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// Sends what has not got there from this desk since then, batch after batch.
    async fn catch_up(&self, at: Reached, before_ms: i64) {
        loop {
            match self.send_behind(at, before_ms).await {
                Ok(sent) if sent < CATCH_UP_MAX => return,
                Ok(_) => {}
                Err(problem) => {
                    let fields = [("to", at.name()), ("reason", &problem.detail)];
                    telemetry::error("catching_up_failed", &fields);
                    return;
                }
            }
        }
    }

    /// One batch; how many it was. What arrived before is marked first, so that it is
    /// not sent again.
    async fn send_behind(
        &self,
        at: Reached,
        before_ms: i64,
    ) -> std::result::Result<usize, Problem> {
        self.write_late()?;
        let behind = self.rows.behind(at, before_ms, CATCH_UP_MAX)?;
        match at {
            _ if behind.is_empty() => {}
            Reached::Database => self.project_rows(&behind).await?,
            Reached::Screens => self.announce_rows(&behind).await?,
        }
        Ok(behind.len())
    }

    /// Once an hour is often enough.
    fn forget_old(&self, now: i64) -> std::result::Result<(), Problem> {
        if now.saturating_sub(self.forgot_at.get()) < FORGET_EVERY_MS {
            return Ok(());
        }
        self.forgot_at.set(now);
        self.rows.forget_old(now, self.keep_finished_ms)
    }

    async fn get(
        self: &Rc<Self>,
        scope: &Scope,
        order: &str,
        viewer: &Actor,
    ) -> std::result::Result<OrderView, Problem> {
        let row = self.order_for(scope, order, viewer).await?;
        self.view(scope, row, viewer).await
    }

    /// An order as it is now. Whether somebody has taken it a moment ago may be unknown,
    /// which is no reason to show nothing of it.
    async fn view(
        self: &Rc<Self>,
        scope: &Scope,
        row: OrderRow,
        viewer: &Actor,
    ) -> std::result::Result<OrderView, Problem> {
        let row = self.rows.order(&row.order_id)?.unwrap_or(row);
        let is_asked = matches!(
            row.life().status,
            Status::AwaitingAssignment | Status::Failed
        );
        let is_known = !is_asked || self.ask_holder(scope, &row.order_id).await.is_ok();
        let row = self.rows.order(&row.order_id)?.unwrap_or(row);
        let mut view = self.rows.view(&row, viewer)?;
        if self.rows.is_offered(&row.order_id)? {
            view.routing_status = if is_known {
                offering::routing_of(view.status)
            } else {
                Some(RoutingStatus::Unknown)
            };
        }
        Ok(view)
    }

    async fn admit(
        self: &Rc<Self>,
        scope: &Scope,
        order: &str,
        viewer: &Actor,
    ) -> std::result::Result<OrderSummary, Problem> {
        self.order_for(scope, order, viewer).await?.summary()
    }

    /// An order that this viewer may see. Its buyer may know it already though a
    /// crash kept its end from being written; then it is brought to its end first.
    async fn order_for(
        self: &Rc<Self>,
        scope: &Scope,
        order: &str,
        viewer: &Actor,
    ) -> std::result::Result<OrderRow, Problem> {
        let mut row = self.rows.order(order)?;
        if let Some(found) = &row {
            // Whoever was asked meanwhile may have had news of it.
            row = if self.may_see(scope, found, viewer).await? {
                self.rows.order(order)?
            } else {
                None
            };
        }
        if let Some(unfinished) = row.as_ref().filter(|row| row.is_unfinished()) {
            let end = self.join(scope.clone(), &unfinished.order_id).await?;
            if matches!(end, PlaceReply::Unfinished) {
                let detail = "the order is being brought to its end; try again";
                return Err(Problem::new(code::UNAVAILABLE, detail).retry_after(1));
            }
            self.write_late()?;
            row = self.rows.order(order)?;
        }
        row.filter(OrderRow::is_order)
            .ok_or_else(|| Problem::not_found("order"))
    }

    /// Staff, the order's customer, and the vendor who has it.
    async fn may_see(
        self: &Rc<Self>,
        scope: &Scope,
        row: &OrderRow,
        viewer: &Actor,
    ) -> std::result::Result<bool, Problem> {
        Ok(match viewer.role {
            Role::Admin | Role::Service => true,
            Role::Customer => row.customer_id == viewer.id,
            Role::Vendor => {
                let has_it = |row: &OrderRow| row.standing().vendor_id.as_ref() == Some(&viewer.id);
                if has_it(row) {
                    return Ok(true);
                }
                // Who has just taken it may be here before the news of it.
                self.ask_holder(scope, &row.order_id).await?;
                self.rows.order(&row.order_id)?.as_ref().is_some_and(has_it)
            }
            Role::Driver => row.standing().driver_id.as_ref() == Some(&viewer.id),
        })
    }

    /// A customer's orders that the database may lack, with those that a crash left.
    async fn recent(
        self: &Rc<Self>,
        scope: Scope,
        customer_id: &str,
    ) -> std::result::Result<Vec<OrderSummary>, Problem> {
        for row in self.rows.unfinished_of(customer_id)? {
            self.join(scope.clone(), &row.order_id).await?;
        }
        self.write_late()?;
        self.rows.recent(customer_id)
    }

    /// Runs work apart from the request that asked for it.
    fn background(&self, work: impl Future<Output = ()> + 'static) {
        self.state.wait_until(work);
    }
}

/// Minutes may have fractions; what is no number of them is none.
fn ms_of_minutes(minutes: f64) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "bounded")]
    let ms = (minutes.clamp(0.0, 1e7) * 60_000.0) as i64;
    ms
}

/// Who an automatic change is by.
fn system() -> Actor {
    Actor {
        role: contract::Role::Service,
        id: "order-desk".into(),
    }
}

/// Work that no request stands behind.
fn no_scope() -> Scope {
    Scope::default()
}
