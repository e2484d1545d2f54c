//! What desks do, on its way: whom it reaches, how often, and whether they hear of it.

use domain::errand::{Command, Effect};

use super::driver::number_in;
use super::event::{Asker, Event, Message, Node, Task};
use super::fault::{Fault, Step};
use super::world::World;

/// A call takes so long, and a message of a queue.
const CALL_MS: i64 = 50;
const QUEUE_MS: i64 = 2_000;
const LATE_MS: i64 = 200_000;

impl World {
    /// The desk begins with what it has decided, in an order of its own.
    pub(super) fn begin(&mut self, node: Node, tasks: Vec<Task>) {
        let life = self.life(node);
        for task in tasks {
            self.later(20, Event::Perform { node, life, task });
        }
    }

    pub(super) fn perform(&mut self, node: Node, life: u32, task: &Task) {
        if life != self.life(node) {
            return;
        }
        let fault = self.strike(Step::of(task));
        match fault {
            Some(Fault::ErrorBefore) => return,
            Some(Fault::CrashBefore) => return self.crash(node),
            _ => {}
        }
        let is_queued = matches!(
            task,
            Task::Wish { .. }
                | Task::Errand {
                    effect: Effect::Tell(_),
                    ..
                }
        );
        let usual_ms = if is_queued { QUEUE_MS } else { CALL_MS };
        let asks = Asker::Node(node, life);
        match fault {
            Some(Fault::AnswerLost) if is_queued => {}
            Some(Fault::AnswerLost) => self.send(node, task, Asker::Nobody, usual_ms),
            Some(Fault::Late) => self.send(node, task, asks, LATE_MS),
            Some(Fault::Twice) => {
                self.send(node, task, asks, usual_ms);
                self.send(node, task, asks, LATE_MS);
            }
            _ => self.send(node, task, asks, usual_ms),
        }
        if fault == Some(Fault::CrashAfter) {
            self.crash(node);
        }
    }

    fn send(&mut self, node: Node, task: &Task, asker: Asker, most_ms: i64) {
        let (to, message) = match (node, task) {
            (Node::Order(order), Task::Wish { cell, wish }) => {
                let command = Command::Wish(wish.clone());
                (Node::Cell(*cell), Message::Errand { order, command })
            }
            (Node::Order(order), Task::Follow(follow)) => {
                let command = Command::Follow {
                    attempt: follow.attempt,
                    stage: follow.stage,
                };
                let cell = Node::Cell(follow.cell);
                (cell, Message::Errand { order, command })
            }
            (
                Node::Order(order),
                Task::Heard {
                    cell,
                    attempt,
                    version,
                },
            ) => {
                let command = Command::Heard {
                    attempt: *attempt,
                    version: *version,
                };
                (Node::Cell(*cell), Message::Errand { order, command })
            }
            (
                Node::Driver(driver),
                Task::Drop {
                    order,
                    cell,
                    number,
                },
            ) => {
                let command = Command::Drop {
                    driver: format!("d{driver}"),
                    claim: *number,
                };
                let order = *order;
                (Node::Cell(*cell), Message::Errand { order, command })
            }
            (Node::Cell(cell), Task::Errand { order, effect }) => {
                let order = *order;
                if let Effect::Offer { driver, claim, .. } = effect {
                    return self.offer(cell, order, number_in(driver), *claim, asker, most_ms);
                }
                of_errand(cell, order, effect)
            }
            _ => return,
        };
        self.later(most_ms, Event::Reach { to, message, asker });
    }

    fn offer(
        &mut self,
        cell: usize,
        order: usize,
        driver: usize,
        claim: u32,
        asker: Asker,
        most_ms: i64,
    ) {
        let screen = Event::Screen {
            driver,
            order,
            cell,
        };
        self.later(most_ms, screen);
        if let Asker::Node(to, life) = asker {
            let command = Command::Sent { claim };
            let message = Message::Errand { order, command };
            self.later(most_ms, Event::Answer { to, life, message });
        }
    }
}

/// Whom it is for, of what an errand wants done.
fn of_errand(cell: usize, order: usize, effect: &Effect) -> (Node, Message) {
    let desk_of = |driver: &str| Node::Driver(number_in(driver));
    match effect {
        Effect::Take {
            driver,
            claim,
            forced,
            offered,
        } => {
            let take = Message::Take {
                order,
                cell,
                number: *claim,
                forced: *forced,
                offered: *offered,
            };
            (desk_of(driver), take)
        }
        Effect::Note {
            driver,
            claim,
            is_collected,
        } => {
            let note = Message::Note {
                order,
                number: *claim,
                is_collected: *is_collected,
            };
            (desk_of(driver), note)
        }
        Effect::Offer { driver, claim, .. } | Effect::GiveBack { driver, claim, .. } => {
            let close = Message::GiveBack {
                order,
                cell,
                number: *claim,
            };
            (desk_of(driver), close)
        }
        Effect::Tell(report) => {
            let report = report.clone();
            (Node::Order(order), Message::Report { cell, report })
        }
    }
}
