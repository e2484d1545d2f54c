//! How long the policies take, and what they come to on days with peaks.

use std::hint::black_box;
use std::time::Instant;

use domain::dispatch::matching::{self, Table};
use domain::dispatch::window::{self, Memory};
use domain::dispatch::{Driver, Globe, Order, Snapshot, priority};
use domain::geo::Point;
use serde::Serialize;

use super::figures::{Figures, real};
use super::folder::play;
use super::generate::{Recipe, generate};
use super::replay::Policy;
use super::search::{self, Search};
use crate::rng::Rng;

/// Milliseconds, medians of many runs, for as many orders as drivers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timing {
    pub size: usize,
    pub runs: usize,
    pub matching_ms: f64,
    pub priority_ms: f64,
    /// A plan from nothing, and one that starts from the plan before.
    pub window_cold_ms: f64,
    pub window_warm_ms: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    pub day: String,
    pub orders: usize,
    pub load: f64,
    pub policy: &'static str,
    #[serde(flatten)]
    pub figures: Figures,
    pub replay_ms: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bench {
    pub matching: Vec<Timing>,
    pub searches: Vec<Search>,
    pub policies: Vec<Comparison>,
}

pub const SIZES: [usize; 3] = [20, 100, 400];
/// Orders, and orders for each hour of a courier.
pub const DAYS: [(usize, f64); 4] = [(250, 2.1), (500, 1.7), (500, 2.2), (1000, 2.2)];

pub fn run(runs: usize, crowds: &[usize], days: &[(usize, f64)]) -> Bench {
    let policies = ["priority", "window"];
    Bench {
        matching: SIZES.iter().map(|size| timing(*size, runs)).collect(),
        searches: search::searches(runs, crowds),
        policies: days
            .iter()
            .flat_map(|day| policies.map(|policy| compare(*day, policy)))
            .collect(),
    }
}

fn timing(size: usize, runs: usize) -> Timing {
    let travel = Globe::default();
    let settings = window::Settings::default();
    let mut spent: [Vec<f64>; 4] = Default::default();
    for seed in 0..runs.max(1) {
        let mut rng = Rng::new(u64::try_from(seed).unwrap_or_default());
        let snapshot = busy(&mut rng, size);
        let costs: Vec<f64> = (0..size * size).map(|_| real(rng.index(10_000))).collect();
        let costs = Table::from_fn(size, size, |row, column| costs[row * size + column]);
        spent[0].push(millis(|| matching::assign(&costs)));
        spent[1].push(millis(|| {
            priority::assign(&snapshot, &travel, priority::Settings::default())
        }));
        let none = Memory::new();
        spent[2].push(millis(|| {
            window::plan(&snapshot, &travel, &settings, &none)
        }));
        let memory = window::plan(&snapshot, &travel, &settings, &none).memory(&snapshot);
        spent[3].push(millis(|| {
            window::plan(&snapshot, &travel, &settings, &memory)
        }));
    }
    let [matching_ms, priority_ms, window_cold_ms, window_warm_ms] = spent.map(median);
    Timing {
        size,
        runs,
        matching_ms,
        priority_ms,
        window_cold_ms,
        window_warm_ms,
    }
}

/// As many orders as drivers in a town, at the height of the evening.
fn busy(rng: &mut Rng, size: usize) -> Snapshot<Point> {
    const NOW_MS: i64 = 1_800_000_000_000;
    let somewhere = |rng: &mut Rng| Point {
        latitude: 52.5 + real(rng.index(1000)) / 16_000.0,
        longitude: 13.4 + real(rng.index(1000)) / 10_000.0,
    };
    let kitchens: Vec<Point> = (0..=size / 3).map(|_| somewhere(rng)).collect();
    let orders = (0..size)
        .map(|index| {
            let kitchen = rng.index(kitchens.len());
            let placed_ms = NOW_MS - rng.between(0, 900_000);
            Order {
                id: format!("o{index}"),
                site: format!("s{kitchen}"),
                pickup: kitchens[kitchen],
                dropoff: somewhere(rng),
                placed_ms,
                ready_ms: placed_ms + rng.between(300_000, 1_800_000),
                barred: Vec::new(),
            }
        })
        .collect();
    let drivers = (0..size)
        .map(|index| Driver {
            id: format!("d{index}"),
            place: somewhere(rng),
            free_ms: NOW_MS + rng.between(-600_000, 900_000),
            ends_ms: Some(NOW_MS + rng.between(600_000, 14_400_000)),
            capacity: 3,
            standing: None,
            recent_offers: 0,
        })
        .collect();
    Snapshot {
        now_ms: NOW_MS,
        orders,
        drivers,
    }
}

fn compare((orders, load): (usize, f64), policy: &str) -> Comparison {
    let recipe = Recipe {
        orders,
        load,
        seed: 1,
        ..Recipe::default()
    };
    let day = format!("{orders} orders at {load}");
    let instance = generate(&day, &recipe);
    let policy = Policy::named(policy).unwrap_or(Policy::Window(window::Settings::default()));
    let mut figures = Figures::default();
    let replay_ms = millis(|| figures = play(&instance, &policy).0.figures);
    Comparison {
        day,
        orders,
        load,
        policy: policy.name(),
        figures,
        replay_ms,
    }
}

pub(super) fn millis<T>(work: impl FnOnce() -> T) -> f64 {
    #[allow(
        clippy::disallowed_methods,
        reason = "a host program may look at the clock"
    )]
    let started = Instant::now();
    black_box(work());
    started.elapsed().as_secs_f64() * 1000.0
}

pub(super) fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

impl Bench {
    pub fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = format!(
            "{:>16}  {:>11}  {:>11}  {:>14}  {:>14}\n",
            "orders x drivers", "matching ms", "priority ms", "window cold ms", "window warm ms"
        );
        for one in &self.matching {
            let _ = writeln!(
                text,
                "{:>16}  {:>11.3}  {:>11.3}  {:>14.3}  {:>14.3}",
                format!("{0} x {0}", one.size),
                one.matching_ms,
                one.priority_ms,
                one.window_cold_ms,
                one.window_warm_ms
            );
        }
        text.push_str(&search::text(&self.searches));
        let _ = writeln!(
            text,
            "\n{:>18}  {:8}  {:>11}  {:>13}  {:>5}  {:>15}  {:>13}  {:>9}",
            "day",
            "policy",
            "undelivered",
            "click-to-door",
            "p90",
            "ready-to-pickup",
            "orders/bundle",
            "replay ms"
        );
        for one in &self.policies {
            let _ = writeln!(
                text,
                "{:>18}  {:8}  {:>9.2} %  {:>13.2}  {:>5.1}  {:>15.2}  {:>13.3}  {:>9.0}",
                one.day,
                one.policy,
                one.figures.undelivered_percent,
                one.figures.click_to_door_mean,
                one.figures.click_to_door_p90,
                one.figures.ready_to_pickup_mean,
                one.figures.orders_per_bundle,
                one.replay_ms
            );
        }
        text
    }

    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
