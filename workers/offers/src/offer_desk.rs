//! The offer desk: the offers of many orders, who has each, and their timers.
//!
//! What must hold: whoever comes first to the object comes first, since the lock is checked
//! and taken in one stretch without an await; what is told or done is written; what a
//! crash leaves unfinished is found by the one alarm, which is always set no later than
//! the earliest timer (A6). Work runs apart from the request that asked for it, so a
//! caller that goes away changes nothing.

mod book;
mod commands;
mod deciding;
mod perform;
mod reach;
mod records;
mod routes;
mod rows;
mod settings;
mod showing;
mod telling;
mod under_way;
mod writes;

use std::cell::Cell;
use std::rc::Rc;

use contract::assignment::AtOfferDesk;
use contract::realtime::Event;
use contract::{Empty, Problem};
use edge::alarm::Alarm;
use edge::call::{is_command, receive, reply};
use edge::gather::Given;
use edge::{Incoming, Outcome, Scope, announce, clock, config, http, telemetry};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use book::Book;
use reach::Reach;
use records::Records;
use rows::Rows;
use settings::Plan;
use telling::Told;
use under_way::UnderWay;
use writes::Writes;

const FORGET_EVERY_MS: i64 = 60 * 60 * 1000;

#[durable_object]
pub struct OfferDesk {
    desk: Rc<Desk>,
}

struct Desk {
    state: State,
    env: Env,
    rows: Rows,
    alarm: Alarm,
    /// How orders are offered to vendors, how each stands, and what is being done for them.
    plan: Plan,
    book: Book,
    writes: Writes,
    wrote_ms: Cell<i64>,
    under_way: UnderWay,
    /// Events on their way to those who watch, of which it is not known yet that they
    /// arrived, and how long they gather after the first.
    told: Given<Told, Rc<Event>>,
    announce_ms: i64,
    records: Records,
    reach: Reach,
    forgot_at: Cell<i64>,
}

impl DurableObject for OfferDesk {
    fn new(state: State, env: Env) -> Self {
        telemetry::configure(&env);
        let desk = Desk {
            rows: Rows::open(state.storage().sql()),
            alarm: Alarm::of(&state),
            plan: Plan::of(&env),
            book: Book::default(),
            writes: Writes::default(),
            wrote_ms: Cell::new(0),
            under_way: UnderWay::default(),
            told: announce::given(),
            announce_ms: config::number(&env, "ANNOUNCE_MS", 50_i64),
            records: Records::default(),
            reach: Reach::default(),
            forgot_at: Cell::new(0),
            state,
            env,
        };
        Self {
            desk: Rc::new(desk),
        }
    }

    /// Requests about one order come here as the gateway got them; what is left are
    /// commands of other workers.
    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let desk = &self.desk;
        let is_command = is_command(&request);
        let response = if is_command {
            match receive(&mut request).await {
                Ok((scope, command)) => desk.obey(scope.within(&desk.state), command).await,
                Err(problem) => reply::<Empty>(Err(problem)),
            }
        } else {
            http::finish(desk.serve(&mut request).await)
        };
        if let Err(problem) = desk.all_written().await {
            return if is_command {
                reply::<Empty>(Err(problem))
            } else {
                http::finish(Err(problem))
            };
        }
        telemetry::flush_soon(&desk.env, &desk.state);
        response
    }

    /// Takes up what is due and what a crash left. Safe to run at any time and twice: each
    /// part looks at what is written.
    async fn alarm(&self) -> Result<Response> {
        let desk = &self.desk;
        desk.alarm.went_off();
        let now = clock::now_ms();
        let failed = |problem: Problem| worker::Error::RustError(problem.detail);
        desk.assignments_due(now).await;
        // An error from here on makes the runtime repeat the alarm, so work is never
        // left without a timer.
        if now.saturating_sub(desk.forgot_at.get()) >= FORGET_EVERY_MS {
            desk.forgot_at.set(now);
            desk.rows.forget_old(now).map_err(failed)?;
        }
        if let Some(at) = desk.rows.next_due(now).map_err(failed)? {
            // What is overdue could not be done just now.
            let soon = now.saturating_add(1000);
            desk.wake_by(if at <= now { soon } else { at }).await?;
        }
        telemetry::flush_soon(&desk.env, &desk.state);
        Response::empty()
    }
}

impl Desk {
    async fn obey(self: &Rc<Self>, scope: Scope, command: AtOfferDesk) -> Result<Response> {
        match command {
            AtOfferDesk::Accept(accept) => reply(self.accept_offer(&scope, &accept).await),
            AtOfferDesk::Reject(reject) => reply(self.reject_offer(&scope, &reject).await),
            AtOfferDesk::Seen(saw) => reply(self.saw_offer(&saw).await),
            AtOfferDesk::Offers(open) => reply(self.open_offers(&open).await),
            AtOfferDesk::Begin(begin) => reply(self.begin_by_itself(&scope, begin.order).await),
            AtOfferDesk::Holder(ask) => reply(self.holder(&ask.order_id)),
            AtOfferDesk::Over(over) => reply(self.order_is_over(over).await),
            AtOfferDesk::Export(export) => reply(self.rows.export(&export.after)),
        }
    }

    async fn serve(self: &Rc<Self>, request: &mut Request) -> Outcome {
        let mut incoming = Incoming::passed_on(request).await?;
        incoming.scope = incoming.scope.within(&self.state);
        routes::serve(self, &incoming).await
    }

    /// The alarm goes off at that time or earlier.
    async fn wake_by(&self, at_ms: i64) -> Result<()> {
        self.alarm.wake_by(&self.state, at_ms).await
    }

    /// Runs work apart from the request that asked for it.
    fn background(&self, work: impl Future<Output = ()> + 'static) {
        self.state.wait_until(work);
    }
}

/// Work that no request stands behind.
fn no_scope() -> Scope {
    Scope::default()
}
