//! What the order desk has to do with drivers: it wishes for one, hears what became of that,
//! and says when the order needs nobody any more.
//!
//! What must hold: a wish is written with the step that it follows from, and goes out over the
//! queue again and again until something is heard of it; an end is written with its step, too,
//! and repeated until those who lead the errand have heard it; a wish for another place waits
//! until nobody has the order at the old one. So no driver comes for an order that is over,
//! none is forgotten by a queue that forgets, and no two come for one order (A4, M1). Safe to
//! repeat: wishes and ends are known by their attempt, and of two reports the older says
//! nothing. The rules are in [`domain::hail`].

use std::rc::Rc;

use contract::dispatch::{
    AssignByHand, AssignmentRequest, DISPATCH_SERVICE, ErrandHeard, FollowErrand, REQUESTED,
    REQUESTS, RequestedItem, geo_key, request_topic,
};
use contract::order::HearErrand;
use contract::vendor::{VENDOR_SERVICE, WhereIs};
use contract::{Actor, Problem, Role, code};
use domain::errand::{Report, Stage, State};
use domain::hail::Heard;
use domain::lifecycle::{By, Chores, Delivery, Life, Status};
use domain::money::decimal;
use domain::time::rfc3339;
use edge::call::{To, call};
use edge::queue::{self, MESSAGE_MAX};
use edge::{Scope, clock, http, json, telemetry};

use super::life::Wanted;
use super::rows::{Hailing, OrderRow, Step, kind};
use super::{Desk, system};

/// A wish that is over the desk's limit, or has to wait for an end, waits so long.
const LATER_MS: i64 = 1_000;
/// And one whose place nobody knows.
const UNKNOWN_MS: i64 = 10_000;

impl Desk {
    /// What a step means for whoever brings the order. Part of the step's own write.
    pub(super) fn hail_along(&self, row: &OrderRow, step: &Step<'_>) -> Result<(), Problem> {
        let (before, after) = (row.life(), step.life.status);
        let vendor = &step.standing.vendor_id;
        let is_other = row.standing().vendor_id != *vendor;
        if before.status == after && !is_other {
            return Ok(());
        }
        let known = self.rows.hailing(&row.order_id)?;
        let is_new = known.is_none();
        let mut hailing = known.unwrap_or_default();
        let by_driver = Actor::from_tag(step.by).is_some_and(|by| by.role == Role::Driver);
        match (after, vendor) {
            (Status::VendorAccepted, Some(vendor)) if self.drivers_wanted => {
                if hailing.end(Stage::Cancelled) {
                    self.add_chore_now(row, step, kind::END_ERRAND)?;
                }
                vendor.clone_into(&mut hailing.vendor_id);
                hailing.at = None;
                hailing.ready_ms = step.standing.ready_ms.unwrap_or(step.at_ms);
                hailing.hail.begin(step.at_ms);
                hailing.is_fresh = true;
                self.add_chore_now(row, step, kind::HAIL)?;
            }
            _ if is_new => return Ok(()),
            (Status::Ready, _) if hailing.is_wanted() => {
                hailing.ready_ms = step.at_ms;
                hailing.is_fresh = true;
                self.add_chore_now(row, step, kind::HAIL)?;
            }
            (Status::Shipped, _) if !by_driver && hailing.is_wanted() => {
                let attempt = hailing.hail.attempt;
                if hailing.say(Some(attempt), Stage::Collected) {
                    self.add_chore_now(row, step, kind::END_ERRAND)?;
                } else {
                    // Nobody was asked yet, and nobody has to be.
                    hailing.hail.end();
                }
            }
            // Those who brought it know.
            (Status::Delivered, _) if by_driver => drop(hailing.hail.end()),
            (Status::Delivered, _) => {
                if hailing.end(Stage::Delivered) {
                    self.add_chore_now(row, step, kind::END_ERRAND)?;
                }
            }
            (
                Status::AwaitingAssignment
                | Status::Failed
                | Status::VendorAccepted
                | Status::Processing
                | Status::Cancelled,
                _,
            ) => {
                if hailing.end(Stage::Cancelled) {
                    self.add_chore_now(row, step, kind::END_ERRAND)?;
                }
            }
            _ => return Ok(()),
        }
        self.rows.set_hailing(&row.order_id, &hailing)
    }

    fn add_chore_now(&self, row: &OrderRow, step: &Step<'_>, what: &str) -> Result<(), Problem> {
        let version = step.life.version;
        self.rows
            .add_chore(&row.order_id, 0, what, version, step.at_ms)
    }

