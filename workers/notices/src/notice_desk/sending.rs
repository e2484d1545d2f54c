//! Sending what is due, and writing what became of it.
//!
//! Whatever is due and has room starts; whatever comes back makes room and is followed by
//! what waits. What is on its way is known in memory alone: after a crash it is due, as it
//! was, and goes out again under the same id. An outcome is written in one stretch with its
//! alarm, and an answer that comes when its sending was given up meanwhile still counts.

use std::collections::BTreeSet;
use std::rc::Rc;

use contract::Problem;
use domain::notices::delivery::{Effect, Event, Moment};
use domain::notices::lanes::Candidate;
use edge::{clock, faults, telemetry};

use super::Desk;
use super::kept::{MAIL, Sending};
use super::known::{Endpoint, find};
use super::wire::Came;

/// Rows that are looked at for one lane at a time.
const LOOK: i64 = 32;
/// Sendings that are given up in one stretch.
const GIVEN_UP: i64 = 200;
/// Requests that one event of an object may make are bounded by the platform. After so many
/// sendings the alarm goes on with the rest, as an event of its own.
const STARTS_MAX: u32 = 500;
/// What could not be written down is not sent again at once.
const AFTER_TROUBLE_MS: i64 = 1_000;

impl Desk {
    /// Starts what is due and has room. Safe at any time and twice: what is on its way is
    /// not started again.
    pub(super) async fn send_due(self: &Rc<Self>) {
        let mut outcome = self.start_due().await;
        if self.starts.get() >= STARTS_MAX {
            outcome = outcome.and(self.wake_by(clock::now_ms()).await);
        }
        if let Err(problem) = outcome {
            telemetry::warn("notices_not_sent", &[("reason", &problem.detail)]);
        }
    }

    /// A new event came, which may make requests of its own.
    pub(super) fn begin(&self) {
        self.starts.set(0);
    }

    async fn start_due(self: &Rc<Self>) -> Result<(), Problem> {
        let endpoints = self.known.endpoints(&self.env, &self.scope()).await?;
        // From here on there is no await.
        let mut lanes = self.rows.lanes()?;
        let first = self.turn.get().checked_rem(lanes.len()).unwrap_or_default();
        self.turn.set(first.saturating_add(1));
        lanes.rotate_left(first);
        for lane in lanes {
            let endpoint = find(&endpoints, &lane);
            let gone = match endpoint {
                Some(endpoint) if endpoint.active => None,
                Some(_) => Some("the endpoint is switched off"),
                None => (lane != MAIL).then_some("the endpoint was deleted"),
            };
            match gone {
                Some(why) => self.give_up(&lane, why)?,
                None => self.start_lane(&lane, endpoint)?,
            }
        }
        Ok(())
    }

    /// Starts as many of a lane as have room, in the order in which they are due.
    fn start_lane(self: &Rc<Self>, lane: &str, endpoint: Option<&Endpoint>) -> Result<(), Problem> {
        let now = clock::now_ms();
        let mut but: BTreeSet<String> = self.lanes.borrow().orders_under_way(lane);
        // An order of which many are due would hide the others from one look.
        loop {
            let is_spent = self.starts.get() >= STARTS_MAX;
            if is_spent || self.lanes.borrow().room(lane) == 0 {
                return Ok(());
            }
            let mut started = false;
            for sending in self.rows.due(lane, now, &but, LOOK)? {
                let candidate = Candidate {
                    id: sending.id.clone(),
                    lane: lane.to_owned(),
                    order: sending.order_id.clone(),
                    is_first: sending.attempts == 0 && !sending.order_id.is_empty(),
                };
                let is_first = candidate.is_first;
                if self.lanes.borrow_mut().start(candidate) {
                    started = true;
                    self.starts.set(self.starts.get().saturating_add(1));
                    if is_first {
                        but.insert(sending.order_id.clone());
                    }
                    let (desk, endpoint) = (Rc::clone(self), endpoint.cloned());
                    self.background(async move { desk.carry_out(sending, endpoint).await });
                }
            }
            if !started {
                return Ok(());
            }
        }
    }

