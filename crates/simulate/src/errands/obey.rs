//! What a desk makes of what reaches it, and what the books keep of that.

use domain::errand::{Command, Granted, Refusal};
use domain::shift::Progress;

use super::check;
use super::event::{Asker, Event, Follow, Message, Node, Task};
use super::world::World;

/// What a command to a desk led to.
#[derive(Debug)]
pub struct Done {
    pub tasks: Vec<Task>,
    /// For the desk that asked.
    pub reply: Option<Message>,
    /// For a person who asked.
    pub said: Result<(), Refusal>,
}

impl World {
    /// The mistake of doing first and writing then, with a crash in between.
    pub(super) fn perform_unwritten(&mut self, to: Node, message: &Message, asker: Asker) {
        let done = match to {
            Node::Order(number) => {
                let before = self.orders[number].state.clone();
                let done = self.obey(to, message);
                self.orders[number].state = before;
                done
            }
            Node::Cell(number) => {
                let before = self.cells[number].state.clone();
                let done = self.obey(to, message);
                self.cells[number].state = before;
                done
            }
            Node::Driver(number) => {
                let before = self.drivers[number].state.clone();
                let done = self.obey(to, message);
                self.drivers[number].state = before;
                done
            }
        };
        self.crash(to);
        self.begin(to, done.tasks);
        if let (Asker::Node(to, life), Some(message)) = (asker, done.reply) {
            self.later(50, Event::Answer { to, life, message });
        }
    }

    pub(super) fn obey(&mut self, to: Node, message: &Message) -> Done {
        let now = self.now;
        let mut done = Done {
            tasks: Vec::new(),
            reply: None,
            said: Ok(()),
        };
        match to {
            Node::Order(number) => {
                let desk = &mut self.orders[number];
                done.tasks = desk.wake(now);
                let attempt = desk.state.hail.attempt;
                let (tasks, heard) = desk.state.command(message.clone(), now);
                done.tasks.extend(tasks);
                self.stats.moved += u64::from(
                    matches!(message, Message::Move { .. })
                        && self.orders[number].state.hail.attempt > attempt,
                );
                if let (Message::Report { report, .. }, Some(heard)) = (message, heard) {
                    check::heard(self, number, report.version, heard);
                    self.stats.heard(report, heard);
                }
            }
            Node::Cell(number) => {
                let Message::Errand { order, command } = message else {
                    return done;
                };
                let desk = &mut self.cells[number];
                done.tasks = desk.wake(now);
                let (tasks, said) = desk.state.command(*order, command.clone(), now);
                done.tasks.extend(tasks);
                done.said = said;
                if let Command::Follow { attempt, stage } = command {
                    let follow = Follow {
                        cell: number,
                        attempt: *attempt,
                        stage: *stage,
                    };
                    done.reply = desk.state.followed(*order, follow);
                }
            }
            Node::Driver(number) => {
                let desk = &mut self.drivers[number];
                done.tasks = desk.wake(now);
                let (tasks, reply) = desk.state.command(message, now);
                done.tasks.extend(tasks);
                self.entered(number, message, reply.as_ref());
                done.reply = reply;
            }
        }
        done
    }

    /// What is remembered of a driver's desk, to hold it against later.
    fn entered(&mut self, driver: usize, message: &Message, reply: Option<&Message>) {
        match message {
            Message::GiveBack {
                order,
                cell,
                number,
            } => {
                let key = (driver, *order, *cell);
                let closed = self.ledger.closed.entry(key).or_default();
                *closed = (*closed).max(*number);
            }
            Message::Turn { is_on: false, .. } => {
                for (order, name) in self.names.iter().enumerate() {
                    let claims = &self.drivers[driver].state.shift.claims;
                    if let Some(claim) = claims.get(name)
                        && claim.progress < Progress::Collected
                    {
                        self.ledger.leaving.insert((driver, order, claim.number));
                    }
                }
            }
            _ => {}
        }
        if let Some(Message::Errand {
            command: Command::Took { granted, .. },
            ..
        }) = reply
        {
            self.stats.granted += u64::from(*granted == Granted::Yes);
            self.stats.refused += u64::from(*granted != Granted::Yes);
            if *granted == Granted::Away {
                check::away(self, driver, message);
            }
        }
    }

    pub(super) fn told(&mut self, message: &Message, said: Result<(), Refusal>) {
        let count = u64::from(said.is_ok());
        match message {
            Message::Cancel => self.stats.cancelled += 1,
            Message::Errand { command, .. } => match command {
                Command::Accept { .. } => self.stats.accepted += count,
                Command::Reject { .. } => self.stats.rejected += count,
                Command::Force { .. } => self.stats.forced += count,
                Command::Drop { .. } => self.stats.dropped += count,
                _ => {}
            },
            _ => {}
        }
    }
}
