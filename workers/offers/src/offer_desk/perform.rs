//! What was decided is done: searches, places, events, rows.
//!
//! Safe to repeat, all of it: a search is answered once by its number, a place is taken
//! and given back under a claim, events and rows have ids. What fails is left to the
//! outbox in the state, which asks for it again.

use std::collections::BTreeMap;
use std::rc::Rc;

use contract::assignment::{GivePlacesBack, Place, TakePlace, VENDOR_DESK, desk_of_vendor};
use contract::order::{ORDER_DESK, TellHolding};
use contract::realtime::Event;
use contract::vendor::{CallOffAlert, Candidate as Near, FindBest, FindNear, VENDOR_SERVICE};
use domain::assignment::{CancelReason, Candidate, Command, Effect, Offer, OfferState};
use domain::ids::desk_of_uuid;
use edge::call::{To, call};
use edge::gather::Parcel;
use edge::{CallError, announce, clock, telemetry};
use futures::future::join_all;
use futures::join;

use super::book::{Change, Page, Rung};
use super::showing::holding_of;
use super::telling::{self, Told};
use super::under_way::{part, parts_of};
use super::{Desk, no_scope};

/// The offer that an effect ends, where something may ring for it.
fn ringing(page: &Page, effect: &Effect) -> Option<CallOffAlert> {
    let (vendor, tag, reason) = match effect {
        Effect::CancelPush {
            vendor,
            tag,
            reason,
        } => (vendor, *tag, *reason),
        // The winner's other devices.
        Effect::Won { vendor, .. } => {
            let mut offers = page.engine.offers.iter();
            let mine =
                |offer: &&Offer| offer.state == OfferState::Accepted && offer.vendor_id == *vendor;
            (
                vendor,
                offers.find(mine)?.tag,
                CancelReason::AcceptedByAnother,
            )
        }
        _ => return None,
    };
    let rung = page.alerted.get(&(tag.batch, vendor.clone()));
    let was_rung = rung.is_some_and(|rung| *rung != Rung::Nothing);
    let offer = page.engine.offer_to(vendor);
    let unknown =
        rung.is_none() && page.was_read && offer.is_some_and(|offer| offer.delivered_ms.is_none());
    let has_won = matches!(effect, Effect::Won { .. });
    (was_rung || unknown).then(|| {
        let mut off = telling::off(&page.order.order_id, vendor, tag, reason);
        if has_won {
            off.reason = "Order accepted".into();
        }
        CallOffAlert {
            off,
            order_number: page.order.number.clone(),
            by_itself: has_won || reason == CancelReason::Declined,
        }
    })
}

impl Desk {
    /// What a command asked for is begun. Nobody waits for its end.
    pub(super) fn perform_soon(self: &Rc<Self>, order_id: &str, effects: Vec<Effect>) {
        let (rows, work): (Vec<Effect>, Vec<Effect>) = effects
            .into_iter()
            .filter(|effect| !matches!(effect, Effect::WakeAt { .. }))
            .partition(|effect| {
                matches!(
                    effect,
                    Effect::RecordOffer { .. } | Effect::RecordEvent { .. }
                )
            });
        let repeated = self.begin_rows(order_id, &rows);
        if work.is_empty() && !repeated {
            return;
        }
        let (desk, order_id) = (Rc::clone(self), order_id.to_owned());
        self.background(async move {
            desk.perform(&order_id, work, repeated).await;
            telemetry::flush_soon(&desk.env, &desk.state);
        });
    }

    /// Rows gather. True when some of them have been given to be carried before, and did
    /// not arrive.
    fn begin_rows(self: &Rc<Self>, order_id: &str, rows: &[Effect]) -> bool {
        let mut repeated = false;
        for effect in rows {
            let told = Told {
                order_id: order_id.to_owned(),
                effect_id: effect.id(order_id),
            };
            repeated |= self.under_way.begin(told, part::RECORDED);
        }
        if !rows.is_empty() {
            self.record_soon(order_id);
        }
        repeated
    }

    async fn perform(self: &Rc<Self>, order_id: &str, effects: Vec<Effect>, to_record: bool) {
        let calls = effects.iter().map(|effect| async move {
            match effect {
                Effect::Find { .. } => self.find(order_id, effect).await,
                Effect::TakePlace {
                    vendor,
                    claim,
                    forced,
                } => self.take_place(order_id, vendor, *claim, *forced).await,
                _ => {}
            }
        });
        join!(
            join_all(calls),
            self.give_back(order_id, &effects),
            self.tell(order_id, &effects),
            async {
                // Whoever was to carry it may be gone.
                if to_record && let Err(problem) = self.record_now(order_id).await {
                    telemetry::error("recording_failed", &[("reason", &problem.detail)]);
                }
            }
        );
    }

