//! The desk of a cell: the errands of all that is collected there, and the drivers about.
//!
//! What must hold: an errand's state is written before anything that follows from it is done;
//! what a crash left is found by the one alarm, never later than the earliest errand's own
//! timer (A6). Drivers and their positions are an index in memory ([`domain::fleet`]), written
//! down now and then as a whole: to choose by it is a guess, and whether a driver has room is
//! always the driver's own desk to say, so an index that is behind costs a question and
//! nothing more.

mod about;
mod errands;
mod matching;
mod performing;
mod rows;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use contract::dispatch::{AtCell, CellStats};
use contract::{Empty, Problem};
use domain::dispatch::window;
use domain::errand::Command;
use domain::fleet::Fleet;
use edge::alarm::Alarm;
use edge::call::{receive, reply};
use edge::{Scope, clock, telemetry};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use rows::Rows;

use crate::settings::Settings;

#[durable_object]
pub struct CellDesk {
    desk: Rc<Desk>,
}

struct Desk {
    state: State,
    env: Env,
    rows: Rows,
    alarm: Alarm,
    settings: Settings,
    fleet: RefCell<Fleet>,
    /// When those who wait for an order were told last that it comes, by order.
    told_eta: RefCell<BTreeMap<String, i64>>,
    /// What was said last of how it stands here, and when.
    said: RefCell<Option<(CellStats, i64)>>,
    /// The cell's name, once something has happened in it.
    name: RefCell<Option<String>>,
    /// What the last plan leaves to the next one.
    memory: RefCell<window::Memory>,
    /// Somebody is choosing drivers; whoever comes meanwhile asks for another look.
    matching: Cell<bool>,
    look_again: Cell<bool>,
}

impl DurableObject for CellDesk {
    fn new(state: State, env: Env) -> Self {
        telemetry::configure(&env);
        let rows = Rows::open(state.storage().sql());
        let desk = Desk {
            fleet: RefCell::new(Fleet::of(rows.fleet().unwrap_or_default())),
            told_eta: RefCell::default(),
            said: RefCell::default(),
            name: RefCell::default(),
            memory: RefCell::default(),
            rows,
            alarm: Alarm::of(&state),
            settings: Settings::of(&env),
            matching: Cell::new(false),
            look_again: Cell::new(false),
            state,
            env,
        };
        Self {
            desk: Rc::new(desk),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let desk = &self.desk;
        let response = match receive(&mut request).await {
            Ok((scope, command)) => desk.obey(scope.within(&desk.state), command).await,
            Err(problem) => reply::<Empty>(Err(problem)),
        };
        telemetry::flush_soon(&desk.env, &desk.state);
        response
    }

    /// Takes up what is due and what a crash left. Safe to run at any time and twice.
    async fn alarm(&self) -> Result<Response> {
        let desk = &self.desk;
        desk.alarm.went_off();
        let now = clock::now_ms();
        let failed = |problem: Problem| worker::Error::RustError(problem.detail);
        let scope = Scope::default();
        desk.fleet.borrow_mut().drop_gone(now);
        for order_id in desk.rows.due(now).map_err(failed)? {
            let command = Command::Due;
            if let Err(problem) = desk.tell(&scope, &order_id, command).await {
                telemetry::error("errand_failed", &[("reason", &problem.detail)]);
            }
        }
        desk.match_drivers(&scope).await;
        desk.snapshot(now).map_err(failed)?;
        desk.say_how_it_stands(now).await;
        desk.rows.forget_old(now).map_err(failed)?;
        if let Some(at) = desk.next_due(now).map_err(failed)? {
            desk.wake_by(at.max(now.saturating_add(200))).await?;
        }
        telemetry::flush_soon(&desk.env, &desk.state);
        Response::empty()
    }
}

impl Desk {
    async fn obey(self: &Rc<Self>, scope: Scope, command: AtCell) -> Result<Response> {
        match command {
            AtCell::Wish(wish) => reply(self.wish(&scope, &wish.request).await),
            AtCell::Follow(follow) => reply(self.follow(&scope, &follow).await),
            AtCell::Accept(of) => {
                let command = Command::Accept { driver: of.driver };
                reply(self.tell(&scope, &of.order_id, command).await)
            }
            AtCell::Reject(of) => {
                let command = Command::Reject { driver: of.driver };
                let told = self.tell(&scope, &of.order_id, command).await;
                self.match_soon();
                reply(told)
            }
            AtCell::Collect(of) => {
                let command = Command::Collect { driver: of.driver };
                reply(self.tell(&scope, &of.order_id, command).await)
            }
            AtCell::Deliver(of) => {
                let command = Command::Deliver {
                    driver: of.driver,
                    proof: of.proof,
                };
                reply(self.tell(&scope, &of.order_id, command).await)
            }
            AtCell::Drop(of) => {
                let command = Command::Drop {
                    driver: of.driver,
                    claim: of.number,
                };
                let told = self.tell(&scope, &of.order_id, command).await;
                self.match_soon();
                reply(told)
            }
            AtCell::Force(of) => reply(self.force(&scope, &of.request, of.driver).await),
            AtCell::Lend(lend) => reply(Ok(self.lend(&lend))),
            AtCell::Show(_) => reply(Ok(self.show())),
            AtCell::Pings(pings) => reply(self.take_pings(&scope, pings.pings).await),
            AtCell::Leave(left) => {
                self.fleet.borrow_mut().remove(&left.driver);
                reply(Ok(Empty {}))
            }
            AtCell::Know(know) => {
                self.fleet.borrow_mut().know(know.facts);
                self.match_soon();
                reply(Ok(Empty {}))
            }
        }
    }

    async fn wake_by(&self, at_ms: i64) -> Result<()> {
        self.alarm.wake_by(&self.state, at_ms).await
    }

    /// The earliest that anybody waits for: an errand's timer, the next window while orders
    /// are open, and the next snapshot while drivers are about.
    fn next_due(&self, now: i64) -> std::result::Result<Option<i64>, Problem> {
        let errands = self.rows.next_due()?;
        let window = self
            .rows
            .has_open()?
            .then(|| now.saturating_add(self.settings.window_ms));
        let snapshot = !self.fleet.borrow().is_empty();
        let snapshot = snapshot.then(|| now.saturating_add(self.settings.snapshot_ms));
        Ok([errands, window, snapshot].into_iter().flatten().min())
    }

    fn snapshot(&self, now: i64) -> std::result::Result<(), Problem> {
        let mut fleet = self.fleet.borrow_mut();
        match fleet.snapshot(now, self.settings.snapshot_ms) {
            Some(drivers) => self.rows.save_fleet(drivers),
            None => Ok(()),
        }
    }
}
