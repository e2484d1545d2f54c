//! Everybody together, one event at a time, until nothing is left to happen.

use std::collections::{BTreeMap, BTreeSet};

use domain::assignment::{Answer, Assignment, Command, Effect, OfferState, Refusal, Settings};

use super::check;
use super::desk::{Decided, Desk};
use super::fault::{Fault, Step, Table, Weather};
use super::mutant::Mutant;
use super::outside::Row;
use super::people::{PRESSES, Vendor, orders, vendors, whims};
use super::queue::{Event, Queue, Whim};
use super::stats::Stats;
use crate::harness;
use crate::rng::Rng;

/// No schedule takes as many; one that does goes round in circles.
const EVENTS_MAX: u64 = 50_000;

pub type Outcome = harness::Outcome<Step, Fault, Stats>;

pub struct World {
    pub now: i64,
    pub rng: Rng,
    weather: Weather,
    mutant: Option<Mutant>,
    table: Table,
    pub stats: Stats,
    trace: Option<Vec<String>>,
    pub violations: Vec<String>,
    pub(super) queue: Queue,
    pub desk: Desk,
    pub vendors: Vec<Vendor>,
    pub rows: Vec<Row>,
    /// By order and epoch.
    pub winners: BTreeMap<(usize, u32), String>,
    /// Who was told that somebody else has it.
    losers: BTreeSet<(usize, u32, String)>,
    pub(super) pressed: BTreeMap<(usize, usize), u32>,
    noticed_alarm: Option<i64>,
}

pub fn run(seed: u64, mutant: Option<Mutant>, traced: bool) -> Outcome {
    let mut world = World::new(seed, mutant, traced);
    world.play();
    Outcome {
        violations: world.violations,
        table: world.table,
        stats: world.stats,
        trace: world.trace.unwrap_or_default(),
    }
}

impl World {
    fn new(seed: u64, mutant: Option<Mutant>, traced: bool) -> Self {
        let mut rng = Rng::new(seed);
        let weather = Weather::draw(&mut rng, 900_000);
        let vendors = vendors(&mut rng);
        let no_grace = mutant == Some(Mutant::NoGrace);
        let grace_ms = if no_grace {
            0
        } else {
            Settings::default().grace_ms
        };
        let mut queue = Queue::default();
        let mut engines = Vec::new();
        for (number, (engine, strategy)) in orders(&mut rng, grace_ms).into_iter().enumerate() {
            let start = Event::Command {
                order: number,
                command: Command::Start { strategy },
                from: None,
            };
            for _ in 0..rng.between(1, 2) {
                queue.push(rng.between(0, 5_000), start.clone());
            }
            // Whoever pays may be impatient, and so may a queue: it comes until it is heard.
            queue.push(1_000_000, start);
            for (at_ms, whim) in whims(&mut rng, vendors.len()) {
                let order = number;
                queue.push(at_ms, Event::House { order, whim });
            }
            engines.push(engine);
        }
        let row = Row {
            epoch: 1,
            ..Row::default()
        };
        Self {
            now: 0,
            rng,
            weather,
            mutant,
            table: Table::default(),
            stats: Stats::default(),
            trace: traced.then(Vec::new),
            violations: Vec::new(),
            queue,
            rows: vec![row; engines.len()],
            desk: Desk::new(engines, mutant),
            vendors,
            winners: BTreeMap::new(),
            losers: BTreeSet::new(),
            pressed: BTreeMap::new(),
            noticed_alarm: None,
        }
    }

