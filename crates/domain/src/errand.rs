//! One order's errand: who brings it, from the wish for a driver until it is at the door.
//!
//! The desk of a cell leads the errands of all that is collected there. `apply` takes a
//! command and answers what to do; the desk writes the state of every command before it
//! answers or performs anything, and performs what is left until it is done.
//!
//! **One at a time (A4).** Who may have the order is decided here, and whether a driver has
//! room is decided by the driver's own desk ([`crate::shift`]), which is the one writer of
//! what that driver has. A driver is asked under a claim, a number that was never used
//! before ([`Effect::Take`]), and nobody else is asked before the claim is known to be
//! closed there ([`Effect::GiveBack`]). So at no moment two drivers have one order, and a
//! copy of a question that comes late finds its claim closed.
//!
//! **The order has the last word.** A wish comes in attempts. What the order says of an
//! attempt ([`Command::Follow`]) ends it for good, also before the wish itself has arrived;
//! a wish of a later attempt ends all before it. Where an order asks anew since it heard
//! that there is nobody, and somebody was found meanwhile, that one keeps it.
//!
//! **Told until heard.** What becomes of the errand has a version within its attempt, and
//! is told to the order until it says that it has heard it. Each report says how things are
//! and not what changed, so the latest is all that counts and older ones are dropped.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::geo::Point;
use crate::outbox::Outbox;

mod bringing;
mod command;
mod effect;
mod finding;

pub use command::{Command, Granted, Refusal, Stage};
pub use effect::{Effect, Report, State, Why};

/// An order may be led by one cell after the other, and claims of a later attempt have the
/// higher numbers wherever they are made, since drivers' desks compare them.
const CLAIMS_PER_ATTEMPT: u32 = 10_000;

/// What is to be brought, as far as it matters for choosing who does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wish {
    pub attempt: u32,
    /// Whoever collects for one order here may collect for another.
    pub site: String,
    pub pickup: Point,
    pub dropoff: Point,
    pub placed_ms: i64,
    /// When it can be collected, as far as is known.
    pub ready_ms: i64,
    pub radius_m: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// How long a driver may think; none where drivers are not asked.
    pub offer_ms: Option<i64>,
    /// An answer that is later than that still counts, since networks are slow.
    pub grace_ms: i64,
    /// How long somebody is looked for before the order hears that there is nobody.
    pub search_ms: i64,
    /// Whether nobody is bound before it is about ready, so that the search counts from then.
    #[serde(default)]
    pub binds_late: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Somebody is looked for.
    Open,
    /// A driver's desk is asked for room.
    Asking,
    /// The driver has room, and is asked.
    Offered,
    Held,
    /// The goods are with the driver, and stay there.
    Collected,
    Delivered,
    /// Nobody was found, and the order decides what now.
    Failed,
    Over,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Errand {
    pub order_id: String,
    pub settings: Settings,
    /// None where it was over before it was wished for.
    pub wish: Option<Wish>,
    pub attempt: u32,
    /// Attempts up to this one are over.
    pub over: u32,
    pub phase: Phase,
    /// Who is asked, or has it.
    pub driver: Option<String>,
    pub claim: u32,
    /// How long the one who brings it will take, as it was reckoned.
    pub eta_s: u32,
    pub by_hand: bool,
    /// When the offer ends.
    pub until_ms: Option<i64>,
    /// When the order hears that there is nobody.
    pub search_until_ms: i64,
    /// Said no, did not answer, or gave it back: they are not asked again.
    pub barred: BTreeSet<String>,
    /// Whom an admin has chosen, until that one is asked.
    pub chosen: Option<String>,
    pub proof: Option<String>,
    pub version: u32,
    pub outbox: Outbox<Effect>,
    /// Time does not go backwards, though clocks may.
    clock_ms: i64,
}

