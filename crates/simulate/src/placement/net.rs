//! Time, messages, faults.
//!
//! Everything that takes time goes through here: calls with a deadline, volatile
//! wake-ups, durable writes of an object. A handler runs at one instant and whole,
//! like one synchronous stretch of an object; a crash in it takes effect at the
//! write or the answer where it struck, and what the handler would have sent after
//! that is not sent. Requests that had left before may arrive all the same, even
//! much later, since nobody can call them back.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::event::{Entry, Event};
use super::fault::{Fault, Step, Table, Weather};
use super::ledger::Ledger;
use super::message::{CallId, Failed, Node, Reply, Request};
use super::mutant::Mutant;
use super::trace::terse;
use crate::rng::Rng;

/// When every schedule begins.
const START_MS: i64 = 1_000_000;

#[derive(Debug)]
pub(super) struct Open {
    pub(super) from: Node,
    epoch: u32,
    pub(super) to: Node,
    step: Option<Step>,
    /// Strikes when the callee answers.
    fault: Option<Fault>,
    /// Answers to pass over: of a doubled call either one may be the one that is heard.
    deaf: u32,
}

#[derive(Debug)]
pub struct Net {
    pub now: i64,
    /// Counts what happened: finer than the clock.
    pub moment: u64,
    pub rng: Rng,
    pub weather: Weather,
    pub mutant: Option<Mutant>,
    pub table: Table,
    pub ledger: Ledger,
    pub trace: Option<Vec<String>>,
    queue: BinaryHeap<Reverse<Entry>>,
    order: u64,
    pub(super) open: BTreeMap<CallId, Open>,
    /// Requests that vanish before they arrive.
    pub(super) vanished: BTreeSet<CallId>,
    pub(super) epochs: [u32; Node::CRASHABLE.len()],
    /// Crashed in the event that is being handled.
    pub(super) crashed: Vec<Node>,
    /// The node at work writes slowly: what it sends leaves that much later.
    held_back_ms: i64,
    ids: u64,
}

impl Net {
    pub fn new(seed: u64, mutant: Option<Mutant>, traced: bool) -> Self {
        let mut rng = Rng::new(seed);
        let now = START_MS;
        Self {
            now,
            moment: 0,
            weather: Weather::draw(&mut rng, now),
            rng,
            mutant,
            table: Table::default(),
            ledger: Ledger::default(),
            trace: traced.then(Vec::new),
            queue: BinaryHeap::new(),
            order: 0,
            open: BTreeMap::new(),
            vanished: BTreeSet::new(),
            epochs: [0; Node::CRASHABLE.len()],
            crashed: Vec::new(),
            held_back_ms: 0,
            ids: 0,
        }
    }

