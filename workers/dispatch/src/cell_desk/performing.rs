//! Doing what errands ask for, each effect as often as it takes. What is done is told to the
//! errand, and what follows from that is done too; what fails stays in the errand's outbox,
//! and the alarm tries it again.

use std::collections::VecDeque;
use std::rc::Rc;

use contract::dispatch::{
    CloseClaim, DRIVER_DESK, DriverOrder, ErrandHeard, NoteClaim, RESPONSES, TakeRoom,
    driver_desk_name,
};
use contract::order::{HearErrand, ORDER_DESK, desk_name};
use domain::errand::{Command, Effect, Granted, Report, Stage, State};
use domain::ids::{desk_of_uuid, shard_of};
use domain::shift::{Ask, Progress};
use domain::time::rfc3339;
use edge::call::{To, call};
use edge::{Scope, clock, json, queue, telemetry};

use super::Desk;
use crate::messages;

/// A report that is older was told before.
const NEW_MS: i64 = 1_000;
/// Effects that follow from each other, at most.
const STEPS_MAX: usize = 32;

impl Desk {
    pub(super) async fn perform(
        self: &Rc<Self>,
        scope: &Scope,
        order_id: &str,
        effects: Vec<Effect>,
    ) {
        let mut left = VecDeque::from(effects);
        for _ in 0..STEPS_MAX {
            let Some(effect) = left.pop_front() else {
                return;
            };
            let Some(done) = self.do_one(scope, order_id, &effect).await else {
                continue;
            };
            match self.write(scope, order_id, done, None).await {
                Ok(told) => left.extend(told.unwrap_or_default()),
                Err(problem) => {
                    telemetry::error("errand_not_written", &[("reason", &problem.detail)]);
                    return;
                }
            }
        }
    }

    /// What the errand hears of it. Nothing where it is not known to be done.
    async fn do_one(
        self: &Rc<Self>,
        scope: &Scope,
        order_id: &str,
        effect: &Effect,
    ) -> Option<Command> {
        match effect {
            Effect::Take {
                driver,
                claim,
                forced,
                offered,
            } => {
                let (cell, order) = self.order_for_driver(order_id)?;
                let take = TakeRoom {
                    driver: driver.clone(),
                    ask: Ask {
                        order_id: order_id.to_owned(),
                        number: *claim,
                        cell,
                        forced: *forced,
                        offered: *offered,
                    },
                    order: Box::new(order),
                };
                let name = self.desk_of(driver);
                let taken = call(&self.env, scope, To::Object(DRIVER_DESK, &name), take).await;
                let taken = taken.ok()?;
                if let Some(facts) = taken.facts {
                    self.fleet.borrow_mut().know(facts);
                }
                if taken.granted == Granted::Yes && !offered {
                    let now = clock::now_ms();
                    self.fleet.borrow_mut().offered(driver, now);
                }
                Some(Command::Took {
                    claim: *claim,
                    granted: taken.granted,
                })
            }
            Effect::Note {
                driver,
                claim,
                is_collected,
            } => {
                let note = NoteClaim {
                    driver: driver.clone(),
                    order_id: order_id.to_owned(),
                    number: *claim,
                    is_collected: *is_collected,
                };
                let name = self.desk_of(driver);
                let noted = call(&self.env, scope, To::Object(DRIVER_DESK, &name), note).await;
                noted.ok().map(|_| Command::Noted {
                    claim: *claim,
                    is_collected: *is_collected,
                })
            }
            Effect::GiveBack { driver, claim, why } => {
                let close = CloseClaim {
                    driver: driver.clone(),
                    order_id: order_id.to_owned(),
                    number: *claim,
                    why: *why,
                };
                let name = self.desk_of(driver);
                let closed = call(&self.env, scope, To::Object(DRIVER_DESK, &name), close).await;
                closed.ok().map(|_| Command::Closed { claim: *claim })
            }
            Effect::Offer {
                driver,
                claim,
                until_ms,
            } => {
                let (_, order) = self.order_for_driver(order_id)?;
                let sent = messages::offer(&self.env, driver, &order, *claim, *until_ms).await;
                self.fleet.borrow_mut().offered(driver, clock::now_ms());
                sent.ok().map(|()| Command::Sent { claim: *claim })
            }
            Effect::Tell(report) => self.report(scope, order_id, report).await,
        }
    }

    /// Assignments and failures go over the queue, as the documents have it. That they were
    /// sent says nothing of what arrives, so what is not new any more goes to the order's desk,
    /// which knows it by then or learns it.
    async fn report(
        self: &Rc<Self>,
        scope: &Scope,
        order_id: &str,
        report: &Report,
    ) -> Option<Command> {
        let heard = Command::Heard {
            attempt: report.attempt,
            version: report.version,
        };
        let is_new = clock::now_ms().saturating_sub(report.at_ms) < NEW_MS;
        if is_new && matches!(report.state, State::Assigned | State::Failed) {
            let (_, request) = self.rows.errand(order_id).ok()??;
            let response = messages::response(order_id, request.as_ref(), report);
            if let Err(error) =
                queue::send(&self.env, scope, RESPONSES, &json::text(&response)).await
            {
                let reason = format!("{error:?}");
                telemetry::error("response_not_sent", &[("reason", &reason)]);
            }
            return None;
        }
        let command = HearErrand {
            order_id: order_id.to_owned(),
            report: report.clone().into(),
        };
        let name = desk_name(desk_of_uuid(order_id).unwrap_or_default());
        let to = To::Object(ORDER_DESK, &name);
        match call(&self.env, scope, to, command).await.ok()? {
            ErrandHeard::Yes => Some(heard),
            ErrandHeard::Over => Some(Command::Follow {
                attempt: report.attempt,
                stage: Stage::Cancelled,
            }),
        }
    }

    /// What the driver gets to know, and the cell that leads it, which is this one.
    fn order_for_driver(&self, order_id: &str) -> Option<(String, DriverOrder)> {
        let (errand, request) = self.rows.errand(order_id).ok()??;
        let (wish, request) = (errand.wish?, request?);
        let cell = self.name_at(wish.pickup)?;
        let order = DriverOrder {
            order_id: order_id.to_owned(),
            order_number: request.order_number.unwrap_or_default(),
            progress: Progress::Offered,
            pickup: wish.pickup,
            dropoff: wish.dropoff,
            site: wish.site,
            ready_at: rfc3339(wish.ready_ms),
            items: request.items,
            total_minor: request.total_minor,
            currency: request.currency,
            special_instructions: request.special_instructions,
            expires_at: self
                .settings
                .errand
                .offer_ms
                .map(|offer_ms| rfc3339(clock::now_ms().saturating_add(offer_ms))),
        };
        Some((cell, order))
    }

    pub(super) fn desk_of(&self, driver: &str) -> String {
        driver_desk_name(shard_of(driver, self.settings.driver_desks))
    }
}