    /// True when everybody who has to has heard of an attempt's end.
    pub(super) async fn end_errands(&self, scope: &Scope, order_id: &str) -> Result<bool, Problem> {
        let ends = self.rows.hailing(order_id)?.unwrap_or_default().ends;
        let mut is_done = true;
        for end in ends {
            let (attempt, stage, at) = end;
            let follow = FollowErrand {
                at,
                order_id: order_id.to_owned(),
                attempt,
                stage,
            };
            let to = To::Service(DISPATCH_SERVICE);
            let Ok(has_nobody) = call(&self.env, scope, to, follow).await else {
                is_done = false;
                continue;
            };
            // Whom a driver has brought as far as that says so, and nobody else does.
            let is_heard = has_nobody || stage == Stage::Collected;
            if !is_heard {
                is_done = false;
                continue;
            }
            let Some(mut hailing) = self.rows.hailing(order_id)? else {
                continue;
            };
            hailing.ends.retain(|other| *other != end);
            if has_nobody && hailing.hail.attempt == attempt {
                hailing.hail.end();
            }
            self.rows.set_hailing(order_id, &hailing)?;
        }
        Ok(is_done)
    }

    /// Sends the wish when it is time, and says when it is time again. Nothing when it need
    /// not go out any more.
    pub(super) async fn send_wish(
        &self,
        scope: &Scope,
        row: &OrderRow,
    ) -> Result<Option<i64>, Problem> {
        let now = clock::now_ms();
        let Some(mut hailing) = self.rows.hailing(&row.order_id)? else {
            return Ok(None);
        };
        if !hailing.is_wanted() {
            return Ok(None);
        }
        // Two cells could have it otherwise.
        if hailing.is_led_elsewhere() {
            return Ok(Some(now.saturating_add(LATER_MS)));
        }
        if hailing.at.is_none() {
            if !self.find_place(scope, row, &mut hailing).await? {
                return Ok(Some(now.saturating_add(UNKNOWN_MS)));
            }
            // Much may have happened meanwhile.
            if !hailing.is_wanted() || hailing.is_led_elsewhere() {
                return Ok(Some(now));
            }
        }
        let is_due = hailing.hail.is_due(now);
        if hailing.is_fresh || is_due {
            if !self.may_wish(now) {
                // That it was due is not written, and so it still is.
                return Ok(Some(now.saturating_add(LATER_MS)));
            }
            hailing.is_fresh = false;
            self.rows.set_hailing(&row.order_id, &hailing)?;
            let request = request_of(row, &hailing, now)?;
            let text = bounded(request);
            if let Err(error) = queue::send(&self.env, scope, REQUESTS, &text).await {
                let reason = format!("{error:?}");
                telemetry::warn("wish_not_sent", &[("reason", &reason)]);
            }
            telemetry::count("driver_wishes", &[], 1);
        }
        let hailing = self.rows.hailing(&row.order_id)?;
        Ok(hailing.and_then(|hailing| hailing.hail.again_ms))
    }

    /// Requests of a desk are limited: what is over waits.
    fn may_wish(&self, now: i64) -> bool {
        let (since, count) = self.wishes.get();
        let (since, count) = if now.saturating_sub(since) >= 1_000 {
            (now, 0)
        } else {
            (since, count)
        };
        self.wishes.set((since, count.saturating_add(1)));
        count < self.wishes_max
    }

    /// Where it is collected, which its vendor's directory knows.
    async fn find_place(
        &self,
        scope: &Scope,
        row: &OrderRow,
        hailing: &mut Hailing,
    ) -> Result<bool, Problem> {
        let vendor_id = hailing.vendor_id.clone();
        let ask = WhereIs {
            vendor_id: vendor_id.clone(),
        };
        let found = call(&self.env, scope, To::Service(VENDOR_SERVICE), ask).await;
        let Ok(Some(at)) = found else {
            telemetry::warn("vendor_not_found", &[("vendor_id", &vendor_id)]);
            return Ok(false);
        };
        // It may have gone elsewhere meanwhile.
        if let Some(latest) = self.rows.hailing(&row.order_id)? {
            *hailing = latest;
        }
        if hailing.vendor_id != vendor_id {
            return Ok(false);
        }
        hailing.at = Some(at);
        self.rows.set_hailing(&row.order_id, hailing)?;
        Ok(true)
    }

