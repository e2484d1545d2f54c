//! The desk of a driver: the shift, and what it answers to cells.

use domain::errand::{Command, Granted};
use domain::shift::{Ask, Effect, Progress, Shift};

use super::desk::Keeps;
use super::event::{Message, Task};
use super::mutant::Mutant;

#[derive(Debug, Clone)]
pub struct Driver {
    pub shift: Shift,
    pub capacity: u32,
    mutant: Option<Mutant>,
}

impl Driver {
    pub fn new(capacity: u32, mutant: Option<Mutant>) -> Self {
        let room = if mutant == Some(Mutant::NoCapacity) {
            u32::MAX
        } else {
            capacity
        };
        Self {
            shift: Shift::new(room, 0),
            capacity,
            mutant,
        }
    }

    /// What there is to do, and the answer for the cell that asked.
    pub fn command(&mut self, message: &Message, now_ms: i64) -> (Vec<Task>, Option<Message>) {
        let (order, command) = match message {
            Message::Take {
                order,
                cell,
                number,
                forced,
                offered,
            } => {
                let ask = Ask {
                    order_id: format!("o{order}"),
                    number: *number,
                    cell: format!("c{cell}"),
                    forced: *forced,
                    offered: *offered,
                };
                let granted = self.take(&ask, now_ms);
                let claim = *number;
                (*order, Command::Took { claim, granted })
            }
            Message::Note {
                order,
                number,
                is_collected,
            } => {
                let progress = if *is_collected {
                    Progress::Collected
                } else {
                    Progress::Held
                };
                self.shift
                    .note(&format!("o{order}"), *number, progress, now_ms);
                let noted = Command::Noted {
                    claim: *number,
                    is_collected: *is_collected,
                };
                (*order, noted)
            }
            Message::GiveBack { order, number, .. } => {
                self.shift.give_back(&format!("o{order}"), *number, now_ms);
                (*order, Command::Closed { claim: *number })
            }
            Message::Turn { is_on, ends_ms } => {
                let effects = self.shift.turn(*is_on, *ends_ms, now_ms);
                return (self.begun(effects), None);
            }
            _ => return (Vec::new(), None),
        };
        (Vec::new(), Some(Message::Errand { order, command }))
    }

    fn take(&mut self, ask: &Ask, now_ms: i64) -> Granted {
        if self.mutant == Some(Mutant::UnwrittenClaim) && ask.forced {
            return self.shift.clone().take(ask, now_ms);
        }
        self.shift.take(ask, now_ms)
    }

    /// All but what is in the open is gone.
    pub fn forget(&mut self, now_ms: i64) {
        let mut shift = Shift::new(self.shift.capacity, now_ms);
        (shift.is_on, shift.ends_ms) = (self.shift.is_on, self.shift.ends_ms);
        shift.claims.clone_from(&self.shift.claims);
        shift.outbox.clone_from(&self.shift.outbox);
        self.shift = shift;
    }

    fn begun(&mut self, effects: Vec<Effect>) -> Vec<Task> {
        if self.mutant == Some(Mutant::DropOnce) {
            self.shift.outbox.drop_if(|_| true);
        }
        let tasks = effects.into_iter().map(|effect| {
            let Effect::Drop {
                order_id,
                cell,
                number,
            } = effect;
            Task::Drop {
                order: number_in(&order_id),
                cell: number_in(&cell),
                number,
            }
        });
        tasks.collect()
    }
}

/// `o3` is the order 3, and so on.
pub fn number_in(name: &str) -> usize {
    name.get(1..)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(usize::MAX)
}

impl Keeps for Driver {
    fn resume(&mut self, now_ms: i64) -> Vec<Task> {
        if self.mutant == Some(Mutant::ForgottenClose) {
            self.forget(now_ms);
        }
        let effects = self.shift.resume(now_ms);
        self.begun(effects)
    }

    fn due(&mut self, now_ms: i64) -> Vec<Task> {
        let effects = self.shift.due(now_ms);
        self.begun(effects)
    }

    fn wake_at(&self) -> Option<i64> {
        self.shift.wake_at()
    }
}
