//! The desk of a cell: the errands of what is collected there. It writes each command and
//! what follows from it before it does any of that.

use std::collections::BTreeMap;

use domain::errand::{Command, Effect, Errand, Phase, Refusal, Settings};

use super::desk::Keeps;
use super::event::{Follow, Message, Task};
use super::mutant::Mutant;

#[derive(Debug, Clone)]
pub struct Cell {
    pub errands: BTreeMap<usize, Errand>,
    settings: Settings,
    mutant: Option<Mutant>,
}

impl Cell {
    pub fn new(settings: Settings, mutant: Option<Mutant>) -> Self {
        Self {
            errands: BTreeMap::new(),
            settings,
            mutant,
        }
    }

    pub fn command(
        &mut self,
        order: usize,
        command: Command,
        now_ms: i64,
    ) -> (Vec<Task>, Result<(), Refusal>) {
        let makes_one = matches!(command, Command::Wish(_) | Command::Follow { .. });
        if makes_one && !self.errands.contains_key(&order) {
            let errand = Errand::new(&format!("o{order}"), self.settings, now_ms);
            self.errands.insert(order, errand);
        }
        let Some(errand) = self.errands.get_mut(&order) else {
            return (Vec::new(), Err(Refusal::NotYours));
        };
        let (effects, result) = match errand.apply(command, now_ms) {
            Ok(effects) => (effects, Ok(())),
            Err(refusal) => (errand.left_over(), Err(refusal)),
        };
        let tasks = begun(order, errand, effects, now_ms, self.mutant);
        (tasks, result)
    }

    /// How an errand stands for an order that has gone on.
    pub fn followed(&self, order: usize, follow: Follow) -> Option<Message> {
        let errand = self.errands.get(&order)?;
        let is_of_now = errand.attempt == follow.attempt;
        let has_it = matches!(errand.phase, Phase::Collected | Phase::Delivered);
        Some(Message::Followed {
            follow,
            is_clear: !is_of_now || errand.has_nobody(),
            is_brought: is_of_now && has_it,
        })
    }
}

fn begun(
    order: usize,
    errand: &mut Errand,
    effects: Vec<Effect>,
    now_ms: i64,
    mutant: Option<Mutant>,
) -> Vec<Task> {
    let mut tasks = Vec::new();
    let mut left = effects;
    while let Some(effect) = left.pop() {
        let taken_for_done = match &effect {
            Effect::GiveBack { claim, .. } if mutant == Some(Mutant::UnclosedClaim) => {
                Some(Command::Closed { claim: *claim })
            }
            Effect::Tell(report) if mutant == Some(Mutant::ToldOnce) => Some(Command::Heard {
                attempt: report.attempt,
                version: report.version,
            }),
            _ => None,
        };
        tasks.push(Task::Errand { order, effect });
        if let Some(command) = taken_for_done {
            left.extend(errand.apply(command, now_ms).unwrap_or_default());
        }
    }
    tasks
}

impl Keeps for Cell {
    fn resume(&mut self, now_ms: i64) -> Vec<Task> {
        let mut tasks = Vec::new();
        for (order, errand) in &mut self.errands {
            let effects = errand.resume(now_ms);
            tasks.extend(begun(*order, errand, effects, now_ms, self.mutant));
        }
        tasks
    }

    fn due(&mut self, now_ms: i64) -> Vec<Task> {
        let mut tasks = Vec::new();
        for (order, errand) in &mut self.errands {
            if errand.wake_at().is_some_and(|at_ms| at_ms <= now_ms) {
                let effects = errand.apply(Command::Due, now_ms).unwrap_or_default();
                tasks.extend(begun(*order, errand, effects, now_ms, self.mutant));
            }
        }
        tasks
    }

    fn wake_at(&self) -> Option<i64> {
        self.errands.values().filter_map(Errand::wake_at).min()
    }
}