    /// How the errand stands. An order goes along where that is news.
    pub(super) async fn hear(
        self: &Rc<Self>,
        scope: &Scope,
        heard: HearErrand,
    ) -> Result<ErrandHeard, Problem> {
        let now = clock::now_ms();
        let report = Report::from(heard.report);
        let order_id = heard.order_id.as_str();
        let Some(row) = self.rows.order(order_id)?.filter(OrderRow::is_order) else {
            return Ok(ErrandHeard::Over);
        };
        let Some(mut hailing) = self.rows.hailing(order_id)? else {
            return Ok(ErrandHeard::Over);
        };
        match hailing.hail.hear(&report, now) {
            Heard::Over => return Ok(ErrandHeard::Over),
            Heard::Known => return Ok(ErrandHeard::Yes),
            Heard::News => {}
        }
        self.rows.set_hailing(order_id, &hailing)?;
        let state = match report.state {
            State::Searching => "searching",
            State::Assigned => "assigned",
            State::Collected => "collected",
            State::Delivered => "delivered",
            State::Failed => "failed",
        };
        telemetry::count("driver_reports", &[("state", state)], 1);
        if let Some(at) = hailing.hail.again_ms {
            self.rows
                .add_chore(order_id, 0, kind::HAIL, row.version, at)?;
        }
        if hailing.hail.needs_somebody() {
            telemetry::error("no_driver_found", &[("order_id", order_id)]);
        }
        self.go_along(scope, &row, &report)?;
        Box::pin(self.follow(scope, order_id)).await?;
        Ok(ErrandHeard::Yes)
    }

    /// The order's own steps, written in the stretch that heard of it.
    fn go_along(&self, scope: &Scope, row: &OrderRow, report: &Report) -> Result<(), Problem> {
        let mut standing = row.standing();
        standing.driver_id.clone_from(&report.driver);
        let delivery = match report.state {
            State::Searching => Delivery::NewOrder,
            State::Assigned => Delivery::AssignedDriver,
            State::Failed => Delivery::Failed,
            State::Collected | State::Delivered => {
                self.rows.set_standing(&row.order_id, &standing)?;
                return self.bring(scope, row, report);
            }
        };
        let changed = standing.driver_id != row.standing().driver_id;
        let Some(life) = brought(row.life(), delivery, changed) else {
            return Ok(());
        };
        if report.state == State::Assigned {
            let eta_ms = i64::from(report.eta_s).saturating_mul(1000);
            standing.expected_ms = Some(report.at_ms.saturating_add(eta_ms));
        }
        let by = match &report.driver {
            Some(driver) => driver_actor(driver).tag(),
            None => system().tag(),
        };
        let reason = match report.state {
            State::Failed => Some("no driver was found"),
            State::Assigned if report.by_hand => Some("chosen by hand"),
            _ => None,
        };
        let step = Step {
            life,
            standing,
            chores: Chores::default(),
            by: &by,
            reason,
            tracking_number: None,
            at_ms: clock::now_ms(),
        };
        self.take(scope, row, &step)
    }

    /// It was collected, or brought, which may be two steps at once. What the order has done
    /// already by itself is no news.
    fn bring(&self, scope: &Scope, row: &OrderRow, report: &Report) -> Result<(), Problem> {
        let Some(driver) = &report.driver else {
            return Ok(());
        };
        let actor = driver_actor(driver);
        for to in [Status::Shipped, Status::Delivered] {
            let Some(row) = self.rows.order(&row.order_id)? else {
                return Ok(());
            };
            let is_last = to == Status::Delivered;
            if is_last && report.state != State::Delivered {
                return Ok(());
            }
            if !row.life().next(Some(By::Driver)).contains(&to) {
                continue;
            }
            let wanted = Wanted {
                to,
                by: By::Driver,
                actor: &actor,
                reason: report.proof.as_deref().filter(|_| is_last),
                tracking_number: None,
                carrier: None,
            };
            self.take_edge(scope, &row, &wanted)?;
        }
        Ok(())
    }