impl Errand {
    pub fn new(order_id: &str, settings: Settings, now_ms: i64) -> Self {
        Self {
            order_id: order_id.to_owned(),
            settings,
            wish: None,
            attempt: 0,
            over: 0,
            phase: Phase::Over,
            driver: None,
            claim: 0,
            eta_s: 0,
            by_hand: false,
            until_ms: None,
            search_until_ms: now_ms,
            barred: BTreeSet::new(),
            chosen: None,
            proof: None,
            version: 0,
            outbox: Outbox::default(),
            clock_ms: now_ms,
        }
    }

    /// What follows from a command. The effects are noted in the state already.
    pub fn apply(&mut self, command: Command, now_ms: i64) -> Result<Vec<Effect>, Refusal> {
        self.settle(now_ms);
        let obeyed = self.obey(command);
        self.go_on();
        obeyed.map(|()| self.outbox.take_fresh())
    }

    /// What a refused command left to be done: time has passed all the same.
    pub fn left_over(&mut self) -> Vec<Effect> {
        self.outbox.take_fresh()
    }

    /// To be called on a state that was read back after a crash: everything that is not
    /// known to be done.
    pub fn resume(&mut self, now_ms: i64) -> Vec<Effect> {
        self.settle(now_ms);
        self.go_on();
        self.outbox.all(self.clock_ms);
        self.outbox.take_fresh()
    }

    fn obey(&mut self, command: Command) -> Result<(), Refusal> {
        match command {
            Command::Wish(wish) => {
                self.wish(wish);
                Ok(())
            }
            Command::Choose { driver, eta_s } => self.choose(driver, eta_s),
            Command::Force { driver, eta_s } => self.force(driver, eta_s),
            Command::Took { claim, granted } => {
                self.took(claim, granted);
                Ok(())
            }
            Command::Accept { driver } => self.accept(&driver),
            Command::Reject { driver } => self.reject(&driver),
            Command::Drop { driver, claim } => {
                self.dropped(&driver, claim);
                Ok(())
            }
            Command::Collect { driver } => self.collect(&driver),
            Command::Deliver { driver, proof } => self.deliver(&driver, proof),
            Command::Follow { attempt, stage } => {
                self.follow(attempt, stage);
                Ok(())
            }
            Command::Closed { claim } => {
                let is_it = |effect: &Effect| matches!(effect, Effect::GiveBack { claim: of, .. } if *of == claim);
                self.outbox.drop_if(is_it);
                Ok(())
            }
            Command::Sent { claim } => {
                let is_it = |effect: &Effect| matches!(effect, Effect::Offer { claim: of, .. } if *of == claim);
                self.outbox.drop_if(is_it);
                Ok(())
            }
            Command::Noted {
                claim,
                is_collected,
            } => {
                // What was noted before it was collected says nothing about that.
                let noted = (claim, is_collected);
                let is_it = |effect: &Effect| {
                    matches!(effect, Effect::Note { claim, is_collected, .. }
                        if (*claim, *is_collected) <= noted)
                };
                self.outbox.drop_if(is_it);
                Ok(())
            }
            Command::Heard { attempt, version } => {
                let is_it = |effect: &Effect| {
                    matches!(effect, Effect::Tell(told)
                        if (told.attempt, told.version) <= (attempt, version))
                };
                self.outbox.drop_if(is_it);
                Ok(())
            }
            Command::Due => {
                self.outbox.due(self.clock_ms);
                Ok(())
            }
        }
    }

    /// When `Due` is wanted at the latest (A6).
    pub fn wake_at(&self) -> Option<i64> {
        let timer = self.timer().into_iter();
        let at_ms = timer.chain(self.outbox.next_ms()).min()?;
        Some(at_ms.max(self.clock_ms))
    }

    fn timer(&self) -> Option<i64> {
        match self.phase {
            // Whom an admin has chosen is asked, however long that takes.
            Phase::Open if self.chosen.is_some() => None,
            Phase::Open => Some(self.search_until_ms),
            Phase::Offered => {
                let after = self.settings.grace_ms.saturating_add(1);
                self.until_ms.map(|until| until.saturating_add(after))
            }
            _ => None,
        }
    }

