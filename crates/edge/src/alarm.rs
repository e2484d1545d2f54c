//! The one alarm of an object, kept at the earliest time that anyone asked for.

use std::cell::Cell;

use worker::{ScheduledTime, State};

use crate::clock;

/// Remembers when the alarm goes off, so that asking for a later time is free.
/// After an eviction it remembers nothing and sets the alarm once more.
#[derive(Debug, Default)]
pub struct Alarm {
    /// 0 when no alarm is known to be set.
    at_ms: Cell<i64>,
}

impl Alarm {
    /// The alarm goes off at that time or earlier. It is part of the object's
    /// current write: both are durable or neither is.
    pub async fn wake_by(&self, state: &State, at_ms: i64) -> worker::Result<()> {
        let now = clock::now_ms();
        let set = self.at_ms.get();
        if set > now && set <= at_ms {
            return Ok(());
        }
        self.at_ms.set(at_ms);
        let delay = at_ms.saturating_sub(now).max(1);
        state.storage().set_alarm(ScheduledTime::from(delay)).await
    }

    /// It went off, and is used up.
    pub fn went_off(&self) {
        self.at_ms.set(0);
    }
}
