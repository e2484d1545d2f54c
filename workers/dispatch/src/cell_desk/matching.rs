//! Choosing drivers for what is open. The policies are in [`domain::dispatch`]; here are the
//! orders and drivers that they choose among, and what is done with their choice.

use std::collections::BTreeMap;
use std::rc::Rc;

use contract::Problem;
use contract::dispatch::{CELL_DESK, LendDrivers, Nearby, cell_desk_name};
use domain::dispatch::priority::{self, score};
use domain::dispatch::{Driver, Globe, Order, Snapshot, Travel, window};
use domain::errand::{Command, Errand};
use domain::geo::{Point, distance_km};
use edge::call::{To, call};
use edge::{Scope, clock, telemetry};
use futures::future::join_all;

use super::Desk;
use super::about::minutes_until;
use crate::settings::Policy;

/// Orders that one look takes in.
const ORDERS_MAX: i64 = 1_000;
/// Looks in a row, where drivers turn out to have no room.
const LOOKS_MAX: u32 = 20;

/// Whom a policy has chosen for what, and how long it will take.
struct Choice {
    order_id: String,
    driver: String,
    eta_s: u32,
}

impl Desk {
    /// Apart from whoever made it worth a look.
    pub(super) fn match_soon(self: &Rc<Self>) {
        if !self.settings.chooses_at_once() {
            return;
        }
        let desk = Rc::clone(self);
        self.state.wait_until(async move {
            desk.match_drivers(&Scope::default()).await;
            telemetry::flush_soon(&desk.env, &desk.state);
        });
    }

    /// One look at a time; whoever comes meanwhile has it looked again.
    pub(super) async fn match_drivers(self: &Rc<Self>, scope: &Scope) {
        if self.matching.replace(true) {
            self.look_again.set(true);
            return;
        }
        for _ in 0..LOOKS_MAX {
            self.look_again.set(false);
            if let Err(problem) = self.look(scope).await {
                telemetry::error("not_matched", &[("reason", &problem.detail)]);
            }
            if !self.look_again.get() {
                break;
            }
        }
        self.matching.set(false);
    }

    async fn look(self: &Rc<Self>, scope: &Scope) -> Result<(), Problem> {
        let open = self.open_errands()?;
        if open.is_empty() {
            return Ok(());
        }
        let lent = self.lent(scope, &open).await;
        let choices = self.choices(&open, lent);
        // Who has room for more than one gets the next with another look.
        let is_short = !choices.is_empty() && choices.len() < open.len();
        let begun = choices.into_iter().map(|choice| self.begin(scope, choice));
        // Somebody had no room after all, which is known now.
        let is_all = !join_all(begun).await.contains(&false);
        if !is_all || (is_short && self.settings.chooses_at_once()) {
            self.look_again.set(true);
        }
        Ok(())
    }

    /// False when the errand is free again. It may be somebody else's by now, or nobody's to
    /// choose, which is no reason to look again.
    async fn begin(self: &Rc<Self>, scope: &Scope, choice: Choice) -> bool {
        let Choice {
            order_id,
            driver,
            eta_s,
        } = choice;
        let choose = Command::Choose { driver, eta_s };
        if let Ok(Ok(effects)) = self.write(scope, &order_id, choose, None).await {
            self.perform(scope, &order_id, effects).await;
            let errand = self.errand(&order_id, clock::now_ms());
            return !errand.is_ok_and(|errand| errand.is_free());
        }
        true
    }

    fn open_errands(&self) -> Result<Vec<Errand>, Problem> {
        let now = clock::now_ms();
        let mut open = Vec::new();
        for order_id in self.rows.open_errands(ORDERS_MAX)? {
            let errand = self.errand(&order_id, now)?;
            if errand.is_free() && errand.wish.is_some() {
                open.push(errand);
            }
        }
        Ok(open)
    }

    /// How far its drivers may be away.
    fn radius_of(&self, errand: &Errand) -> f64 {
        let asked = errand.wish.as_ref().map_or(0, |wish| wish.radius_m);
        (f64::from(asked) / 1000.0).min(self.settings.radius_km)
    }

    /// Drivers of the cells around, where an order is so close to the border that one of them
    /// may be the nearest. A neighbour that does not answer lends nobody.
    async fn lent(&self, scope: &Scope, open: &[Errand]) -> Vec<Nearby> {
        let mut asks: BTreeMap<String, (Point, f64)> = BTreeMap::new();
        for errand in open {
            let Some(wish) = &errand.wish else { continue };
            let radius = self.radius_of(errand);
            for cell in self.settings.cells.around(wish.pickup, radius) {
                let ask = asks.entry(cell).or_insert((wish.pickup, radius));
                // One question that has all the others in it.
                let reach = distance_km(ask.0, wish.pickup) + radius;
                ask.1 = ask.1.max(reach);
            }
        }
        let asked = asks.into_iter().map(|(cell, (at, radius_km))| async move {
            let name = cell_desk_name(&cell);
            let lend = LendDrivers { at, radius_km };
            call(&self.env, scope, To::Object(CELL_DESK, &name), lend).await
        });
        let answers = join_all(asked).await.into_iter();
        answers.filter_map(Result::ok).flatten().collect()
    }

