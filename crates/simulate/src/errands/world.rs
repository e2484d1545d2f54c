//! Everybody together, one event at a time, until nothing is left to happen.

use domain::errand::Refusal;

use super::cell::Cell;
use super::check;
use super::desk::{Desk, Keeps};
use super::driver::Driver;
use super::event::{Asker, Event, Message, Node, Queue, Task};
use super::fault::{Fault, Step, Table, Weather};
use super::ledger::Ledger;
use super::mutant::Mutant;
use super::order::Order;
use super::people::Scene;
use super::rest;
use super::stats::Stats;
use crate::harness;
use crate::rng::Rng;

/// No schedule takes as many; one that does goes round in circles.
const EVENTS_MAX: u64 = 30_000;
/// Who gets no answer tries again so often.
const PRESSES: u32 = 10;
/// How soon the platform fires an alarm again whose handler did not come to its end.
const ALARM_RETRY_MS: i64 = 2_000;

pub type Outcome = harness::Outcome<Step, Fault, Stats>;

pub struct World {
    pub now: i64,
    pub rng: Rng,
    weather: Weather,
    mutant: Option<Mutant>,
    table: Table,
    pub stats: Stats,
    trace: Option<Vec<String>>,
    violations: Vec<String>,
    pub queue: Queue,
    pub orders: Vec<Desk<Order>>,
    pub cells: Vec<Desk<Cell>>,
    pub drivers: Vec<Desk<Driver>>,
    /// Of the orders.
    pub names: Vec<String>,
    pub ledger: Ledger,
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
        let weather = Weather::draw(&mut rng, 400_000);
        let scene = Scene::draw(&mut rng, mutant);
        let mut queue = Queue::default();
        scene.plan(&mut rng, &mut queue);
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
            names: (0..scene.orders.len())
                .map(|order| format!("o{order}"))
                .collect(),
            orders: scene.orders.into_iter().map(Desk::new).collect(),
            cells: scene.cells.into_iter().map(Desk::new).collect(),
            drivers: scene.drivers.into_iter().map(Desk::new).collect(),
            ledger: Ledger::default(),
        }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
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
            if !self.violations.is_empty() {
                // What follows from a broken rule explains nothing.
                return;
            }
        }
        rest::at_rest(self);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Reach { to, message, asker } => self.reach(to, &message, asker),
            Event::Answer { to, life, message } => {
                if life == self.life(to) {
                    self.reach(to, &message, Asker::Nobody);
                }
            }
            Event::Perform { node, life, task } => self.perform(node, life, &task),
            Event::Screen {
                driver,
                order,
                cell,
            } => self.screen(driver, order, cell),
            Event::Alarm { node, at_ms } => self.alarm(node, at_ms),
            Event::Tick { cell, order } => self.tick(cell, order),
            Event::Whim { order, whim } => self.interfere(order, whim),
        }
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

    pub(super) fn life(&self, node: Node) -> u32 {
        match node {
            Node::Order(number) => self.orders[number].life,
            Node::Cell(number) => self.cells[number].life,
            Node::Driver(number) => self.drivers[number].life,
        }
    }

    pub(super) fn crash(&mut self, node: Node) {
        self.note(|| format!("{node:?} loses its memory"));
        self.stats.crashes += 1;
        let loses_timer = self.is(Mutant::LostAlarm);
        match node {
            Node::Order(number) => crash(&mut self.orders[number], loses_timer),
            Node::Cell(number) => crash(&mut self.cells[number], loses_timer),
            Node::Driver(number) => crash(&mut self.drivers[number], loses_timer),
        }
    }

    /// Something reaches a desk, which writes what follows before anything else is done.
    pub(super) fn reach(&mut self, to: Node, message: &Message, asker: Asker) {
        let fault = self.strike(Step::write(to));
        let again = |asker| Event::Reach {
            to,
            message: message.clone(),
            asker,
        };
        match fault {
            Some(Fault::ErrorBefore) => return self.unheard(asker, again),
            Some(Fault::CrashBefore) => {
                self.crash(to);
                return self.unheard(asker, again);
            }
            Some(Fault::Late) => {
                self.later(200_000, again(Asker::Nobody));
                return self.unheard(asker, again);
            }
            Some(Fault::Twice) => self.later(30_000, again(Asker::Nobody)),
            _ => {}
        }
        self.note(|| format!("{to:?}: {message:?}"));
        if fault == Some(Fault::CrashAfter) && self.is(Mutant::EffectsFirst) {
            return self.perform_unwritten(to, message, asker);
        }
        let done = self.obey(to, message);
        self.note(|| format!("    {:?} {:?}", done.said, done.reply));
        self.wrote(to);
        let cause = match message {
            Message::Errand { order, command } => Some((*order, command)),
            _ => None,
        };
        check::written(self, to, cause);
        if fault == Some(Fault::CrashAfter) {
            self.crash(to);
            return self.unheard(asker, again);
        }
        self.begin(to, done.tasks);
        if fault == Some(Fault::AnswerLost) {
            return self.unheard(asker, again);
        }
        match asker {
            Asker::Nobody => {}
            Asker::Node(to, life) => {
                if let Some(message) = done.reply {
                    self.later(50, Event::Answer { to, life, message });
                }
            }
            Asker::Person(_) if done.said == Err(Refusal::NotYet) => self.unheard(asker, again),
            Asker::Person(_) => self.told(message, done.said),
        }
    }

    /// Nobody answered. A desk has written what it wants and comes again; a person presses
    /// once more.
    fn unheard(&mut self, asker: Asker, again: impl FnOnce(Asker) -> Event) {
        if let Asker::Person(times) = asker
            && times < PRESSES
        {
            let after_ms = self.rng.between(4_000, 8_000);
            let event = again(Asker::Person(times + 1));
            self.queue.push(self.now + after_ms, event);
        }
    }

    /// The platform learns of a changed timer.
    fn wrote(&mut self, node: Node) {
        let alarm = match node {
            Node::Order(number) => noticed(&mut self.orders[number]),
            Node::Cell(number) => noticed(&mut self.cells[number]),
            Node::Driver(number) => noticed(&mut self.drivers[number]),
        };
        if let Some(at_ms) = alarm {
            self.queue.push(at_ms, Event::Alarm { node, at_ms });
        }
    }

    fn alarm(&mut self, node: Node, at_ms: i64) {
        let set = match node {
            Node::Order(number) => self.orders[number].alarm,
            Node::Cell(number) => self.cells[number].alarm,
            Node::Driver(number) => self.drivers[number].alarm,
        };
        if set != Some(at_ms) {
            return;
        }
        let fault = self.strike(Step::write(node));
        if fault == Some(Fault::CrashBefore) {
            self.crash(node);
        }
        if matches!(
            fault,
            Some(Fault::ErrorBefore | Fault::CrashBefore | Fault::Late)
        ) {
            let again = Event::Alarm { node, at_ms };
            return self.queue.push(self.now + ALARM_RETRY_MS, again);
        }
        self.note(|| format!("{node:?} has its alarm"));
        let now = self.now;
        let tasks = match node {
            Node::Order(number) => ring(&mut self.orders[number], now),
            Node::Cell(number) => ring(&mut self.cells[number], now),
            Node::Driver(number) => ring(&mut self.drivers[number], now),
        };
        self.wrote(node);
        check::written(self, node, None);
        if fault == Some(Fault::CrashAfter) {
            return self.crash(node);
        }
        self.begin(node, tasks);
    }
}

fn crash<S: Keeps>(desk: &mut Desk<S>, loses_timer: bool) {
    desk.crash();
    if loses_timer {
        (desk.alarm, desk.noticed) = (None, None);
    }
}

fn ring<S: Keeps>(desk: &mut Desk<S>, now_ms: i64) -> Vec<Task> {
    let mut tasks = desk.wake(now_ms);
    (desk.alarm, desk.noticed) = (None, None);
    tasks.extend(desk.state.due(now_ms));
    tasks
}

/// The timer that the platform does not know of yet.
fn noticed<S: Keeps>(desk: &mut Desk<S>) -> Option<i64> {
    desk.written();
    if desk.noticed == desk.alarm {
        return None;
    }
    desk.noticed = desk.alarm;
    desk.alarm
}
