//! The life of a sending: one event on its way to one receiver.
//!
//! ```text
//!               2xx                    replay
//!   waiting ----------> delivered ----------------> waiting
//!      |  ^
//!      |  +-- anything else, or no answer: the next try after a growing time
//!      +----> dead: 410, the last try failed, nobody there any more; or nothing to be tried
//! ```
//!
//! What must hold: a sending that waits has a time for its next try; one that was delivered
//! or is dead is left alone until somebody asks for it; an answer counts however late it
//! comes. Every event may come twice. A try whose outcome was lost in a crash was not
//! counted and is made again, so receivers may see one twice and know it by its id.

use super::schedule::Schedule;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Waiting,
    Delivered,
    Dead,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Delivered, Self::Dead]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    pub state: State,
    /// Tries whose outcome is known, in all.
    pub attempts: u32,
    /// Those since it was made, or asked for again: what the schedule goes by.
    pub tries: u32,
    /// Set while it waits, and only then.
    pub next_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Its time may have come.
    Due,
    /// The receiver answered with that status.
    Sent(u16),
    /// Nobody knows whether it arrived.
    Lost,
    /// It was not taken, and never will be as it is.
    Refused,
    /// Somebody wants it tried again, now.
    Replay,
    /// Its receiver was deleted or switched off.
    EndpointGone,
}

/// What follows for whoever keeps it. What is not an effect is in the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Send it. It stays as it is until the outcome is known.
    Send,
    /// Look again at that time.
    WakeAt(i64),
    /// It has arrived.
    Delivered,
    /// It is given up.
    Died,
    /// It is given up, and its receiver wants nothing more.
    DiedWithEndpoint,
}

/// What a decision depends on besides the sending.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    pub now_ms: i64,
    pub chance: u16,
    pub schedule: &'a Schedule,
}

/// "Gone": nothing is to be sent there again.
const GONE: u16 = 410;

pub fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

impl Delivery {
    pub fn new(now_ms: i64) -> Self {
        Self {
            state: State::Waiting,
            attempts: 0,
            tries: 0,
            next_ms: Some(now_ms),
        }
    }

    /// One that is given up before it was ever tried.
    pub fn stillborn() -> Self {
        Self {
            state: State::Dead,
            next_ms: None,
            ..Self::new(0)
        }
    }

    pub fn apply(&mut self, event: Event, at: Moment<'_>) -> Option<Effect> {
        match event {
            Event::Due => self.next_ms.map(|next| {
                if next <= at.now_ms {
                    Effect::Send
                } else {
                    Effect::WakeAt(next)
                }
            }),
            Event::Sent(status) => {
                self.attempts = self.attempts.saturating_add(1);
                if is_success(status) {
                    return self.arrived();
                }
                if status == GONE {
                    return self.die(Effect::DiedWithEndpoint);
                }
                self.failed(at)
            }
            Event::Lost => {
                self.attempts = self.attempts.saturating_add(1);
                self.failed(at)
            }
            Event::Refused => {
                self.attempts = self.attempts.saturating_add(1);
                self.die(Effect::Died)
            }
            Event::EndpointGone => self.die(Effect::Died),
            Event::Replay => {
                if self.next_ms.is_some_and(|next| next <= at.now_ms) {
                    // It is being tried, or about to be.
                    return None;
                }
                self.state = State::Waiting;
                self.tries = 0;
                self.next_ms = Some(at.now_ms);
                Some(Effect::WakeAt(at.now_ms))
            }
        }
    }

    fn arrived(&mut self) -> Option<Effect> {
        if self.state == State::Delivered {
            return None;
        }
        self.state = State::Delivered;
        self.next_ms = None;
        Some(Effect::Delivered)
    }

    fn die(&mut self, effect: Effect) -> Option<Effect> {
        if self.state != State::Waiting {
            return None;
        }
        self.state = State::Dead;
        self.next_ms = None;
        Some(effect)
    }

    fn failed(&mut self, at: Moment<'_>) -> Option<Effect> {
        if self.state != State::Waiting {
            return None;
        }
        self.tries = self.tries.saturating_add(1);
        let Some(wait) = at.schedule.after(self.tries, at.chance) else {
            return self.die(Effect::Died);
        };
        let next = at.now_ms.saturating_add(wait);
        self.next_ms = Some(next);
        Some(Effect::WakeAt(next))
    }
}

#[cfg(test)]
mod tests;
