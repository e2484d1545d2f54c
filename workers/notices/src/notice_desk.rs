//! The notice desk: what is to be said of many orders, until it was said or is given up.
//!
//! What must hold: a notice that was taken is durable, with all that has to be sent of it,
//! before anybody is told; the same notice counts once; whatever waits has an alarm; what
//! happened to a sending is written before the next one of its kind follows. A crash while
//! something is on its way makes it go out again, under the same id. Every command may be
//! repeated.
//!
//! The rules are in [`domain::notices`]: when something is due, what an answer means
//! (`delivery`), and what may be on its way at once (`lanes`). Where things go is in the
//! database, which is looked at every few seconds ([`known`]). The database follows what
//! becomes of sendings ([`record`]); this object is the truth about them.

mod kept;
mod known;
mod record;
mod rows;
mod sending;
mod taking;
mod wire;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use contract::notices::AtNoticeDesk;
use contract::{Empty, Problem};
use domain::notices::lanes::Lanes;
use domain::notices::schedule::Schedule;
use edge::alarm::Alarm;
use edge::call::{receive, reply};
use edge::gather::Given;
use edge::{Scope, clock, config, http, telemetry};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use known::Known;
use record::Version;
use rows::Rows;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[durable_object]
pub struct NoticeDesk {
    desk: Rc<Desk>,
}

struct Desk {
    state: State,
    env: Env,
    rows: Rows,
    alarm: Alarm,
    plan: Plan,
    known: Known,
    /// What is on its way.
    lanes: RefCell<Lanes>,
    /// Sendings that were started since the last event came.
    starts: Cell<u32>,
    /// The lane that is looked at first, so that none is always the last.
    turn: Cell<usize>,
    /// Versions on their way to the database, of which it is not known yet that they
    /// arrived.
    recorded: Given<Version>,
    forgot_at: Cell<i64>,
}

/// What is configured.
struct Plan {
    schedule: Schedule,
    /// Nobody wants a mail that is a day late.
    mail_schedule: Schedule,
    timeout_ms: u32,
    patience_ms: i64,
    mail_from: String,
    mail_from_name: String,
    keep_delivered_ms: i64,
    keep_dead_ms: i64,
    gather_ms: i64,
    recover_after_ms: i64,
}

impl Plan {
    fn of(env: &Env) -> Self {
        let seconds = |name, default: i64| {
            let seconds = config::number(env, name, default);
            seconds.saturating_mul(1000)
        };
        let waits = config::text(env, "RETRY_MS").filter(|text| !text.trim().is_empty());
        let schedule = waits.map(|text| Schedule::parse(&text));
        if schedule == Some(None) {
            telemetry::error("configuration_malformed", &[("name", "RETRY_MS")]);
        }
        let schedule = schedule.flatten().unwrap_or_default();
        Self {
            mail_schedule: schedule.within(DAY_MS),
            schedule,
            timeout_ms: config::number(env, "WEBHOOK_TIMEOUT_MS", 15_000),
            patience_ms: seconds("WEBHOOK_PATIENCE_SECONDS", 432_000),
            mail_from: config::text(env, "MAIL_FROM").unwrap_or_default(),
            mail_from_name: config::text(env, "MAIL_FROM_NAME").unwrap_or_default(),
            keep_delivered_ms: seconds("KEEP_DELIVERED_SECONDS", 2_592_000),
            keep_dead_ms: seconds("KEEP_DEAD_SECONDS", 7_776_000),
            gather_ms: config::number(env, "GATHER_MS", 250),
            recover_after_ms: seconds("RECOVER_AFTER_SECONDS", 10),
        }
    }

    /// How often to look for what is old.
    fn forget_every_ms(&self) -> i64 {
        let hour = 60 * 60 * 1000;
        hour.min(self.keep_delivered_ms)
            .min(self.keep_dead_ms)
            .max(1)
    }
}

impl DurableObject for NoticeDesk {
    fn new(state: State, env: Env) -> Self {
        telemetry::configure(&env);
        let fresh_seconds = config::number(&env, "ENDPOINT_SECONDS", 5_i64);
        let desk = Desk {
            rows: Rows::open(state.storage().sql()),
            alarm: Alarm::of(&state),
            plan: Plan::of(&env),
            known: Known::for_ms(fresh_seconds.saturating_mul(1000)),
            lanes: RefCell::default(),
            starts: Cell::new(0),
            turn: Cell::new(0),
            recorded: record::given(),
            forgot_at: Cell::new(0),
            state,
            env,
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
        desk.begin();
        let scope = scope.within(&desk.state);
        if let Err(problem) = desk.note_arrived() {
            return reply::<Empty>(Err(problem));
        }
        let response = match command {
            AtNoticeDesk::Take(take) => reply(desk.take(&scope, take).await),
            AtNoticeDesk::Ping(ping) => reply(desk.ping(&scope, &ping).await),
            AtNoticeDesk::Get(get) => reply(desk.detail(&get.id)),
            AtNoticeDesk::Replay(replay) => reply(desk.replay(&scope, &replay).await),
            AtNoticeDesk::Forget(_) => {
                desk.known.forget();
                reply(Ok(Empty {}))
            }
        };
        telemetry::flush_soon(&desk.env, &desk.state);
        response
    }

    /// Sends what is due, tells the database what it lacks and forgets what is old. Safe to
    /// run at any time and twice: each part looks at what is written.
    async fn alarm(&self) -> Result<Response> {
        let desk = &self.desk;
        desk.alarm.went_off();
        desk.begin();
        let failed = |problem: Problem| worker::Error::RustError(problem.detail);
        desk.note_arrived().map_err(failed)?;
        desk.send_due().await;
        desk.catch_up().await;
        // An error from here on makes the runtime repeat the alarm, so work is never left
        // without a timer.
        let now = clock::now_ms();
        if now.saturating_sub(desk.forgot_at.get()) >= desk.plan.forget_every_ms() {
            desk.forgot_at.set(now);
            desk.forget_old(now).await;
        }
        // What became due meanwhile is sent as well; what is due and is not, by then, is on its
        // way or waits for what is.
        let now = clock::now_ms();
        desk.send_due().await;
        if let Some(at) = desk.rows.next_due(now, &desk.plan).map_err(failed)? {
            desk.alarm.wake_by(&desk.state, at).await?;
        }
        telemetry::flush_soon(&desk.env, &desk.state);
        Response::empty()
    }
}

impl Desk {
    /// Runs work apart from the request that asked for it.
    fn background(&self, work: impl Future<Output = ()> + 'static) {
        self.state.wait_until(work);
    }

    /// The alarm goes off at that time or earlier, in the same commit as what was just
    /// written.
    async fn wake_by(&self, at_ms: i64) -> std::result::Result<(), Problem> {
        self.alarm
            .wake_by(&self.state, at_ms)
            .await
            .map_err(http::internal)
    }

    /// Work that no request stands behind.
    fn scope(&self) -> Scope {
        Scope::default().within(&self.state)
    }
}
