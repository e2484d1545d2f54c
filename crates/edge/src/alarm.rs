//! The one alarm of an object, kept at the earliest time that anyone asked for.

use std::cell::Cell;

use worker::{ScheduledTime, State};

use crate::clock;

/// No alarm is set.
const NONE: i64 = i64::MAX;

/// Remembers when the alarm goes off, so that asking for a later time is free. Setting an
/// alarm replaces the one before, so one that is not known, or is due and has not gone
/// off, is replaced by one that goes off at once: early is harmless, late is not.
#[derive(Debug, Default)]
pub struct Alarm {
    /// 0 while it is not known, which it is not after an eviction.
    at_ms: Cell<i64>,
}

impl Alarm {
    /// The alarm goes off at that time or earlier. It is part of the object's
    /// current write: both are durable or neither is.
    pub async fn wake_by(&self, state: &State, at_ms: i64) -> worker::Result<()> {
        let now = clock::now_ms();
        let set = self.at_ms.get();
        let at_ms = match set {
            NONE => at_ms,
            _ if set <= now => at_ms.min(now.saturating_add(1)),
            _ if set <= at_ms => return Ok(()),
            _ => at_ms,
        };
        self.at_ms.set(at_ms);
        let delay = at_ms.saturating_sub(now).max(1);
        state.storage().set_alarm(ScheduledTime::from(delay)).await
    }

    /// It went off, and is used up.
    pub fn went_off(&self) {
        self.at_ms.set(NONE);
    }
}
