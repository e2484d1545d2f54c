//! The driver desk: the shifts of many drivers, of which it is the only writer (A4).
//!
//! What must hold: a claim is granted, moved on and closed in one stretch without an await
//! and written before anybody hears of it; the same question gets the same answer; a driver
//! who goes off has asked for every order that is not collected to go elsewhere, and asks
//! again until that has happened (A6). One of whom no cell has heard for too long has gone
//! off. The rules are in [`domain::shift`]. What a driver does with an order is the errand's
//! to decide, so it is passed on to its cell.

mod routes;
mod rows;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use contract::dispatch::{
    AtDriverDesk, CELL_DESK, Carried, CloseClaim, DriverFacts, DriverLeft, DropErrand, KnowDriver,
    NoteClaim, TakeRoom, Taken, cell_desk_name,
};
use contract::events::driver_released;
use contract::{Empty, Problem};
use domain::errand::{Granted, Why};
use domain::shift::{Effect, Progress};
use domain::time::{from_rfc3339, rfc3339};
use edge::alarm::Alarm;
use edge::call::{To, call, is_command, receive, reply};
use edge::{Incoming, Outcome, Scope, announce, clock, config, faults, http, json, telemetry};
use futures::future::join_all;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use rows::{DriverRow, Rows};

#[durable_object]
pub struct DriverDesk {
    desk: Rc<Desk>,
}

pub(crate) struct Desk {
    state: State,
    env: Env,
    rows: Rows,
    alarm: Alarm,
    /// When a cell asked last for each driver, since it had heard of that one.
    seen: RefCell<BTreeMap<String, i64>>,
    silent_ms: i64,
}

impl DurableObject for DriverDesk {
    fn new(state: State, env: Env) -> Self {
        telemetry::configure(&env);
        let desk = Desk {
            rows: Rows::open(state.storage().sql()),
            alarm: Alarm::of(&state),
            seen: RefCell::default(),
            silent_ms: config::number(&env, "DRIVER_SILENT_SECONDS", 180_i64).saturating_mul(1000),
            state,
            env,
        };
        Self {
            desk: Rc::new(desk),
        }
    }

    /// What drivers ask comes here as the gateway got it; what is left are commands.
    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let desk = &self.desk;
        let response = if is_command(&request) {
            match receive(&mut request).await {
                Ok((scope, command)) => desk.obey(&scope.within(&desk.state), command).await,
                Err(problem) => reply::<Empty>(Err(problem)),
            }
        } else {
            http::finish(desk.serve(&mut request).await)
        };
        telemetry::flush_soon(&desk.env, &desk.state);
        response
    }

    /// Asks again for what is to go elsewhere. Safe to run at any time and twice.
    async fn alarm(&self) -> Result<Response> {
        let desk = &self.desk;
        desk.alarm.went_off();
        let now = clock::now_ms();
        let failed = |problem: Problem| worker::Error::RustError(problem.detail);
        for driver_id in desk.rows.due(now).map_err(failed)? {
            if let Some(mut row) = desk.rows.driver(&driver_id).map_err(failed)? {
                let effects = row.shift.due(now);
                desk.rows.save(&mut row, now).map_err(failed)?;
                desk.perform(&Scope::default(), &driver_id, effects).await;
            }
        }
        desk.turn_off_the_silent(now).await.map_err(failed)?;
        desk.rows.forget_old(now).map_err(failed)?;
        if let Some(at) = desk.rows.next_due(desk.silent_ms).map_err(failed)? {
            let soon = now.saturating_add(1000);
            desk.wake_by(at.max(soon)).await?;
        }
        telemetry::flush_soon(&desk.env, &desk.state);
        Response::empty()
    }
}

impl Desk {
    async fn obey(self: &Rc<Self>, scope: &Scope, command: AtDriverDesk) -> Result<Response> {
        match command {
            AtDriverDesk::Take(take) => reply(self.take(scope, &take).await),
            AtDriverDesk::Note(note) => reply(self.note(scope, &note).await),
            AtDriverDesk::GiveBack(close) => reply(self.give_back(scope, &close).await),
            AtDriverDesk::Facts(of) => reply(self.facts_for(&of.driver, &of.cell)),
            AtDriverDesk::Say(says) => reply(routes::say(self, scope, says).await),
        }
    }

    async fn serve(self: &Rc<Self>, request: &mut Request) -> Outcome {
        let mut incoming = Incoming::passed_on(request).await?;
        incoming.scope = incoming.scope.within(&self.state);
        routes::serve(self, &incoming).await
    }

