//! A day through a policy, minute by minute.
//!
//! A policy is shown what had happened by then: orders that were placed, couriers on shift
//! and those whose shifts begin before long. What it binds is bound for good.

use domain::dispatch::{self, Driver, Snapshot, Travel, priority, window};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Delivery;
use super::instance::{Instance, Spot};

const MINUTE_MS: i64 = 60_000;
/// So far ahead a courier's shift is known.
const SHIFTS_KNOWN: i64 = 60;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Policy {
    Priority(priority::Settings),
    Window(window::Settings),
}

impl Policy {
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "priority" => Some(Self::Priority(priority::Settings::default())),
            "window" => Some(Self::Window(window::Settings::default())),
            _ => None,
        }
    }

    /// A tunable of the policy, as `name=number`.
    pub fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, text) = setting
            .split_once('=')
            .ok_or("a setting is `name=number`")?;
        let number: serde_json::Value =
            text.parse().map_err(|_| format!("`{text}` is no number"))?;
        *self = match self {
            Self::Priority(settings) => Self::Priority(with(settings, name, number)?),
            Self::Window(settings) => Self::Window(with(settings, name, number)?),
        };
        Ok(())
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Priority(_) => "priority",
            Self::Window(_) => "window",
        }
    }
}

fn with<T: Serialize + DeserializeOwned>(
    settings: &T,
    name: &str,
    number: serde_json::Value,
) -> Result<T, String> {
    let broken = |error: serde_json::Error| format!("`{name}`: {error}");
    let mut all = serde_json::to_value(settings).map_err(broken)?;
    match all.get_mut(name) {
        Some(place) => *place = number,
        None => return Err(format!("there is no setting `{name}`")),
    }
    serde_json::from_value(all).map_err(broken)
}

/// The plane of the benchmark.
struct Plane(f64);

impl Travel<Spot> for Plane {
    fn km(&self, from: &Spot, to: &Spot) -> f64 {
        from.metres_to(*to) / 1000.0
    }

    fn minutes(&self, from: &Spot, to: &Spot) -> f64 {
        (from.metres_to(*to) / self.0).ceil()
    }
}

/// A courier as the day goes on.
#[derive(Debug, Clone)]
struct State {
    place: Spot,
    free: i64,
    standing: Option<usize>,
    offers: u32,
}

struct Day<'a> {
    instance: &'a Instance,
    travel: Plane,
    couriers: Vec<State>,
    open: Vec<usize>,
    done: Vec<Delivery>,
    memory: window::Memory,
}

pub fn replay(instance: &Instance, policy: &Policy) -> Vec<Delivery> {
    let mut day = Day {
        instance,
        travel: Plane(instance.parameters.metres_per_minute),
        couriers: instance
            .couriers
            .iter()
            .map(|courier| State {
                place: courier.home,
                free: courier.on,
                standing: None,
                offers: 0,
            })
            .collect(),
        open: Vec::new(),
        done: Vec::new(),
        memory: window::Memory::new(),
    };
    let mut placed: Vec<usize> = (0..instance.orders.len()).collect();
    placed.sort_by_key(|order| (instance.orders[*order].placed, *order));
    let mut placed = placed.into_iter().peekable();
    let Some(first) = placed.peek() else {
        return Vec::new();
    };
    let mut now = instance.orders[*first].placed;
    let last = instance.couriers.iter().map(|courier| courier.off).max();
    let last = last.unwrap_or(now);
    let step = match policy {
        Policy::Priority(_) => 1,
        Policy::Window(settings) => whole(settings.every).max(1),
    };
    while now <= last {
        while let Some(order) = placed.next_if(|order| instance.orders[*order].placed <= now) {
            day.open.push(order);
        }
        if !day.open.is_empty() {
            match policy {
                Policy::Priority(settings) => day.by_priority(now, *settings),
                Policy::Window(settings) => day.by_window(now, settings),
            }
        } else if placed.peek().is_none() {
            break;
        }
        now += step;
    }
    day.done.sort_by_key(|delivery| delivery.order);
    day.done
}