    fn settle(&mut self, now_ms: i64) {
        self.clock_ms = self.clock_ms.max(now_ms);
        if self.timer().is_none_or(|at_ms| at_ms > self.clock_ms) {
            return;
        }
        if self.phase == Phase::Offered {
            self.look_further(Why::Silent, true);
        } else {
            self.phase = Phase::Failed;
            self.tell();
        }
    }

    /// Whether a policy may choose somebody now: nobody else has a claim that is not closed.
    pub fn is_free(&self) -> bool {
        self.phase == Phase::Open && self.chosen.is_none() && !self.is_closing()
    }

    /// Whether no driver has a claim of it that is not known to be closed, nor will get one
    /// of this attempt. An order that moves may be led by another cell from then on.
    pub fn has_nobody(&self) -> bool {
        matches!(self.phase, Phase::Over | Phase::Delivered) && !self.is_closing()
    }

    fn is_closing(&self) -> bool {
        let is_it = |effect: &Effect| matches!(effect, Effect::GiveBack { .. });
        self.outbox.find(is_it).is_some()
    }

    /// Whether somebody is asked, has it or has brought it, for an order that wants that.
    fn is_taken(&self) -> bool {
        let is_led = !matches!(self.phase, Phase::Open | Phase::Failed | Phase::Over);
        is_led && self.attempt > self.over
    }

    fn go_on(&mut self) {
        if self.phase == Phase::Open
            && !self.is_closing()
            && let Some(driver) = self.chosen.take()
        {
            self.ask(driver, true);
        }
    }

    /// Somebody else is wanted.
    fn look_further(&mut self, why: Why, for_good: bool) {
        let was_held = self.phase == Phase::Held;
        if for_good {
            self.barred.extend(self.driver.clone());
        }
        self.give_back(why);
        if was_held {
            self.begin_search();
            self.tell();
        } else {
            self.open();
        }
    }

    /// Closes the claim that there is, if there is one: also one that was refused, since a
    /// copy of the question may still be on its way.
    fn give_back(&mut self, why: Why) {
        let has_one = matches!(
            self.phase,
            Phase::Asking | Phase::Offered | Phase::Held | Phase::Collected
        );
        let Some(driver) = self.driver.clone().filter(|_| has_one) else {
            return;
        };
        let claim = self.claim;
        self.outbox.drop_if(|effect| {
            matches!(
                effect,
                Effect::Take { .. } | Effect::Offer { .. } | Effect::Note { .. }
            )
        });
        self.emit(Effect::GiveBack { driver, claim, why });
    }

    /// The driver's desk hears how far its claim is.
    fn note(&mut self) {
        let Some(driver) = self.driver.clone() else {
            return;
        };
        let (claim, is_collected) = (self.claim, self.phase == Phase::Collected);
        self.outbox
            .drop_if(|effect| matches!(effect, Effect::Note { .. } | Effect::Offer { .. }));
        self.emit(Effect::Note {
            driver,
            claim,
            is_collected,
        });
    }

    fn tell(&mut self) {
        self.version = self.version.saturating_add(1);
        self.tell_again();
    }

    /// How it stands now, if anything was told before.
    fn tell_again(&mut self) {
        if self.version == 0 || self.attempt <= self.over {
            return;
        }
        self.outbox
            .drop_if(|effect| matches!(effect, Effect::Tell(_)));
        let report = self.report();
        self.emit(Effect::Tell(report));
    }

    pub fn report(&self) -> Report {
        let state = match self.phase {
            Phase::Held => State::Assigned,
            Phase::Collected => State::Collected,
            Phase::Delivered => State::Delivered,
            Phase::Failed => State::Failed,
            _ => State::Searching,
        };
        let has_it = matches!(state, State::Assigned | State::Collected | State::Delivered);
        Report {
            attempt: self.attempt,
            version: self.version,
            state,
            driver: self.driver.clone().filter(|_| has_it),
            eta_s: self.eta_s,
            by_hand: self.by_hand,
            proof: self.proof.clone(),
            at_ms: self.clock_ms,
        }
    }

    fn emit(&mut self, effect: Effect) {
        self.outbox.add(effect, self.clock_ms);
    }
}

#[cfg(test)]
mod tests;
