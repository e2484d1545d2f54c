//! The order desk: journal, state and timers of many orders.
//!
//! What must hold: an order is journaled before anything happens for it; its end
//! is written before anyone is told; whatever a crash leaves unfinished is found
//! by the one alarm, which is always set no later than the earliest timer (A6).
//! Work runs apart from the request that asked for it, so a caller that goes away
//! changes nothing.

mod life;
mod placing;
mod projection;
mod rows;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use contract::order::{AtOrderDesk, PlaceReply};
use contract::{Actor, Empty, Problem};
use edge::call::{receive, reply};
use edge::{Scope, clock, config, http, telemetry};
use futures::channel::oneshot;
use worker::{DurableObject, Env, Request, Response, Result, ScheduledTime, State, durable_object};

use rows::{OrderRow, Rows};

/// How long after a crash unfinished work is taken up again, at the latest.
const RECOVER_AFTER_MS: i64 = 2_000;

#[durable_object]
pub struct OrderDesk {
    desk: Rc<Desk>,
}

struct Desk {
    state: State,
    env: Env,
    rows: Rows,
    /// The next alarm; 0 when none is known to be set.
    alarm_at: Cell<i64>,
    /// Placements that are being worked on, and who waits for their end.
    running: RefCell<BTreeMap<String, Vec<oneshot::Sender<PlaceReply>>>>,
    /// Orders whose chores are being worked on.
    chores_running: RefCell<BTreeSet<String>>,
    projecting: Cell<bool>,
    payment_limit_ms: i64,
}

impl DurableObject for OrderDesk {
    fn new(state: State, env: Env) -> Self {
        telemetry::configure(&env);
        let limit_minutes = config::number(&env, "PAYMENT_LIMIT_MINUTES", 30_i64);
        let desk = Desk {
            rows: Rows::open(state.storage().sql()),
            state,
            env,
            alarm_at: Cell::new(0),
            running: RefCell::default(),
            chores_running: RefCell::default(),
            projecting: Cell::new(false),
            payment_limit_ms: limit_minutes.saturating_mul(60_000),
        };
        Self {
            desk: Rc::new(desk),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let (scope, command) = match receive(&mut request).await {
            Ok(received) => received,
            Err(problem) => return reply::<Empty>(Err(problem)),
        };
        let desk = &self.desk;
        let response = match command {
            AtOrderDesk::Place(place) => reply(desk.place(scope, place).await),
            AtOrderDesk::Resolve(resolve) => reply(desk.resolve(scope, &resolve)),
            AtOrderDesk::Get(get) => reply(desk.get(&get.order, &get.viewer)),
            AtOrderDesk::Recent(recent) => reply(desk.rows.recent(&recent.customer_id)),
            AtOrderDesk::Move(change) => reply(desk.move_order(scope, &change).await),
            AtOrderDesk::Retry(retry) => reply(desk.retry(scope, &retry.order_id).await),
            AtOrderDesk::Export(export) => reply(desk.rows.export(&export.after)),
        };
        telemetry::flush_soon(&desk.env, &desk.state);
        response
    }

    /// Takes up what a crash left, what is due, and what the database lacks. Safe
    /// to run at any time and twice: each part looks at what is written.
    async fn alarm(&self) -> Result<Response> {
        let desk = &self.desk;
        desk.alarm_at.set(0);
        let now = clock::now_ms();
        // Set anew before anything is tried, so that nothing that fails below can
        // leave work without a timer.
        desk.wake_by(now.saturating_add(RECOVER_AFTER_MS)).await?;
        desk.recover(now);
        desk.expire_unpaid(now).await;
        desk.finish_chores(now).await;
        desk.project().await;
        desk.rows
            .forget_old(now)
            .map_err(|problem| worker::Error::RustError(problem.detail))?;
        let next = desk
            .rows
            .next_due(now, RECOVER_AFTER_MS)
            .map_err(|problem| worker::Error::RustError(problem.detail))?;
        match next {
            Some(at) => {
                desk.alarm_at.set(0);
                desk.wake_by(at).await?;
            }
            None => desk.state.storage().delete_alarm().await?,
        }
        telemetry::flush_soon(&desk.env, &desk.state);
        Response::empty()
    }
}

impl Desk {
    /// The alarm goes off at that time or earlier.
    async fn wake_by(&self, at_ms: i64) -> Result<()> {
        let now = clock::now_ms();
        let set = self.alarm_at.get();
        if set > now && set <= at_ms {
            return Ok(());
        }
        self.alarm_at.set(at_ms);
        let delay = at_ms.saturating_sub(now).max(1);
        self.state
            .storage()
            .set_alarm(ScheduledTime::from(delay))
            .await
    }

    fn get(
        &self,
        order: &str,
        viewer: &Actor,
    ) -> std::result::Result<contract::order::OrderView, Problem> {
        let row = self.rows.order(order)?.filter(OrderRow::is_order);
        row.filter(|row| viewer.is_staff() || row.customer_id == viewer.id)
            .ok_or_else(|| Problem::not_found("order"))
            .and_then(|row| self.rows.view(&row))
    }

    /// Runs work apart from the request that asked for it.
    fn background(&self, work: impl Future<Output = ()> + 'static) {
        self.state.wait_until(work);
    }
}

/// Storage inside the object failed; the runtime will reset it.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn broken(error: worker::Error) -> Problem {
    http::internal(error)
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