    pub fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    pub fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            let text = terse(&line());
            trace.push(format!("{:>9} {text}", now - START_MS));
        }
    }

    pub fn violation(&mut self, text: String) {
        self.note(|| format!("!! {text}"));
        self.ledger.violations.push(text);
    }

    pub fn id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        format!("{prefix}{}", self.ids)
    }

    /// The next thing that happens.
    pub fn pop(&mut self) -> Option<Event> {
        loop {
            let Reverse(entry) = self.queue.pop()?;
            self.now = self.now.max(entry.at_ms);
            self.moment += 1;
            self.held_back_ms = 0;
            match &entry.event {
                Event::Deliver { call, .. } if self.vanished.contains(call) => {}
                Event::Answer { to, epoch, .. } if *epoch != self.epoch(*to) => {}
                Event::Wake { node, epoch, .. } if *epoch != self.epoch(*node) => {}
                Event::Deadline { call } if !self.open.contains_key(call) => {}
                _ => return Some(entry.event),
            }
        }
    }

    /// A caller stops waiting. Its answer may still be heard where that is allowed.
    pub fn expire(&mut self, call: CallId) -> Option<(Node, u32)> {
        let open = self.open.get(&call)?;
        let caller = (open.from, open.epoch);
        if !(self.weather.late_answers && open.from == Node::Order) {
            self.open.remove(&call);
        }
        Some(caller)
    }

    pub fn epoch(&self, node: Node) -> u32 {
        node.slot().map_or(0, |slot| self.epochs[slot])
    }

    fn push(&mut self, at_ms: i64, event: Event) {
        self.order += 1;
        self.queue.push(Reverse(Entry {
            at_ms,
            order: self.order,
            event,
        }));
    }

    /// Most messages are quick; some overtake others by far.
    fn delay(&mut self) -> i64 {
        let slow = if self.now < self.weather.until_ms {
            self.weather.slow_ms
        } else {
            5
        };
        let most = match self.rng.below(10) {
            0..6 => 3.min(slow),
            6..9 => slow,
            _ => slow * 4,
        };
        self.held_back_ms + self.rng.between(0, most)
    }

    pub(super) fn is_down(&self, node: Node) -> bool {
        self.crashed.contains(&node)
    }

    pub fn call(
        &mut self,
        from: Node,
        to: Node,
        step: Option<Step>,
        patience_ms: i64,
        request: Request,
    ) -> CallId {
        self.order += 1;
        let call = self.order;
        if self.is_down(from) {
            return call;
        }
        let mut delay = self.delay();
        let mut fault = step.and_then(|step| self.strike(step));
        if let Some(ends_ms) = self.outage_of(to) {
            // Out of reach: refused at once, or performed when the database is back.
            let refused = self.rng.chance(600);
            fault = Some(if refused {
                Fault::ErrorBefore
            } else {
                Fault::Stalled
            });
            delay += if refused { 0 } else { ends_ms - self.now };
        }
        let mut open = Open {
            from,
            epoch: self.epoch(from),
            to,
            step,
            fault: None,
            deaf: 0,
        };
        match fault {
            Some(Fault::ErrorBefore) => {
                self.struck(step, Fault::ErrorBefore);
                self.fail(&open, call);
                return call;
            }
            Some(Fault::Doubled) => {
                self.struck(step, Fault::Doubled);
                open.deaf = u32::from(self.rng.chance(500));
                let again = if self.rng.chance(300) {
                    delay + self.rng.between(0, patience_ms * 2)
                } else {
                    self.delay()
                };
                self.deliver(again, call, to, request.clone());
            }
            Some(Fault::CrashNode) if from.slot().is_some() && self.rng.chance(300) => {
                // The caller dies with its call on the way.
                self.struck(step, Fault::CrashNode);
                let late = self.rng.pick(&[0, 500, patience_ms], 0);
                self.deliver(delay + late, call, to, request);
                self.crash(from);
                return call;
            }
            Some(Fault::Stalled) => {
                self.struck(step, Fault::Stalled);
                delay += patience_ms + self.rng.between(0, 4_000);
            }
            other => open.fault = other,
        }
        self.open.insert(call, open);
        self.deliver(delay, call, to, request);
        self.push(self.now + patience_ms, Event::Deadline { call });
        call
    }

    fn deliver(&mut self, delay: i64, call: CallId, to: Node, request: Request) {
        self.push(self.now + delay, Event::Deliver { call, to, request });
    }

    /// Answers a call. Somebody who no longer listens hears nothing.
    pub fn reply(&mut self, call: CallId, reply: Reply) {
        let Some(open) = self.open.get_mut(&call) else {
            return;
        };
        if open.deaf > 0 {
            open.deaf -= 1;
            return;
        }
        let callee = open.to;
        if self.is_down(callee) {
            return;
        }
        let Some(open) = self.open.remove(&call) else {
            return;
        };
        match open.fault {
            Some(Fault::AnswerLost) => {
                self.struck(open.step, Fault::AnswerLost);
                self.fail(&open, call);
            }
            Some(Fault::CrashNode) => {
                let could: Vec<Node> = [open.from, open.to]
                    .into_iter()
                    .filter(|node| node.slot().is_some())
                    .collect();
                let victim = self.rng.pick(&could, open.to);
                self.struck(open.step, Fault::CrashNode);
                self.crash(victim);
                self.fail(&open, call);
            }
            Some(Fault::CrashAll) => {
                self.struck(open.step, Fault::CrashAll);
                self.crash_all();
                self.fail(&open, call);
            }
            _ => {
                let at_ms = self.now + self.delay();
                let event = Event::Answer {
                    call,
                    to: open.from,
                    epoch: open.epoch,
                    result: Ok(reply),
                };
                self.push(at_ms, event);
            }
        }
    }

    pub(super) fn fail(&mut self, open: &Open, call: CallId) {
        let at_ms = self.now + self.delay();
        let event = Event::Answer {
            call,
            to: open.from,
            epoch: open.epoch,
            result: Err(Failed),
        };
        self.push(at_ms, event);
    }

    /// Whether `node` may go on: a durable write of its own, and what may befall it.
    /// What is written must include the timer, as one object write does.
    #[must_use]
    pub fn persist(&mut self, node: Node, step: Option<Step>, mut write: impl FnMut()) -> bool {
        if self.is_down(node) {
            return false;
        }
        let Some((step, fault)) = step.and_then(|step| Some((step, self.strike(step)?))) else {
            write();
            return true;
        };
        self.struck(Some(step), fault);
        if fault == Fault::ErrorBefore {
            return false;
        }
        write();
        match fault {
            Fault::AnswerLost => false,
            Fault::Doubled => {
                write();
                true
            }
            Fault::Stalled => {
                self.held_back_ms += self.rng.between(1_000, 25_000);
                true
            }
            Fault::CrashNode => {
                self.crash(node);
                false
            }
            Fault::CrashAll => {
                self.crash_all();
                false
            }
            Fault::ErrorBefore => true,
        }
    }

    /// Comes back to `node` with `token`, unless it loses its memory first.
    pub fn wake(&mut self, node: Node, at_ms: i64, token: u64) {
        let epoch = self.epoch(node);
        self.push(at_ms, Event::Wake { node, epoch, token });
    }

    pub fn schedule_alarm(&mut self, node: Node, at_ms: i64) {
        // Platforms fire late, never early.
        let late = self.delay();
        self.push(at_ms.max(self.now) + late, Event::Alarm { node, at_ms });
    }

    fn outage_of(&self, node: Node) -> Option<i64> {
        let outage = self.weather.outage?;
        let hit = node == Node::Database(outage.shard)
            && (outage.from_ms..outage.until_ms).contains(&self.now);
        hit.then_some(outage.until_ms)
    }

    fn strike(&mut self, step: Step) -> Option<Fault> {
        self.weather.strike(step, self.now, &mut self.rng)
    }

    fn struck(&mut self, step: Option<Step>, fault: Fault) {
        if let Some(step) = step {
            self.table.count(step, fault);
            self.note(|| format!("   ** {} at {}", fault.name(), step.name()));
        }
    }
}