    /// One try, from its start to what is written of it.
    async fn carry_out(self: Rc<Self>, sending: Sending, endpoint: Option<Endpoint>) {
        let started = clock::now_ms();
        let came = match &endpoint {
            Some(endpoint) => self.post(&sending, endpoint).await,
            None => self.write_to(&sending).await,
        };
        let went_well = came.went_well();
        if let Err(problem) = self.settle(&sending.id, came, started).await {
            telemetry::warn("notice_not_settled", &[("reason", &problem.detail)]);
            clock::pause(AFTER_TROUBLE_MS).await;
        }
        self.lanes.borrow_mut().end(&sending.id, went_well);
        self.send_due().await;
        telemetry::flush_soon(&self.env, &self.state);
    }

    /// Writes the outcome of a try. Safe to repeat as far as that a try counts twice then.
    async fn settle(self: &Rc<Self>, id: &str, came: Came, started: i64) -> Result<(), Problem> {
        let scope = self.scope();
        faults::before(&scope, "notices.settle")?;
        let Some(mut sending) = self.rows.sending(id)? else {
            // Forgotten meanwhile.
            return Ok(());
        };
        let now = clock::now_ms();
        let effect = sending.apply(came.event, self.moment(&sending, now));
        sending.note(started, came.attempt(started, now));
        self.rows.write(&mut sending)?;
        let by = match effect {
            Some(Effect::WakeAt(at)) => at.min(now.saturating_add(self.plan.recover_after_ms)),
            _ => now.saturating_add(self.plan.recover_after_ms),
        };
        self.wake_by(by).await?;
        if effect == Some(Effect::DiedWithEndpoint) {
            self.known.close(&sending.lane);
        }
        faults::written(&self.state, &scope, "notices.settle").await?;
        self.record_soon(&sending);
        tell(&sending, effect);
        Ok(())
    }

    pub(super) fn moment(&self, sending: &Sending, now_ms: i64) -> Moment<'_> {
        let [a, b, ..] = clock::random_bytes();
        let plan = &self.plan;
        Moment {
            now_ms,
            chance: u16::from_be_bytes([a, b]),
            schedule: if sending.is_mail() {
                &plan.mail_schedule
            } else {
                &plan.schedule
            },
        }
    }

    /// Gives up what waits for a receiver that is not there any more, some of it at a time.
    fn give_up(self: &Rc<Self>, lane: &str, why: &str) -> Result<(), Problem> {
        let waiting = self.rows.waiting_in(lane, GIVEN_UP)?;
        let is_more = i64::try_from(waiting.len()).is_ok_and(|count| count >= GIVEN_UP);
        let now = clock::now_ms();
        for mut sending in waiting {
            let effect = sending.apply(Event::EndpointGone, self.moment(&sending, now));
            sending.last_error = Some(why.to_owned());
            self.rows.write(&mut sending)?;
            self.record_soon(&sending);
            tell(&sending, effect);
        }
        if is_more {
            let desk = Rc::clone(self);
            self.background(async move { desk.send_due().await });
        }
        Ok(())
    }
}

/// The log names the sending and what became of it, never an address or a name.
fn tell(sending: &Sending, effect: Option<Effect>) {
    let outcome = match effect {
        Some(Effect::Delivered) => "delivered",
        Some(Effect::Died | Effect::DiedWithEndpoint) => "dead",
        Some(Effect::WakeAt(_)) => "again",
        Some(Effect::Send) | None => "known",
    };
    let channel = if sending.is_mail() {
        "email"
    } else {
        "webhook"
    };
    let labels = [("channel", channel), ("outcome", outcome)];
    telemetry::count("notice_tries", &labels, 1);
    // What is said of a mail that failed may name whom it was for.
    let reason = sending.last_error.as_deref().filter(|_| !sending.is_mail());
    let fields = [
        ("sending_id", sending.id.as_str()),
        ("order_id", &sending.order_id),
        ("kind", &sending.kind),
        ("channel", channel),
        ("outcome", outcome),
        ("reason", reason.unwrap_or_default()),
    ];
    match outcome {
        "dead" => telemetry::warn("notice_dead", &fields),
        _ => telemetry::info("notice_sent", &fields),
    }
}