impl Day<'_> {
    /// What is known now, and which courier stands behind each of its drivers.
    fn snapshot(&self, now: i64) -> (Snapshot<Spot>, Vec<usize>) {
        let instance = self.instance;
        let orders = self.open.iter().map(|index| {
            let order = &instance.orders[*index];
            let restaurant = &instance.restaurants[order.restaurant];
            dispatch::Order {
                id: order.id.clone(),
                site: restaurant.id.clone(),
                pickup: restaurant.spot,
                dropoff: order.door,
                placed_ms: order.placed * MINUTE_MS,
                ready_ms: order.ready * MINUTE_MS,
                barred: Vec::new(),
            }
        });
        let on_shift: Vec<usize> = (0..self.couriers.len())
            .filter(|index| {
                let courier = &instance.couriers[*index];
                courier.on <= now + SHIFTS_KNOWN
                    && courier.off >= now.max(self.couriers[*index].free)
            })
            .collect();
        let drivers = on_shift.iter().map(|index| {
            let (courier, state) = (&instance.couriers[*index], &self.couriers[*index]);
            Driver {
                id: courier.id.clone(),
                place: state.place,
                free_ms: state.free * MINUTE_MS,
                ends_ms: Some(courier.off * MINUTE_MS),
                capacity: u32::MAX,
                standing: state
                    .standing
                    .map(|restaurant| instance.restaurants[restaurant].id.clone()),
                recent_offers: state.offers,
            }
        });
        let snapshot = Snapshot {
            now_ms: now * MINUTE_MS,
            orders: orders.collect(),
            drivers: drivers.collect(),
        };
        (snapshot, on_shift)
    }

    fn by_priority(&mut self, now: i64, settings: priority::Settings) {
        let (snapshot, on_shift) = self.snapshot(now);
        let choices = priority::assign(&snapshot, &self.travel, settings);
        let mut bound = vec![false; self.open.len()];
        for choice in choices {
            let (order, courier) = (self.open[choice.order], on_shift[choice.driver]);
            let of = &self.instance.orders[order];
            let site = self.instance.restaurants[of.restaurant].spot;
            let way = whole(self.travel.minutes(&self.couriers[courier].place, &site));
            let pickup = (now + way + self.before()).max(of.ready);
            // The score knows nothing of handing over, which may take until after the shift.
            if pickup <= self.instance.couriers[courier].off {
                bound[choice.order] = true;
                self.bind(now, courier, &[order], pickup);
            }
        }
        self.drop_bound(&bound);
    }

    fn by_window(&mut self, now: i64, settings: &window::Settings) {
        let (snapshot, on_shift) = self.snapshot(now);
        let of = &self.instance.parameters;
        let settings = window::Settings {
            pickup_service: fraction(of.pickup_service),
            dropoff_service: fraction(of.dropoff_service),
            target: fraction(of.target),
            limit: fraction(of.limit),
            ..*settings
        };
        let plan = window::plan(&snapshot, &self.travel, &settings, &self.memory);
        self.memory = plan.memory(&snapshot);
        let mut bound = vec![false; self.open.len()];
        for trip in plan.trips {
            let courier = on_shift[trip.driver];
            let orders: Vec<usize> = trip.orders.iter().map(|order| self.open[*order]).collect();
            match trip.step {
                window::Step::Commit => {
                    for order in &trip.orders {
                        bound[*order] = true;
                    }
                    self.bind(now, courier, &orders, trip.pickup_ms / MINUTE_MS);
                }
                window::Step::Move => {
                    let restaurant = self.instance.orders[orders[0]].restaurant;
                    let state = &mut self.couriers[courier];
                    state.place = self.instance.restaurants[restaurant].spot;
                    state.free = trip.there_ms / MINUTE_MS;
                    state.standing = Some(restaurant);
                }
                window::Step::Later => {}
            }
        }
        self.drop_bound(&bound);
    }

    fn bind(&mut self, now: i64, courier: usize, orders: &[usize], pickup: i64) {
        let of = &self.instance.parameters;
        let before_door = of.dropoff_service / 2;
        let first = &self.instance.orders[orders[0]];
        let mut place = self.instance.restaurants[first.restaurant].spot;
        let mut clock = pickup + of.pickup_service - self.before();
        for order in orders {
            let door = self.instance.orders[*order].door;
            clock += whole(self.travel.minutes(&place, &door)) + before_door;
            self.done.push(Delivery {
                order: *order,
                courier,
                assigned: now,
                pickup,
                dropoff: clock,
            });
            clock += of.dropoff_service - before_door;
            place = door;
        }
        let state = &mut self.couriers[courier];
        state.place = place;
        state.free = clock;
        state.standing = None;
        state.offers += 1;
    }

    /// The part of handing over that comes before the goods are had.
    fn before(&self) -> i64 {
        self.instance.parameters.pickup_service / 2
    }

    fn drop_bound(&mut self, bound: &[bool]) {
        let mut bound = bound.iter();
        self.open
            .retain(|_| !bound.next().copied().unwrap_or(false));
    }
}

#[allow(clippy::cast_possible_truncation, reason = "minutes of one day")]
fn whole(minutes: f64) -> i64 {
    minutes as i64
}

#[allow(clippy::cast_precision_loss, reason = "minutes of one day")]
fn fraction(minutes: i64) -> f64 {
    minutes as f64
}
