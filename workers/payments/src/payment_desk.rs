//! The payment desk: payments by card of many orders, and what is to be done for each.
//!
//! What must hold: what a payment has come to is written before anything is asked for that
//! follows from it; one order's payment is worked on by one at a time, and whoever comes
//! meanwhile waits for its end; what a crash or a silent provider leaves is found by the one
//! alarm, which is never later than the earliest payment that has something to do (A6). Safe
//! to repeat, all of it: see `domain::payment`.

mod routes;
mod rows;
mod work;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use contract::payment::{AtPaymentDesk, ProviderEvent, ProviderSaid, SayDue};
use contract::{Empty, Problem};
use domain::payment::{Event, Payment, Told};
use edge::alarm::Alarm;
use edge::call::{is_command, receive, reply};
use edge::{Incoming, Outcome, Scope, clock, faults, http, telemetry};
use futures::channel::oneshot;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use rows::{PaymentRow, Rows};
use work::Part;

const FORGET_EVERY_MS: i64 = 60 * 60 * 1000;

/// How working on a payment ended, for those who wait for it.
type Ending = std::result::Result<(), Problem>;
/// Who waits for the end of the work on a part of an order's payment.
type Running = BTreeMap<(String, Part), Vec<oneshot::Sender<Ending>>>;

#[durable_object]
pub struct PaymentDesk {
    desk: Rc<Desk>,
}

struct Desk {
    state: State,
    env: Env,
    rows: Rows,
    alarm: Alarm,
    /// Orders whose payment is being worked on, and who waits for that.
    running: RefCell<Running>,
    forgot_at: Cell<i64>,
}

impl DurableObject for PaymentDesk {
    fn new(state: State, env: Env) -> Self {
        telemetry::configure(&env);
        let desk = Desk {
            rows: Rows::open(state.storage().sql()),
            alarm: Alarm::of(&state),
            running: RefCell::default(),
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
        let response = if is_command(&request) {
            match receive(&mut request).await {
                Ok((scope, command)) => desk.obey(scope.within(&desk.state), command).await,
                Err(problem) => reply::<Empty>(Err(problem)),
            }
        } else {
            http::finish(desk.serve(&mut request).await)
        };
        telemetry::flush_soon(&desk.env, &desk.state);
        response
    }

    /// Takes up what is due. Safe to run at any time and twice: what is to be done follows
    /// from what is written.
    async fn alarm(&self) -> Result<Response> {
        let desk = &self.desk;
        desk.alarm.went_off();
        let now = clock::now_ms();
        let failed = |problem: Problem| worker::Error::RustError(problem.detail);
        let due = desk.rows.due(now).map_err(failed)?;
        let work = due.iter().flat_map(|order_id| {
            [Part::Provider, Part::Order].map(|part| desk.work_on(no_scope(), order_id, part))
        });
        // What failed is written with the time of its next try.
        drop(futures::future::join_all(work).await);
        if now.saturating_sub(desk.forgot_at.get()) >= FORGET_EVERY_MS {
            desk.forgot_at.set(now);
            desk.rows.forget_old(now).map_err(failed)?;
        }
        if let Some(at) = desk.rows.next_due().map_err(failed)? {
            // What is overdue could not be done just now.
            let soon = now.saturating_add(1000);
            desk.wake_by(at.max(soon)).await?;
        }
        telemetry::flush_soon(&desk.env, &desk.state);
        Response::empty()
    }
}

impl Desk {
    async fn obey(self: &Rc<Self>, scope: Scope, command: AtPaymentDesk) -> Result<Response> {
        match command {
            AtPaymentDesk::Due(due) => reply(self.due(scope, due).await),
            AtPaymentDesk::Said(said) => reply(self.said(scope, said).await),
            AtPaymentDesk::Export(export) => reply(self.rows.export(&export.after)),
        }
    }