    /// Room for an order, or that there is none.
    async fn take(
        self: &Rc<Self>,
        scope: &Scope,
        take: &TakeRoom,
    ) -> std::result::Result<Taken, Problem> {
        faults::before(scope, "driver.claim")?;
        let now = clock::now_ms();
        let known = self.rows.driver(&take.driver)?;
        // Whom an admin has chosen is in the directory, and need never have come.
        let forced = || self.rows.driver_or_new(&take.driver, now);
        let Some(mut row) = known.map_or_else(
            || take.ask.forced.then(forced).transpose(),
            |row| Ok(Some(row)),
        )?
        else {
            return Ok(Taken {
                granted: Granted::Away,
                facts: None,
            });
        };
        let before = row.shift.claims.get(&take.ask.order_id).cloned();
        let granted = row.shift.take(&take.ask, now);
        if row.shift.claims.get(&take.ask.order_id) != before.as_ref() {
            if granted == Granted::Yes {
                self.rows
                    .put_order(&take.driver, &take.ask.cell, &take.order)?;
            } else {
                let order_id = &take.ask.order_id;
                self.rows
                    .close_order(&take.driver, order_id, Why::Replaced, now)?;
            }
            self.rows.save(&mut row, now)?;
            faults::written(&self.state, scope, "driver.claim").await?;
        }
        telemetry::count("driver_claims", &[("outcome", name_of(granted))], 1);
        // Where another cell has the driver in its index.
        if row.cell.as_ref() != Some(&take.ask.cell) {
            self.tell_cell_soon(&row);
        }
        let facts = Some(self.facts_of(&row)?);
        Ok(Taken { granted, facts })
    }

    async fn note(
        self: &Rc<Self>,
        scope: &Scope,
        note: &NoteClaim,
    ) -> std::result::Result<Empty, Problem> {
        faults::before(scope, "driver.note")?;
        let now = clock::now_ms();
        let progress = if note.is_collected {
            Progress::Collected
        } else {
            Progress::Held
        };
        if let Some(mut row) = self.rows.driver(&note.driver)?
            && row.shift.note(&note.order_id, note.number, progress, now)
        {
            self.rows.save(&mut row, now)?;
            faults::written(&self.state, scope, "driver.note").await?;
            self.tell_cell_soon(&row);
        }
        Ok(Empty {})
    }

    async fn give_back(
        self: &Rc<Self>,
        scope: &Scope,
        close: &CloseClaim,
    ) -> std::result::Result<Empty, Problem> {
        faults::before(scope, "driver.close")?;
        let now = clock::now_ms();
        // Also of a driver who is not known: the question may still be on its way.
        let mut row = self.rows.driver_or_new(&close.driver, now)?;
        let closed = row.shift.give_back(&close.order_id, close.number, now);
        if closed.is_some() {
            self.rows
                .close_order(&close.driver, &close.order_id, close.why, now)?;
        }
        self.rows.save(&mut row, now)?;
        faults::written(&self.state, scope, "driver.close").await?;
        if closed.is_some() && close.why != Why::Delivered {
            telemetry::count("driver_claims", &[("outcome", "given_back")], 1);
            self.tell_driver_soon(close, now);
        }
        self.tell_cell_soon(&row);
        Ok(Empty {})
    }

    /// A cell has heard of the driver, who is thereby seen.
    fn facts_for(
        self: &Rc<Self>,
        driver: &str,
        cell: &str,
    ) -> std::result::Result<Option<DriverFacts>, Problem> {
        let Some(mut row) = self.rows.driver(driver)? else {
            return Ok(None);
        };
        let now = clock::now_ms();
        self.seen.borrow_mut().insert(driver.to_owned(), now);
        if row.is_doubted || row.cell.as_deref() != Some(cell) {
            let before = row.cell.replace(cell.to_owned());
            (row.is_doubted, row.seen_ms) = (false, now);
            self.rows.save(&mut row, now)?;
            if let Some(before) = before.filter(|before| before != cell) {
                self.leave_cell_soon(driver, before);
            }
        }
        self.facts_of(&row).map(Some)
    }

    fn facts_of(&self, row: &DriverRow) -> std::result::Result<DriverFacts, Problem> {
        let mut carries = Vec::new();
        for (order_id, claim) in &row.shift.claims {
            if claim.progress == Progress::Offered {
                continue;
            }
            if let Some(order) = self.rows.order(&row.driver_id, order_id)? {
                let is_held = claim.progress == Progress::Held;
                carries.push(Carried {
                    order_id: order_id.clone(),
                    pickup: Some(order.pickup).filter(|_| is_held),
                    ready_ms: from_rfc3339(&order.ready_at).unwrap_or_default(),
                    dropoff: order.dropoff,
                });
            }
        }
        Ok(DriverFacts {
            driver_id: row.driver_id.clone(),
            is_on: row.shift.is_on,
            ends_ms: row.shift.ends_ms,
            capacity: row.shift.capacity,
            room: row.shift.room(),
            carries,
            version: row.version,
        })
    }

    /// The driver has said something, and so is there.
    fn heard_of(&self, driver: &str) {
        let now = clock::now_ms();
        if let Some(seen) = self.seen.borrow_mut().get_mut(driver) {
            *seen = now;
        }
    }

