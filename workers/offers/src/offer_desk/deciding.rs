//! A command is applied to the state of an order, written, and then acted upon.
//!
//! What must hold: a command is applied in one synchronous stretch, and its outcome is
//! written in one, together with the alarm; nothing is told and nothing is done outside
//! before that. Mostly the two are the same stretch; commands that come while another was
//! just written share the next write. What was
//! to be done stays in the written state until it is known to be done, so every command
//! may be repeated, and a crash forgets nothing.

use std::rc::Rc;

use contract::Problem;
use domain::assignment::{Assignment, Command, Effect, Refusal};
use edge::{clock, http, telemetry};
use futures::channel::oneshot;
use futures::future::{Either, select};

use super::Desk;
use super::book::{Change, Page};

/// When an order is looked at again that could not be decided.
const POSTPONED_MS: i64 = 30_000;
/// How long an answer waits for what it depends on: the first search, a vendor's place.
const WAIT_MS: i64 = 15_000;

/// What a command came to.
pub struct Decided {
    pub refused: Option<Refusal>,
    pub effects: Vec<Effect>,
    /// It has to be written before it is told or done.
    pub is_ahead: bool,
}

impl Desk {
    /// Decides, writes, and does what follows. Commands that come while others do share
    /// their write.
    pub(super) async fn assign(
        self: &Rc<Self>,
        order_id: &str,
        change: Change<'_>,
    ) -> Result<Option<Refusal>, Problem> {
        let decided = self.book.change(&self.rows, order_id, change)?;
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
            self.wake_by(at_ms).await.map_err(http::internal)?;
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

    pub(super) async fn command(
        self: &Rc<Self>,
        order_id: &str,
        command: Command,
    ) -> Result<Option<Refusal>, Problem> {
        self.assign(order_id, Change::Command(command)).await
    }

    /// Looks at an order. Whoever tells of it waits for [`Desk::all_written`].
    pub(super) fn look<T>(
        &self,
        order_id: &str,
        look: impl FnOnce(&Assignment) -> T,
    ) -> Result<T, Problem> {
        let look = |page: &mut Page| look(&page.engine);
        self.book.with(&self.rows, order_id, look)
    }

    /// Waits until it is so, within a bound.
    pub(super) async fn until(
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
                let wait = self.book.with(&self.rows, order_id, |page| {
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
    let lost = |_| {
        Err(http::internal(worker::Error::RustError(
            "not written".into(),
        )))
    };
    written.unwrap_or_else(lost)
}