    pub(super) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now:>9} {}", line()));
        }
    }

    pub fn violation(&mut self, text: String) {
        self.note(|| format!("!! {text}"));
        self.violations.push(text);
    }

    fn play(&mut self) {
        while let Some((at_ms, event)) = self.queue.pop() {
            self.now = self.now.max(at_ms);
            self.stats.events += 1;
            if self.stats.events > EVENTS_MAX {
                return self.violation("it does not come to rest".into());
            }
            self.happen(event);
            self.keep_time();
            if !self.violations.is_empty() {
                // What follows from a broken rule explains nothing.
                return;
            }
        }
        check::at_rest(self);
    }

    pub(super) fn strike(&mut self, step: Step) -> Option<Fault> {
        let fault = self.weather.strike(step, self.now, &mut self.rng)?;
        self.table.count(step, fault);
        self.note(|| format!("   ## {} at {}", fault.name(), step.name()));
        Some(fault)
    }

    pub(super) fn later(&mut self, most_ms: i64, event: Event) {
        let at_ms = self.now + self.rng.between(1, most_ms);
        self.queue.push(at_ms, event);
    }

    pub(super) fn crash(&mut self) {
        self.stats.crashes += 1;
        self.desk.crash();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Command {
                order,
                command,
                from,
            } => self.commanded(order, command, from),
            Event::Perform { life, .. } | Event::Done { life, .. } if life != self.desk.life => {}
            Event::Perform { order, effect, .. } => self.perform(order, &effect),
            Event::Arrive {
                order,
                effect,
                heard_by,
            } => self.arrive(order, &effect, heard_by),
            Event::Done { order, id, .. } => {
                let decided = self.desk.done(order, &id, self.now);
                self.decided(decided);
            }
            Event::Alarm { at_ms } => {
                if self.desk.alarm == Some(at_ms) {
                    self.note(|| "the desk has its alarm".into());
                    let decided = self.desk.alarm(self.now);
                    for order in 0..self.rows.len() {
                        check::grace(self, order);
                    }
                    self.decided(decided);
                }
            }
            Event::House { order, whim } => self.interfere(order, whim),
        }
    }

    fn commanded(&mut self, order: usize, command: Command, from: Option<usize>) {
        let again = Event::Command {
            order,
            command: command.clone(),
            from,
        };
        let fault = self.strike(Step::Write);
        match fault {
            Some(Fault::ErrorBefore) => return self.press_again(order, from, again),
            Some(Fault::Late) => return self.later(200_000, again),
            Some(Fault::Twice) => self.later(30_000, again.clone()),
            _ => {}
        }
        self.note(|| format!("o{order}: {command:?}"));
        let is_withdrawn = matches!(command, Command::Timeout { .. });
        let (decided, result) = self.desk.command(order, command, self.now);
        self.note(|| format!("    {result:?}"));
        if !is_withdrawn {
            check::grace(self, order);
        }
        if fault == Some(Fault::Crash) {
            self.witness(order);
            self.crash();
            return self.press_again(order, from, again);
        }
        self.decided(decided);
        if fault == Some(Fault::AnswerLost) {
            return self.press_again(order, from, again);
        }
        if let Some(vendor) = from {
            self.answered(order, vendor, result, again);
        }
    }

    /// Nobody answered: a vendor presses once more.
    fn press_again(&mut self, order: usize, from: Option<usize>, event: Event) {
        let Some(vendor) = from else {
            return;
        };
        let pressed = self.pressed.entry((order, vendor)).or_default();
        *pressed += 1;
        if *pressed <= PRESSES {
            self.later(4_000, event);
        }
    }

    fn answered(&mut self, order: usize, vendor: usize, result: Result<(), Refusal>, again: Event) {
        let name = self.vendors[vendor].name.clone();
        let engine = &self.desk.written[order];
        let (answer, epoch) = (engine.answer(&name), engine.epoch);
        match (answer, result) {
            (Answer::Won { epoch, .. }, Ok(()))
                if self.winners.get(&(order, epoch)) != Some(&name) =>
            {
                self.violation(format!("A3: {name} was told a victory of epoch {epoch}"));
            }
            (_, Err(Refusal::AlreadyAccepted)) => {
                self.stats.lost += 1;
                self.losers.insert((order, epoch, name));
            }
            (Answer::Pending, Ok(())) => self.press_again(order, Some(vendor), again),
            (Answer::No(Refusal::VendorFull | Refusal::PlaceUnknown), _) => {
                self.press_again(order, Some(vendor), again);
            }
            _ => {}
        }
    }

    fn witness(&mut self, order: usize) {
        let Some(lock) = self.desk.written[order].lock.clone() else {
            return;
        };
        let key = (order, lock.epoch);
        let first = !self.winners.contains_key(&key);
        let winner = self.winners.entry(key).or_insert(lock.vendor_id.clone());
        if *winner != lock.vendor_id {
            let text = format!(
                "A1: {winner} and {} won epoch {}",
                lock.vendor_id, lock.epoch
            );
            return self.violation(text);
        }
        if self
            .losers
            .contains(&(order, lock.epoch, lock.vendor_id.clone()))
        {
            let text = format!("A1: {} won after it was told that it lost", lock.vendor_id);
            self.violation(text);
        }
        if first {
            self.stats.won += 1;
            self.stats.forced += u64::from(lock.forced);
            let offer = self.desk.written[order].offer_to(&lock.vendor_id);
            let late = offer.is_some_and(|offer| {
                offer.state == OfferState::Accepted
                    && offer
                        .answered_ms
                        .is_some_and(|at_ms| at_ms > offer.expires_ms)
            });
            self.stats.graceful += u64::from(late);
        }
    }

    /// The desk begins to do what it decided, in an order of its own.
    fn decided(&mut self, decided: Decided) {
        for order in 0..self.rows.len() {
            self.witness(order);
        }
        let life = self.desk.life;
        for (order, effect) in decided {
            if matches!(effect, Effect::WakeAt { .. }) {
                continue;
            }
            let kept = matches!(effect, Effect::GivePlaceBack { .. }) && self.is(Mutant::KeptPlace);
            if kept {
                let id = effect.id(&self.desk.written[order].order_id);
                self.later(5, Event::Done { order, id, life });
                continue;
            }
            self.later(
                20,
                Event::Perform {
                    order,
                    effect,
                    life,
                },
            );
        }
    }

    fn interfere(&mut self, order: usize, whim: Whim) {
        let reason = "the house".to_owned();
        let epoch = self.desk.written[order].epoch;
        let command = match whim {
            Whim::Cancel => Command::Cancel { reason },
            Whim::Force(vendor) => Command::ForceAssign {
                vendor: self.vendors[vendor].name.clone(),
                preparation_s: 300,
            },
            Whim::Release => Command::Release { epoch, reason },
            Whim::Close => Command::Close,
            Whim::Timeout => Command::Timeout { vendor: None },
            Whim::Retry => Command::Retry { strategy: None },
        };
        self.commanded(order, command, None);
    }

    /// The platform learns of a changed alarm; and work without a timer does not exist.
    fn keep_time(&mut self) {
        let alarm = self.desk.alarm;
        let works = |order: &Assignment| order.wake_at().is_some();
        if alarm.is_none() && self.desk.written.iter().any(works) {
            return self.violation("A6: there is work and no timer".into());
        }
        if self.noticed_alarm != alarm {
            self.noticed_alarm = alarm;
            if let Some(at_ms) = alarm {
                self.queue.push(at_ms, Event::Alarm { at_ms });
            }
        }
    }
}