    async fn find(self: &Rc<Self>, order_id: &str, effect: &Effect) {
        let Effect::Find {
            search_no,
            radius_m,
            limit,
            by_score,
            exclude,
        } = effect
        else {
            return;
        };
        let at = self.book.with(&self.rows, order_id, |page| page.order.at);
        let Ok(at) = at else { return };
        // The search does not know who is left out, so that many more are asked for.
        let limit = limit.saturating_add(exclude.len()).min(1_000);
        let limit = u32::try_from(limit).unwrap_or(1_000);
        let (scope, to) = (no_scope(), To::Service(VENDOR_SERVICE));
        let found = if *by_score {
            let best = FindBest {
                latitude: at.latitude,
                longitude: at.longitude,
                limit,
            };
            call(&self.env, &scope, to, best).await
        } else {
            let near = FindNear {
                latitude: at.latitude,
                longitude: at.longitude,
                radius_km: f64::from(radius_m.unwrap_or_default()) / 1000.0,
                limit,
            };
            call(&self.env, &scope, to, near).await
        };
        match found {
            Ok(found) => {
                let command = Command::Candidates {
                    search_no: *search_no,
                    found: found.vendors.iter().map(candidate).collect(),
                    passed: Vec::new(),
                };
                self.answered(order_id, command).await;
            }
            Err(error) => failed("find", order_id, &error),
        }
    }

    async fn take_place(self: &Rc<Self>, order_id: &str, vendor: &str, claim: u32, forced: bool) {
        let place = place(order_id, vendor, claim);
        let name = self.vendor_desk(vendor);
        let take = TakePlace { place, forced };
        let taken = call(&self.env, &no_scope(), To::Object(VENDOR_DESK, &name), take).await;
        match taken {
            Ok(granted) => {
                self.answered(order_id, Command::Place { claim, granted })
                    .await;
            }
            Err(error) => failed("take_place", order_id, &error),
        }
    }

    async fn answered(self: &Rc<Self>, order_id: &str, command: Command) {
        if let Err(problem) = self.command(order_id, command).await {
            let fields = [("order_id", order_id), ("reason", &problem.detail)];
            telemetry::error("assignment_answer_lost", &fields);
        }
    }

    async fn give_back(self: &Rc<Self>, order_id: &str, effects: &[Effect]) {
        let mut by_desk: BTreeMap<String, Vec<(Place, String)>> = BTreeMap::new();
        for effect in effects {
            if let Effect::GivePlaceBack { vendor, claim } = effect {
                let of_desk = by_desk.entry(self.vendor_desk(vendor)).or_default();
                of_desk.push((place(order_id, vendor, *claim), effect.id(order_id)));
            }
        }
        for (name, given) in by_desk {
            let (places, ids): (Vec<Place>, Vec<String>) = given.into_iter().unzip();
            let give = GivePlacesBack { places };
            let to = To::Object(VENDOR_DESK, &name);
            match call(&self.env, &no_scope(), to, give).await {
                Ok(_) => self.set_done(order_id, &ids).await,
                Err(error) => failed("give_back", order_id, &error),
            }
        }
    }

    fn vendor_desk(&self, vendor: &str) -> String {
        desk_of_vendor(vendor, self.plan.vendor_desks)
    }

    /// Events are given to be carried, with those of other desks. Theirs may be sent
    /// before our writes are durable, so these are waited for (M4).
    async fn tell(self: &Rc<Self>, order_id: &str, effects: &[Effect]) {
        let is_told = |effect: &&Effect| {
            !matches!(
                effect,
                Effect::Find { .. }
                    | Effect::TakePlace { .. }
                    | Effect::GivePlaceBack { .. }
                    | Effect::WakeAt { .. }
            )
        };
        if !effects.iter().any(|effect| is_told(&effect)) {
            return;
        }
        if let Err(error) = self.state.storage().sync().await {
            telemetry::error("assignment_not_written", &[("reason", &error.to_string())]);
            return;
        }
        let now = clock::now_ms();
        let made = self.book.with(&self.rows, order_id, |page| {
            let (mut events, mut again, mut off) = (Vec::new(), Vec::new(), Vec::new());
            for effect in effects.iter().filter(is_told) {
                let told = Told {
                    order_id: order_id.to_owned(),
                    effect_id: effect.id(order_id),
                };
                let mut parts = parts_of(effect);
                if let Some(call_off) = ringing(page, effect) {
                    parts |= part::SILENT;
                    off.push((told.clone(), call_off));
                }
                let repeated = self.under_way.begin(told.clone(), parts);
                match telling::event_of(page, effect, now) {
                    Some(event) if repeated => again.push((told, event)),
                    Some(event) => events.push((told, event)),
                    None => self.under_way.came(&told, part::TOLD),
                }
            }
            (events, again, off)
        });
        let Ok((events, again, off)) = made else {
            return;
        };
        let for_order: Vec<Told> = effects
            .iter()
            .filter(|effect| parts_of(effect) & part::ORDER != 0)
            .map(|effect| Told {
                order_id: order_id.to_owned(),
                effect_id: effect.id(order_id),
            })
            .collect();
        let mut to_carry = false;
        for (told, event) in events {
            let parcel = Parcel {
                id: told.effect_id.clone(),
                rows: vec![event],
                more: Vec::new(),
                notices: Vec::new(),
            };
            self.told.forget(|given| *given == told);
            to_carry |= self.told.give(told, parcel, now);
        }
        self.record_soon(order_id);
        if effects
            .iter()
            .any(|effect| matches!(effect, Effect::Push { .. }))
        {
            self.reach_soon(order_id);
        }
        join!(
            self.call_off(off),
            self.tell_again(order_id, again),
            self.tell_order(order_id, for_order),
            async {
                if to_carry {
                    announce::carry(&self.env, self.announce_ms).await;
                    self.settle_done().await;
                }
            }
        );
    }

