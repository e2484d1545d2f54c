//! A desk: a state that is written before anything is answered or done, a memory that a
//! crash takes, and one timer that the platform keeps.

use super::event::Task;

/// What a desk keeps.
pub trait Keeps: Clone {
    /// It comes back from what is written: everything that is not known to be done.
    fn resume(&mut self, now_ms: i64) -> Vec<Task>;
    fn due(&mut self, now_ms: i64) -> Vec<Task>;
    fn wake_at(&self) -> Option<i64>;
}

#[derive(Debug, Clone)]
pub struct Desk<S> {
    /// As it is written. There is nothing in memory that is not, between two commands.
    pub state: S,
    /// Grows with every crash: what a former life was about to do is not done.
    pub life: u32,
    is_asleep: bool,
    pub alarm: Option<i64>,
    /// The alarm that the platform knows of.
    pub noticed: Option<i64>,
}

impl<S: Keeps> Desk<S> {
    pub fn new(state: S) -> Self {
        Self {
            state,
            life: 0,
            is_asleep: false,
            alarm: None,
            noticed: None,
        }
    }

    pub fn crash(&mut self) {
        self.life += 1;
        self.is_asleep = true;
    }

    pub fn wake(&mut self, now_ms: i64) -> Vec<Task> {
        if std::mem::take(&mut self.is_asleep) {
            self.state.resume(now_ms)
        } else {
            Vec::new()
        }
    }

    /// The state is written, and the timer with it.
    pub fn written(&mut self) {
        self.alarm = self.state.wake_at();
    }
}