    /// Comes or goes, durably, and asks for what is to go elsewhere.
    async fn turn(
        self: &Rc<Self>,
        scope: &Scope,
        row: &mut DriverRow,
        is_on: bool,
        ends_ms: Option<i64>,
    ) -> std::result::Result<(), Problem> {
        let now = clock::now_ms();
        let effects = row.shift.turn(is_on, ends_ms, now);
        self.rows.save(row, now)?;
        let silent = now.saturating_add(self.silent_ms);
        let at = row.shift.wake_at().map_or(silent, |at| at.min(silent));
        self.wake_by(at).await.map_err(http::internal)?;
        faults::written(&self.state, scope, "driver.shift").await?;
        self.tell_cell_soon(row);
        self.perform(scope, &row.driver_id, effects).await;
        Ok(())
    }

    /// Drivers of whom nobody has heard for too long go off. A desk that has just woken may
    /// have forgotten who was seen, so each has a second chance, which is written down.
    async fn turn_off_the_silent(self: &Rc<Self>, now: i64) -> std::result::Result<(), Problem> {
        for driver_id in self.rows.silent_since(now.saturating_sub(self.silent_ms))? {
            let Some(mut row) = self.rows.driver(&driver_id)? else {
                continue;
            };
            let seen = self.seen.borrow().get(&driver_id).copied();
            let is_silent = |seen: i64| now.saturating_sub(seen) >= self.silent_ms;
            match seen {
                Some(seen) if !is_silent(seen) => {
                    (row.seen_ms, row.is_doubted) = (seen, false);
                    self.rows.save(&mut row, now)?;
                }
                None if !row.is_doubted => {
                    (row.seen_ms, row.is_doubted) = (now, true);
                    self.rows.save(&mut row, now)?;
                }
                _ => {
                    telemetry::count("drivers_silent", &[], 1);
                    self.turn(&Scope::default(), &mut row, false, None).await?;
                }
            }
        }
        Ok(())
    }

    /// The cell that the driver is in hears what has changed. It asks by itself now and
    /// then, so nothing hangs on this.
    fn tell_cell_soon(self: &Rc<Self>, row: &DriverRow) {
        let Some(cell) = row.cell.clone() else {
            return;
        };
        let Ok(facts) = self.facts_of(row) else {
            return;
        };
        let desk = Rc::clone(self);
        self.state.wait_until(async move {
            let name = cell_desk_name(&cell);
            let know = KnowDriver { facts };
            let to = To::Object(CELL_DESK, &name);
            drop(call(&desk.env, &Scope::default(), to, know).await);
        });
    }

    /// The cell that the driver was in need not wait until that one has been silent for long.
    fn leave_cell_soon(self: &Rc<Self>, driver: &str, cell: String) {
        let (desk, driver) = (Rc::clone(self), driver.to_owned());
        self.state.wait_until(async move {
            let name = cell_desk_name(&cell);
            let to = To::Object(CELL_DESK, &name);
            drop(call(&desk.env, &Scope::default(), to, DriverLeft { driver }).await);
        });
    }

    /// The driver's device hears that an order is gone. What it shows besides is what its
    /// desk has, so nothing hangs on this either.
    fn tell_driver_soon(self: &Rc<Self>, close: &CloseClaim, now: i64) {
        let (driver, order_id) = (&close.driver, &close.order_id);
        let why = json::text(&close.why);
        let why = why.trim_matches('"');
        let event = driver_released(driver, order_id, close.number, why, rfc3339(now));
        let desk = Rc::clone(self);
        self.state.wait_until(async move {
            drop(announce::publish(&desk.env, vec![Rc::new(event)]).await);
        });
    }

    /// Asks the errands to look for somebody else. Done when the claims are closed here.
    async fn perform(&self, scope: &Scope, driver: &str, effects: Vec<Effect>) {
        let asked = effects.into_iter().map(|effect| async move {
            let Effect::Drop {
                order_id,
                cell,
                number,
            } = effect;
            let drop_it = DropErrand {
                order_id,
                driver: driver.to_owned(),
                number,
            };
            let name = cell_desk_name(&cell);
            call(&self.env, scope, To::Object(CELL_DESK, &name), drop_it).await
        });
        for asked in join_all(asked).await {
            if let Err(error) = asked {
                let reason = format!("{error:?}");
                telemetry::error("drop_not_heard", &[("reason", &reason)]);
            }
        }
    }

    async fn wake_by(&self, at_ms: i64) -> Result<()> {
        self.alarm.wake_by(&self.state, at_ms).await
    }
}

fn name_of(granted: Granted) -> &'static str {
    match granted {
        Granted::Yes => "granted",
        Granted::Full => "full",
        Granted::Away => "away",
    }
}
