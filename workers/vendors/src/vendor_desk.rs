//! The vendor desk: the places of many vendors, and who holds them.
//!
//! What must hold: a vendor works on no more orders at once than its capacity, except
//! where an admin forces one on it; the same claim gets the same answer for ever; a claim
//! that was given back is closed, also for a copy of the question that comes late. Check
//! and write are one stretch without an await, so of many who ask at once just as many
//! are granted as there are places. Every command may be repeated.
//!
//! The rules are in [`domain::places`]. The truth about capacities is the database, which
//! is looked at when the desk cannot answer ([`capacity`]); what the vendors have in work
//! is told to the database, so that searches pass by who is full ([`work`]). Both may fail
//! and neither is ever taken for "full".

mod capacity;
mod rows;
mod work;

use std::collections::BTreeSet;
use std::rc::Rc;

use contract::assignment::{AtVendorDesk, GivePlacesBack, TakePlace};
use contract::{Empty, Problem};
use domain::places::{Claim, Question, Verdict};
use edge::alarm::Alarm;
use edge::call::{receive, reply};
use edge::gather::Given;
use edge::{Scope, clock, config, faults, http, telemetry};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use capacity::Looks;
use rows::{Rows, Work};

#[durable_object]
pub struct VendorDesk {
    desk: Rc<Desk>,
}

struct Desk {
    state: State,
    env: Env,
    rows: Rows,
    alarm: Alarm,
    looks: Looks,
    /// How long a capacity that was seen may grant places.
    fresh_ms: i64,
    /// How long after a crash the database learns what it lacks, at the latest.
    recover_after_ms: i64,
    /// How long changes gather before the database gets them, after the first.
    gather_ms: i64,
    /// Versions on their way to the database, of which it is not known yet that they
    /// arrived.
    projected: Given<Work>,
}

impl DurableObject for VendorDesk {
    fn new(state: State, env: Env) -> Self {
        telemetry::configure(&env);
        let capacity_seconds = config::number(&env, "CAPACITY_SECONDS", 30_i64);
        let recover_seconds = config::number(&env, "RECOVER_AFTER_SECONDS", 10_i64);
        let desk = Desk {
            rows: Rows::open(state.storage().sql()),
            alarm: Alarm::of(&state),
            looks: Looks::default(),
            fresh_ms: capacity_seconds.saturating_mul(1000),
            recover_after_ms: recover_seconds.saturating_mul(1000),
            gather_ms: config::number(&env, "GATHER_MS", 250_i64),
            projected: work::given(),
            state,
            env,
        };
        Self {
            desk: Rc::new(desk),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let (scope, command) = match receive(&mut request).await {
            Ok(received) => received,
            Err(problem) => return reply::<Empty>(Err(problem)),
        };
        let desk = &self.desk;
        let scope = scope.within(&desk.state);
        if let Err(problem) = desk.note_arrived() {
            return reply::<Empty>(Err(problem));
        }
        let response = match command {
            AtVendorDesk::Take(take) => reply(desk.take(&scope, &take).await),
            AtVendorDesk::GiveBack(back) => reply(desk.give_back(&scope, &back).await),
            AtVendorDesk::Export(export) => reply(desk.rows.export(&export.after)),
        };
        telemetry::flush_soon(&desk.env, &desk.state);
        response
    }

    /// Tells the database what it lacks, and forgets what is old. Safe to run at any time
    /// and twice: each part looks at what is written.
    async fn alarm(&self) -> Result<Response> {
        let desk = &self.desk;
        desk.alarm.went_off();
        let failed = |problem: Problem| worker::Error::RustError(problem.detail);
        desk.note_arrived().map_err(failed)?;
        desk.catch_up().await;
        // An error from here on makes the runtime repeat the alarm, so work is never
        // left without a timer.
        let now = clock::now_ms();
        desk.rows.forget_old(now).map_err(failed)?;
        let due = desk
            .rows
            .next_due(now, desk.recover_after_ms)
            .map_err(failed)?;
        if let Some(at) = due {
            desk.alarm.wake_by(&desk.state, at).await?;
        }
        telemetry::flush_soon(&desk.env, &desk.state);
        Response::empty()
    }
}

impl Desk {
    /// Takes a place, or says that there is none.
    async fn take(
        self: &Rc<Self>,
        scope: &Scope,
        take: &TakePlace,
    ) -> std::result::Result<bool, Problem> {
        let vendor_id = take.place.vendor_id.as_str();
        let looks_before = self.looks.begun();
        let verdict = loop {
            // What was true before the look need not be true behind it, so all of it is
            // asked anew; and from here to the write there is no await.
            let question = Question {
                claim: self.rows.claim(&take.place)?,
                forced: take.forced,
                held: self.rows.held(vendor_id)?,
                seen: self.looks.seen(vendor_id),
                looks_before,
                now_ms: clock::now_ms(),
                fresh_ms: self.fresh_ms,
            };
            match question.decide() {
                Verdict::Look => self.look(scope, vendor_id).await?,
                verdict => break verdict,
            }
        };
        if verdict == Verdict::Granted {
            faults::before(scope, "vendor.hold")?;
            let now = clock::now_ms();
            self.rows.hold(&take.place, now)?;
            let changed = BTreeSet::from([vendor_id]);
            self.tell(scope, "vendor.hold", &changed, now).await?;
        }
        note(scope, take, verdict);
        Ok(matches!(verdict, Verdict::Stands | Verdict::Granted))
    }

    /// Closes claims, and frees the places of those that were held.
    async fn give_back(
        self: &Rc<Self>,
        scope: &Scope,
        back: &GivePlacesBack,
    ) -> std::result::Result<Empty, Problem> {
        faults::before(scope, "vendor.close")?;
        let now = clock::now_ms();
        let mut freed = BTreeSet::new();
        for place in &back.places {
            if self.rows.claim(place)? == Some(Claim::Held) {
                freed.insert(place.vendor_id.as_str());
            }
            self.rows.close(place, now)?;
        }
        self.tell(scope, "vendor.close", &freed, now).await?;
        Ok(Empty {})
    }

    /// Places of these vendors have changed, as was just written: what they have in work
    /// gets a new version, in the same commit, and is on its way to the database.
    async fn tell(
        self: &Rc<Self>,
        scope: &Scope,
        step: &str,
        vendors: &BTreeSet<&str>,
        now: i64,
    ) -> std::result::Result<(), Problem> {
        let mut changed = Vec::with_capacity(vendors.len());
        for vendor_id in vendors {
            changed.push(self.rows.next(vendor_id, now)?);
        }
        let by = now.saturating_add(self.recover_after_ms);
        self.alarm
            .wake_by(&self.state, by)
            .await
            .map_err(http::internal)?;
        faults::written(&self.state, scope, step).await?;
        for work in changed {
            self.project_soon(work);
        }
        Ok(())
    }
}

fn note(scope: &Scope, take: &TakePlace, verdict: Verdict) {
    let outcome = match verdict {
        Verdict::Stands => "stands",
        Verdict::Granted if take.forced => "forced",
        Verdict::Granted => "granted",
        Verdict::Closed => "closed",
        Verdict::Full | Verdict::Look => "full",
    };
    let place = &take.place;
    telemetry::count("vendor_places", &[("outcome", outcome)], 1);
    telemetry::info(
        "vendor_place",
        &[
            ("vendor_id", &place.vendor_id),
            ("order_id", &place.order_id),
            ("trace_id", &scope.trace),
            ("outcome", outcome),
        ],
    );
}