    /// Whoever was to carry these has not, and may be gone with its object.
    async fn tell_again(self: &Rc<Self>, order_id: &str, again: Vec<(Told, Rc<Event>)>) {
        if again.is_empty() {
            return;
        }
        let (told, events): (Vec<Told>, Vec<Rc<Event>>) = again.into_iter().unzip();
        match announce::publish(&self.env, events).await {
            Ok(()) => {
                for told in told {
                    self.told.forget(|given| *given == told);
                    self.under_way.came(&told, part::TOLD);
                }
                if let Err(problem) = self.record_now(order_id).await {
                    telemetry::error("recording_failed", &[("reason", &problem.detail)]);
                }
                self.settle_done().await;
            }
            Err(error) => failed("tell", order_id, &error),
        }
    }

    /// The order's desk hears who has it now, which is the last that there is to know.
    async fn tell_order(self: &Rc<Self>, order_id: &str, told: Vec<Told>) {
        if told.is_empty() {
            return;
        }
        let Ok(holding) = self.look(order_id, holding_of) else {
            return;
        };
        let name = contract::order::desk_name(desk_of_uuid(order_id).unwrap_or_default());
        let held = TellHolding {
            order_id: order_id.to_owned(),
            holding,
        };
        match call(&self.env, &no_scope(), To::Object(ORDER_DESK, &name), held).await {
            Ok(_) => {
                for told in &told {
                    self.under_way.came(told, part::ORDER);
                }
                self.settle_done().await;
            }
            Err(error) => failed("tell_order", order_id, &error),
        }
    }

    async fn call_off(self: &Rc<Self>, off: Vec<(Told, CallOffAlert)>) {
        let calls = off.into_iter().map(|(told, call_off)| async move {
            let to = To::Service(VENDOR_SERVICE);
            match call(&self.env, &no_scope(), to, call_off).await {
                Ok(_) => self.under_way.came(&told, part::SILENT),
                Err(error) => failed("call_off", &told.order_id, &error),
            }
        });
        join_all(calls).await;
    }

    /// Tells the states what has been done since.
    pub(super) async fn settle_done(self: &Rc<Self>) {
        for told in self.told.arrived() {
            self.under_way.came(&told, part::TOLD);
        }
        for recorded in self.records.arrived() {
            self.under_way.came(&recorded, part::RECORDED);
        }
        for (order_id, ids) in self.under_way.take_done() {
            self.set_done(&order_id, &ids).await;
        }
    }

    async fn set_done(self: &Rc<Self>, order_id: &str, ids: &[String]) {
        if let Err(problem) = self.assign(order_id, Change::Done(ids)).await {
            // It will be done again.
            let fields = [("order_id", order_id), ("reason", &problem.detail)];
            telemetry::error("assignment_done_lost", &fields);
        }
    }
}

fn place(order_id: &str, vendor: &str, claim: u32) -> Place {
    Place {
        vendor_id: vendor.to_owned(),
        order_id: order_id.to_owned(),
        claim,
    }
}

fn failed(step: &str, order_id: &str, error: &CallError) {
    let reason = format!("{error:?}");
    let fields = [("step", step), ("order_id", order_id), ("reason", &reason)];
    telemetry::warn("assignment_step_failed", &fields);
}

fn candidate(near: &Near) -> Candidate {
    let bounded = |value: f64, max: f64| value.round().clamp(0.0, max);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded"
    )]
    let (distance_m, score) = (
        bounded(near.distance_km * 1000.0, f64::from(u32::MAX)) as u32,
        bounded(near.score * 1000.0, 1e9) as i64,
    );
    let free = near
        .capacity
        .map(|capacity| capacity.saturating_sub(near.in_work).max(0));
    Candidate {
        vendor_id: near.vendor_id.clone(),
        distance_m,
        score,
        free: free.map(|free| u32::try_from(free).unwrap_or(u32::MAX)),
        usual_s: u32::try_from(near.prep_minutes.saturating_mul(60)).unwrap_or_default(),
    }
}
