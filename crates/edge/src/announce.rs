//! Events on their way to those who watch, of all objects of the isolate, in one trip.
//!
//! See [`crate::gather`]: an object keeps what it gave as untold until it learns that it
//! was carried. Safe to repeat: streams know the ids of events.

use std::rc::Rc;

use contract::realtime::{Event, Publish, REALTIME_SERVICE};
use worker::Env;

use crate::call::{CallError, Scope, To, call};
use crate::gather::{Gather, Given};
use crate::{clock, telemetry};

thread_local! {
    static GATHERED: Gather<Rc<Event>> = const { Gather::new() };
}

/// What was given to be announced, by the names that its object has for it.
pub fn given<S>() -> Given<S, Rc<Event>> {
    Given::to(&GATHERED)
}

/// Publishes what gathered, trip after trip. The first of a quiet time goes at once, what
/// follows gathers so long.
pub async fn carry(env: &Env, gather_ms: i64) {
    loop {
        let parcels = GATHERED.with(|gathered| gathered.take(clock::now_ms()));
        if parcels.is_empty() {
            return;
        }
        let events = parcels
            .iter()
            .flat_map(|parcel| parcel.rows.iter().cloned());
        match publish(env, events.collect()).await {
            Ok(()) => GATHERED.with(|gathered| gathered.carried(&parcels)),
            // Their objects still have them as not told.
            Err(error) => {
                telemetry::error("announcing_failed", &[("reason", &format!("{error:?}"))]);
            }
        }
        clock::pause(gather_ms).await;
    }
}

/// One trip.
pub async fn publish(env: &Env, events: Vec<Rc<Event>>) -> Result<(), CallError> {
    let publish = Publish { events };
    let to = To::Service(REALTIME_SERVICE);
    call(env, &Scope::default(), to, publish).await?;
    Ok(())
}