    /// An admin has chosen who brings it, whether or not somebody is looked for.
    pub(super) async fn assign_driver(
        self: &Rc<Self>,
        scope: &Scope,
        order: &str,
        driver: String,
        actor: &Actor,
    ) -> Result<OrderRow, Problem> {
        let row = self.order_for(scope, order, actor).await?;
        let now = clock::now_ms();
        let (life, standing) = (row.life(), row.standing());
        let may = [Status::VendorAccepted, Status::Preparing, Status::Ready];
        let Some(vendor) = standing.vendor_id.filter(|_| may.contains(&life.status)) else {
            let detail = "there is no vendor from whom a driver could collect it";
            return Err(
                Problem::new(code::NO_DRIVER_WANTED, detail).with("order_status", life.status)
            );
        };
        let mut hailing = self.rows.hailing(&row.order_id)?.unwrap_or_default();
        if hailing.vendor_id != vendor {
            (hailing.vendor_id, hailing.at) = (vendor, None);
        }
        if hailing.hail.begin(now) {
            hailing.is_fresh = false;
        }
        self.rows.set_hailing(&row.order_id, &hailing)?;
        let due = hailing.hail.again_ms.unwrap_or(now);
        self.rows
            .add_chore(&row.order_id, 0, kind::HAIL, row.version, due)?;
        self.wake_by(due).await.map_err(http::internal)?;
        // Two cells could have it otherwise.
        self.end_errands(scope, &row.order_id).await?;
        hailing = self.rows.hailing(&row.order_id)?.unwrap_or(hailing);
        if hailing.is_led_elsewhere() {
            let detail = "another driver is being told that it is over; try again";
            return Err(Problem::new(code::UNAVAILABLE, detail).retry_after(1));
        }
        if hailing.at.is_none() && !self.find_place(scope, &row, &mut hailing).await? {
            let detail = "the place of its vendor is not known; try again";
            return Err(Problem::new(code::UNAVAILABLE, detail).retry_after(1));
        }
        let assign = AssignByHand {
            request: Box::new(request_of(&row, &hailing, now)?),
            driver,
        };
        call(&self.env, scope, To::Service(DISPATCH_SERVICE), assign)
            .await
            .map_err(|error| error.into_problem("dispatch.assign"))?;
        Ok(row)
    }
}

fn driver_actor(driver: &str) -> Actor {
    Actor {
        role: Role::Driver,
        id: driver.to_owned(),
    }
}

/// Another driver is news, though the delivery stands as it did.
fn brought(life: Life, delivery: Delivery, is_another: bool) -> Option<Life> {
    let same = || {
        let none = life.brought_so(Delivery::None)?;
        none.brought_so(delivery).map(|next| Life {
            version: life.version.saturating_add(1),
            ..next
        })
    };
    let next = life.brought_so(delivery);
    next.or_else(|| is_another.then(same).flatten())
}

fn request_of(row: &OrderRow, hailing: &Hailing, now: i64) -> Result<AssignmentRequest, Problem> {
    let content = row.content()?;
    let Some(at) = hailing.at else {
        return Err(Problem::new(code::UNAVAILABLE, "the place is not known"));
    };
    let attempt = hailing.hail.attempt;
    #[allow(clippy::cast_precision_loss, reason = "minutes, not centuries")]
    let preparation_time = hailing.ready_ms.saturating_sub(now).max(0) as f64 / 60_000.0;
    let geo_key = geo_key(at);
    Ok(AssignmentRequest {
        event_id: format!("{}:{attempt}", row.order_id),
        event_type: REQUESTED.to_owned(),
        occurred_at: rfc3339(now),
        order_id: row.order_id.clone(),
        topic: request_topic(&geo_key),
        geo_key,
        restaurant_latitude: at.latitude,
        restaurant_longitude: at.longitude,
        customer_latitude: content.address.latitude,
        customer_longitude: content.address.longitude,
        preparation_time: preparation_time.min(24.0 * 60.0),
        radius: super::DRIVER_RADIUS_KM,
        items: content
            .lines
            .into_iter()
            .map(|line| RequestedItem {
                sku: line.sku,
                title: line.title,
                quantity: line.quantity,
            })
            .collect(),
        total_amount: decimal(content.totals.total_minor),
        special_instructions: content.special_instructions,
        order_number: row.number.clone(),
        total_minor: content.totals.total_minor,
        currency: content.currency,
        site: Some(hailing.vendor_id.clone()),
        attempt,
        placed_at: Some(rfc3339(row.created_ms)),
    })
}

/// As text that a queue takes: titles go first where there is too much of it.
fn bounded(mut request: AssignmentRequest) -> String {
    let text = json::text(&request);
    if text.len() <= MESSAGE_MAX {
        return text;
    }
    for item in &mut request.items {
        item.title.clear();
    }
    json::text(&request)
}
