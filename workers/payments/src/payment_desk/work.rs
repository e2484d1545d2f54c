//! Doing what payments ask for, until they rest.

use std::rc::Rc;

use contract::Problem;
use contract::order::{ORDER_DESK, TellMoney, desk_name};
use domain::ids::desk_of_uuid;
use domain::payment::{Effect, Event};
use domain::placement::backoff_ms;
use edge::call::{To, call};
use edge::{CallError, Scope, clock, http, telemetry};
use futures::channel::oneshot;

use super::rows::PaymentRow;
use super::{Desk, Ending};
use crate::provider::Provider;

/// The longest between two tries.
const RETRY_MAX_MS: i64 = 5 * 60 * 1000;
/// Rounds of effects that follow from each other, which are four at most.
const ROUNDS_MAX: u32 = 12;

/// The provider may take its time, and the order hears of its money all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Provider,
    Order,
}

impl Part {
    fn of(effect: &Effect) -> Self {
        match effect {
            Effect::Make { .. } | Effect::End { .. } | Effect::GiveBack { .. } => Self::Provider,
            Effect::Tell(_) => Self::Order,
        }
    }
}

impl Desk {
    /// Works on the payment, or waits for whoever does. An error says that something is
    /// left, which is tried again later.
    pub(super) async fn work_on(
        self: &Rc<Self>,
        scope: Scope,
        order_id: &str,
        part: Part,
    ) -> Ending {
        let (sender, receiver) = oneshot::channel();
        if self.has_joined(order_id, part, sender) {
            return self.joined(receiver).await;
        }
        let (desk, order_id) = (Rc::clone(self), order_id.to_owned());
        // Apart from the request, so that whoever goes away changes nothing.
        self.state.wait_until(async move {
            let ending = desk.work(&scope, &order_id, part).await;
            let waiting = desk.running.borrow_mut().remove(&(order_id.clone(), part));
            // What is left of the other part is known to whoever works on that.
            if part == Part::Provider && ending.is_ok() {
                desk.work_soon(&order_id, Part::Order);
            }
            for sender in waiting.unwrap_or_default() {
                // A caller that has gone away will ask again.
                let _ = sender.send(ending.clone());
            }
        });
        self.joined(receiver).await
    }

    /// True when somebody is at it already.
    fn has_joined(&self, order_id: &str, part: Part, sender: oneshot::Sender<Ending>) -> bool {
        let mut running = self.running.borrow_mut();
        let key = (order_id.to_owned(), part);
        let is_running = running.contains_key(&key);
        running.entry(key).or_default().push(sender);
        is_running
    }

    async fn joined(&self, receiver: oneshot::Receiver<Ending>) -> Ending {
        let lost = |_| {
            Err(http::internal(worker::Error::RustError(
                "not worked on".into(),
            )))
        };
        receiver.await.unwrap_or_else(lost)
    }

    async fn work(self: &Rc<Self>, scope: &Scope, order_id: &str, part: Part) -> Ending {
        for _ in 0..ROUNDS_MAX {
            let Some(row) = self.rows.payment(order_id)? else {
                return Ok(());
            };
            let mut effects = row.payment.effects();
            effects.retain(|effect| Part::of(effect) == part);
            if effects.is_empty() {
                return Ok(());
            }
            let mut failed = None;
            for effect in &effects {
                match self.perform(scope, &row, effect).await {
                    Ok(event) => {
                        // It may have changed while somebody else was asked.
                        if let Some(mut row) = self.rows.payment(order_id)? {
                            self.happened(&mut row, vec![event]).await?;
                        }
                    }
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(error) = failed {
                return Err(self.later(order_id, error).await?);
            }
        }
        Ok(())
    }

    async fn perform(
        &self,
        scope: &Scope,
        row: &PaymentRow,
        effect: &Effect,
    ) -> Result<Event, CallError> {
        let order_id = row.order_id.as_str();
        let provider = || {
            Provider::of(&self.env, scope)
                .ok_or_else(|| CallError::Unknown("no provider is configured".into()))
        };
        match effect {
            Effect::Make { attempt, minor } => {
                let currency = &row.payment.currency;
                provider()?
                    .make(order_id, &row.number, *attempt, *minor, currency)
                    .await
            }
            Effect::End { id } => provider()?.end(order_id, id).await,
            Effect::GiveBack { id, refund } => provider()?.give_back(order_id, id, *refund).await,
            Effect::Tell(told) => {
                let name = desk_name(desk_of_uuid(order_id).unwrap_or_default());
                let tell = TellMoney {
                    order_id: order_id.to_owned(),
                    told: *told,
                };
                call(&self.env, scope, To::Object(ORDER_DESK, &name), tell).await?;
                let version = told.version;
                Ok(Event::Heard { version })
            }
        }
    }

    /// It is tried again, later and later.
    async fn later(&self, order_id: &str, error: CallError) -> Result<Problem, Problem> {
        let reason = match &error {
            CallError::Unknown(reason) => reason.clone(),
            CallError::Refused(problem) => problem.detail.clone(),
        };
        let fields = [("order_id", order_id), ("reason", reason.as_str())];
        telemetry::error("payment_step_failed", &fields);
        if let Some(mut row) = self.rows.payment(order_id)? {
            let now = clock::now_ms();
            row.attempts = row.attempts.saturating_add(1);
            let wait = match row.attempts {
                few @ 0..=8 => backoff_ms(few),
                _ => RETRY_MAX_MS,
            };
            let at = now.saturating_add(wait);
            row.due_ms = Some(at);
            self.rows.save(&row, now)?;
            self.wake_by(at).await.map_err(http::internal)?;
        }
        Ok(error.into_problem("payment.provider"))
    }
}
