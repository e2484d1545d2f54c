//! The desk of an order, as far as it wants somebody to bring it: the hail, where it is
//! collected, and what errands still have to hear.
//!
//! An order that moves to another cell does not wish there before the errand of the old one
//! is known to have nobody: else two drivers might have it. What staff says has left the
//! house is brought by whom the errand has, and by nobody if it has none; the errand's
//! answer tells which.

use domain::errand::{Report, Stage, State, Wish};
use domain::geo::Point;
use domain::hail::{Hail, Heard};
use domain::outbox::Outbox;

use super::desk::Keeps;
use super::event::{Follow, Message, Task};
use super::mutant::Mutant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Ready,
    Collected,
    Delivered,
    Cancelled,
}

#[derive(Debug, Clone)]
pub struct Order {
    pub hail: Hail,
    pub progress: Progress,
    pub cell: usize,
    site: usize,
    /// The first attempt to be collected there.
    first: u32,
    pub outbox: Outbox<Follow>,
    mutant: Option<Mutant>,
}

impl Order {
    pub fn new(cell: usize, mutant: Option<Mutant>) -> Self {
        Self {
            hail: Hail::default(),
            progress: Progress::Ready,
            cell,
            site: 0,
            first: 1,
            outbox: Outbox::default(),
            mutant,
        }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// What reports come to is answered for the books.
    pub fn command(&mut self, message: Message, now_ms: i64) -> (Vec<Task>, Option<Heard>) {
        let (mut tasks, mut heard) = (Vec::new(), None);
        match message {
            Message::Begin => self.begin(now_ms, &mut tasks),
            Message::Cancel if self.progress == Progress::Ready => {
                self.progress = Progress::Cancelled;
                self.end(Stage::Cancelled, now_ms);
            }
            Message::StaffCollected if self.progress == Progress::Ready && self.is_wanted() => {
                self.progress = Progress::Collected;
                let (cell, attempt) = (self.cell, self.hail.attempt);
                self.follow(cell, attempt, Stage::Collected, now_ms);
            }
            Message::StaffDelivered
                if matches!(self.progress, Progress::Ready | Progress::Collected) =>
            {
                self.progress = Progress::Delivered;
                self.end(Stage::Delivered, now_ms);
            }
            Message::Move { cell, site } => self.go_to(cell, site, now_ms, &mut tasks),
            Message::Report { cell, report } => {
                heard = Some(self.hear(cell, &report, now_ms, &mut tasks));
            }
            Message::Followed {
                follow,
                is_clear,
                is_brought,
            } => self.followed(follow, is_clear, is_brought),
            _ => {}
        }
        self.go_on(now_ms, &mut tasks);
        (tasks, heard)
    }

    pub fn is_wanted(&self) -> bool {
        self.hail.attempt > 0 && !self.hail.is_over
    }

    /// Whether the errand of an attempt has no reason to go on.
    pub fn has_ended(&self, attempt: u32) -> bool {
        !self.is_wanted() || attempt < self.first
    }

    /// Whether no driver of another cell can have it.
    fn may_wish(&self) -> bool {
        let elsewhere = |follow: &Follow| follow.cell != self.cell;
        self.is(Mutant::HastyMove) || self.outbox.find(elsewhere).is_none()
    }

    fn begin(&mut self, now_ms: i64, tasks: &mut Vec<Task>) {
        let is_asked = self.hail.attempt == 0 || self.hail.needs_somebody();
        if self.progress == Progress::Ready && is_asked && self.hail.begin(now_ms) {
            tasks.push(self.wish());
        }
    }

    /// It will be collected elsewhere.
    fn go_to(&mut self, cell: usize, site: usize, now_ms: i64, tasks: &mut Vec<Task>) {
        let is_there = (self.cell, self.site) == (cell, site);
        if self.progress != Progress::Ready || !self.is_wanted() || is_there {
            return;
        }
        let (old, attempt) = (self.cell, self.hail.attempt);
        (self.cell, self.site) = (cell, site);
        self.hail.anew(now_ms);
        self.first = self.hail.attempt;
        if old != cell {
            self.follow(old, attempt, Stage::Cancelled, now_ms);
        }
        if self.may_wish() {
            tasks.push(self.wish());
        }
    }

    fn hear(&mut self, cell: usize, report: &Report, now_ms: i64, tasks: &mut Vec<Task>) -> Heard {
        if self.is(Mutant::AnyVersion) && report.attempt == self.hail.attempt {
            self.hail.version = 0;
        }
        let heard = self.hail.hear(report, now_ms);
        match heard {
            Heard::Over => {
                let stage = match self.progress {
                    Progress::Delivered | Progress::Collected => Stage::Delivered,
                    Progress::Ready | Progress::Cancelled => Stage::Cancelled,
                };
                let is_it =
                    |follow: &Follow| (follow.cell, follow.attempt) == (cell, report.attempt);
                if self.outbox.find(is_it).is_none() {
                    self.follow(cell, report.attempt, stage, now_ms);
                }
                return heard;
            }
            Heard::News => match report.state {
                State::Collected if self.progress == Progress::Ready => {
                    self.progress = Progress::Collected;
                }
                State::Delivered => {
                    self.progress = Progress::Delivered;
                    self.end(Stage::Delivered, now_ms);
                }
                _ => {}
            },
            Heard::Known => {}
        }
        tasks.push(Task::Heard {
            cell,
            attempt: report.attempt,
            version: report.version,
        });
        heard
    }

    fn followed(&mut self, follow: Follow, is_clear: bool, is_brought: bool) {
        let is_of_now = follow.attempt == self.hail.attempt && follow.cell == self.cell;
        if follow.stage == Stage::Collected {
            if is_of_now && !is_brought {
                self.hail.end();
            }
        } else if !is_clear {
            return;
        }
        self.outbox.drop_if(|known| *known == follow);
    }

    fn end(&mut self, stage: Stage, now_ms: i64) {
        if let Some(attempt) = self.hail.end() {
            self.follow(self.cell, attempt, stage, now_ms);
        }
    }

    fn follow(&mut self, cell: usize, attempt: u32, stage: Stage, now_ms: i64) {
        let is_it = |follow: &Follow| (follow.cell, follow.attempt) == (cell, attempt);
        self.outbox.drop_if(is_it);
        let follow = Follow {
            cell,
            attempt,
            stage,
        };
        self.outbox.add(follow, now_ms);
    }

    fn go_on(&mut self, now_ms: i64, tasks: &mut Vec<Task>) {
        tasks.extend(self.outbox.take_fresh().into_iter().map(Task::Follow));
        if self.is(Mutant::FollowOnce) {
            self.outbox.drop_if(|_| true);
        }
        if self.wishes() && self.hail.is_due(now_ms) {
            if self.is(Mutant::WishOnce) && self.hail.sent > 1 {
                return self.hail.again_ms = None;
            }
            tasks.push(self.wish());
        }
    }

    fn wishes(&self) -> bool {
        self.progress == Progress::Ready && self.may_wish()
    }

    fn wish(&self) -> Task {
        let at = |latitude| Point {
            latitude,
            longitude: 13.4,
        };
        let wish = Wish {
            attempt: self.hail.attempt,
            site: format!("c{}s{}", self.cell, self.site),
            pickup: at(52.5),
            dropoff: at(52.52),
            placed_ms: 0,
            ready_ms: 600_000,
            radius_m: 5_000,
        };
        let cell = self.cell;
        Task::Wish { cell, wish }
    }
}

impl Keeps for Order {
    fn resume(&mut self, now_ms: i64) -> Vec<Task> {
        self.outbox.all(now_ms);
        let mut tasks = Vec::new();
        self.go_on(now_ms, &mut tasks);
        tasks
    }

    fn due(&mut self, now_ms: i64) -> Vec<Task> {
        self.outbox.due(now_ms);
        let mut tasks = Vec::new();
        self.go_on(now_ms, &mut tasks);
        tasks
    }

    fn wake_at(&self) -> Option<i64> {
        let again = self.hail.again_ms.filter(|_| self.wishes());
        again.into_iter().chain(self.outbox.next_ms()).min()
    }
}