    async fn serve(self: &Rc<Self>, request: &mut Request) -> Outcome {
        let mut incoming = Incoming::passed_on(request).await?;
        incoming.scope = incoming.scope.within(&self.state);
        routes::serve(self, &incoming).await
    }

    /// So much is due from now on. What follows from it is done after the answer. An order
    /// that nobody wanted to pay leaves a payment of which nothing is due, so that a
    /// question for it that comes late finds that.
    async fn due(self: &Rc<Self>, scope: Scope, due: SayDue) -> std::result::Result<Told, Problem> {
        faults::before(&scope, "payment.due.row")?;
        let mut row = self.rows.payment(&due.order_id)?.unwrap_or_else(|| {
            let payment = Payment::new(due.minor, 0, &due.currency);
            PaymentRow::new(&due.order_id, payment)
        });
        let (minor, version) = (due.minor, due.version);
        self.happened(&mut row, vec![Event::Due { minor, version }])
            .await?;
        faults::written(&self.state, &scope, "payment.due.row").await?;
        self.work_soon(&due.order_id, Part::Provider);
        Ok(row.payment.told())
    }

    /// The event and what it changes are one stretch. Whoever delivers it is answered when
    /// that is durable.
    async fn said(
        self: &Rc<Self>,
        scope: Scope,
        said: ProviderSaid,
    ) -> std::result::Result<bool, Problem> {
        let Some(mut row) = self.rows.payment(&said.order_id)? else {
            return Ok(false);
        };
        faults::before(&scope, "payment.event")?;
        let now = clock::now_ms();
        if !self.rows.note_event(&said.order_id, &said.event_id, now)? {
            // It counted, and may have been followed by a crash.
            self.both_soon(&said.order_id);
            return Ok(false);
        }
        let event = match said.event {
            ProviderEvent::Succeeded { intent, minor } => Event::Succeeded { id: intent, minor },
            ProviderEvent::Declined { intent } => Event::Declined { id: intent },
            ProviderEvent::Died { intent } => Event::Died { id: intent },
        };
        self.happened(&mut row, vec![event]).await?;
        faults::written(&self.state, &scope, "payment.event").await?;
        self.both_soon(&said.order_id);
        Ok(true)
    }

    /// Applies what happened, and writes what came of it with the time at which somebody
    /// looks at it again, should nobody work on it until then.
    async fn happened(
        &self,
        row: &mut PaymentRow,
        events: Vec<Event>,
    ) -> std::result::Result<(), Problem> {
        let mut changed = false;
        for event in events {
            changed |= row.payment.apply(event);
        }
        if changed || !row.is_written {
            let now = clock::now_ms();
            row.attempts = 0;
            row.due_ms = (!row.payment.is_at_rest()).then(|| now.saturating_add(LOOK_AGAIN_MS));
            self.rows.save(row, now)?;
            if let Some(at) = row.due_ms {
                // One commit with the row: nothing was awaited between them.
                self.wake_by(at).await.map_err(http::internal)?;
            }
        }
        Ok(())
    }

    fn both_soon(self: &Rc<Self>, order_id: &str) {
        self.work_soon(order_id, Part::Provider);
        self.work_soon(order_id, Part::Order);
    }

    fn work_soon(self: &Rc<Self>, order_id: &str, part: Part) {
        let (desk, order_id) = (Rc::clone(self), order_id.to_owned());
        self.state.wait_until(async move {
            // What failed is written with the time of its next try.
            drop(desk.work_on(no_scope(), &order_id, part).await);
            telemetry::flush_soon(&desk.env, &desk.state);
        });
    }

    /// The alarm goes off at that time or earlier.
    async fn wake_by(&self, at_ms: i64) -> Result<()> {
        self.alarm.wake_by(&self.state, at_ms).await
    }
}

/// When a payment is looked at again that nobody worked on: a crash was between.
const LOOK_AGAIN_MS: i64 = 3_000;

/// Work that no request stands behind.
fn no_scope() -> Scope {
    Scope::default()
}