    /// Everybody free around the orders, of here and of the neighbours.
    fn drivers(&self, open: &[Errand], lent: Vec<Nearby>, now: i64) -> Vec<Driver<Point>> {
        let fleet = self.fleet.borrow();
        let mut drivers: BTreeMap<String, Driver<Point>> = BTreeMap::new();
        let driver =
            |id: &str, at: Point, facts: &domain::fleet::DriverFacts, offers: u32| Driver {
                id: id.to_owned(),
                place: at,
                free_ms: now,
                ends_ms: facts.ends_ms,
                capacity: facts.room,
                standing: None,
                recent_offers: offers,
            };
        for errand in open {
            let Some(wish) = &errand.wish else { continue };
            for (id, known) in fleet.free_around(wish.pickup, self.radius_of(errand), now) {
                if let Some(facts) = &known.facts {
                    let one = driver(id, known.at, facts, known.recent_offers(now));
                    drivers.entry(id.to_owned()).or_insert(one);
                }
            }
        }
        for near in lent {
            let facts = fleet.newer(near.facts);
            let id = facts.driver_id.clone();
            if facts.is_on && facts.room > 0 && fleet.get(&id).is_none() {
                let one = driver(&id, near.at, &facts, near.offers);
                drivers.entry(id).or_insert(one);
            }
        }
        drivers.into_values().collect()
    }

    fn choices(&self, open: &[Errand], lent: Vec<Nearby>) -> Vec<Choice> {
        let now = clock::now_ms();
        let drivers = self.drivers(open, lent, now);
        let reach = open.iter().map(|errand| self.radius_of(errand));
        let reach = reach.fold(0.0_f64, f64::max);
        let order = |errand: &Errand| order_of(errand, self.radius_of(errand), &drivers, reach);
        let snapshot = Snapshot {
            now_ms: now,
            orders: open.iter().filter_map(order).collect(),
            drivers: drivers.clone(),
        };
        let travel = self.settings.travel;
        match &self.settings.policy {
            Policy::Priority => {
                let settings = priority::Settings { radius_km: reach };
                let chosen = priority::assign(&snapshot, &travel, settings).into_iter();
                chosen
                    .filter_map(|one| choice(&snapshot, travel, one.order, one.driver))
                    .collect()
            }
            Policy::Window(settings) => {
                let settings = window::Settings {
                    radius_km: Some(reach),
                    ..**settings
                };
                let plan = window::plan(&snapshot, &travel, &settings, &self.memory.borrow());
                self.memory.replace(plan.memory(&snapshot));
                let begun = plan.trips.iter();
                let begun = begun.filter(|trip| trip.step == window::Step::Commit);
                let pairs =
                    begun.flat_map(|trip| trip.orders.iter().map(|order| (*order, trip.driver)));
                pairs
                    .filter_map(|(order, driver)| choice(&snapshot, travel, order, driver))
                    .collect()
            }
        }
    }

    /// How long it will take somebody whom an admin has chosen, as far as that is known.
    pub(super) fn eta_of(&self, order_id: &str, driver: &str) -> Result<u32, Problem> {
        let now = clock::now_ms();
        let errand = self.errand(order_id, now)?;
        let fleet = self.fleet.borrow();
        let Some(wish) = &errand.wish else {
            return Ok(0);
        };
        let from = fleet.get(driver).map_or(wish.pickup, |known| known.at);
        let travel = self.settings.travel;
        Ok(eta_s(
            travel,
            &from,
            wish.pickup,
            wish.dropoff,
            wish.ready_ms,
            now,
        ))
    }
}

/// Drivers who are farther than an order wants them are barred from it, where others are
/// looked for farther away.
fn order_of(
    errand: &Errand,
    radius: f64,
    drivers: &[Driver<Point>],
    reach: f64,
) -> Option<Order<Point>> {
    let wish = errand.wish.as_ref()?;
    let mut barred: Vec<String> = errand.barred.iter().cloned().collect();
    if radius < reach {
        let is_far = |driver: &&Driver<Point>| distance_km(driver.place, wish.pickup) > radius;
        barred.extend(
            drivers
                .iter()
                .filter(is_far)
                .map(|driver| driver.id.clone()),
        );
    }
    Some(Order {
        id: errand.order_id.clone(),
        site: wish.site.clone(),
        pickup: wish.pickup,
        dropoff: wish.dropoff,
        placed_ms: wish.placed_ms,
        ready_ms: wish.ready_ms,
        barred,
    })
}

fn choice(
    snapshot: &Snapshot<Point>,
    travel: Globe,
    order: usize,
    driver: usize,
) -> Option<Choice> {
    let (order, driver) = (snapshot.orders.get(order)?, snapshot.drivers.get(driver)?);
    Some(Choice {
        order_id: order.id.clone(),
        driver: driver.id.clone(),
        eta_s: eta_s(
            travel,
            &driver.place,
            order.pickup,
            order.dropoff,
            order.ready_ms,
            snapshot.now_ms,
        ),
    })
}

/// As the document's score reckons it.
fn eta_s(
    travel: Globe,
    from: &Point,
    pickup: Point,
    dropoff: Point,
    ready_ms: i64,
    now_ms: i64,
) -> u32 {
    let preparation = minutes_until(ready_ms, now_ms);
    let there = travel.minutes(from, &pickup);
    let home = travel.minutes(&pickup, &dropoff);
    let minutes = score(preparation, travel.km(from, &pickup), there, home).eta_minutes;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast goes to the nearest bound"
    )]
    let seconds = (minutes * 60.0).round() as u32;
    seconds
}
