//! The one alarm of an object, kept at the earliest time that anyone asked for.

use std::cell::Cell;
use std::rc::Rc;

use worker::{ScheduledTime, State};

use crate::clock;

/// An alarm that is overdue for longer has to be set again.
const LATE_MS: i64 = 5_000;

/// Remembers when the alarm goes off, so that asking for a later time is free, and does
/// not put off what a former life has set.
#[derive(Debug)]
pub struct Alarm {
    /// 0 when no alarm is known to be set.
    at_ms: Rc<Cell<i64>>,
}

impl Alarm {
    /// To be made when the object opens. It asks for the alarm at once and has the answer
    /// before a request has been read.
    pub fn of(state: &State) -> Self {
        let at_ms = Rc::new(Cell::new(0));
        let (storage, known) = (state.storage(), Rc::clone(&at_ms));
        state.wait_until(async move {
            // Whoever set one meanwhile did not know of this one, and has replaced it.
            if let Ok(Some(set)) = storage.get_alarm().await
                && known.get() == 0
            {
                known.set(set);
            }
        });
        Self { at_ms }
    }

    /// The alarm goes off at that time or earlier. It is part of the object's
    /// current write: both are durable or neither is.
    pub async fn wake_by(&self, state: &State, at_ms: i64) -> worker::Result<()> {
        let now = clock::now_ms();
        let set = self.at_ms.get();
        if set > now.saturating_sub(LATE_MS) && set <= at_ms {
            return Ok(());
        }
        // One that was to go off long ago is not put off.
        let is_lost = set != 0 && set <= now.saturating_sub(LATE_MS);
        let at_ms = if is_lost { now } else { at_ms };
        self.at_ms.set(at_ms);
        let delay = at_ms.saturating_sub(now).max(1);
        state.storage().set_alarm(ScheduledTime::from(delay)).await
    }

    /// It went off, and is used up.
    pub fn went_off(&self) {
        self.at_ms.set(0);
    }
}
