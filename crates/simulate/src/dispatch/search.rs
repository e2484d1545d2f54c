//! How long it takes to find the free drivers around a place, among few and among many, and how
//! many positions are taken in a second.

use domain::fleet::{DriverFacts, Fleet, Ping};
use domain::geo::{Point, distance_km};
use serde::Serialize;

use super::bench::{median, millis};
use super::figures::real;
use crate::rng::Rng;

pub const CROWDS: [usize; 3] = [1_000, 10_000, 100_000];
const RADIUS_KM: f64 = 5.0;
/// The side of a city, which 1,000 drivers are in for the density to be as it is.
const CITY_KM: f64 = 20.0;
const CITY_CROWD: f64 = 1_000.0;
const KM_A_DEGREE: f64 = 111.2;
/// Between two positions of a driver.
const MOVED_KM: f64 = 0.1;
const NOW_MS: i64 = 1_800_000_000_000;
const MIDDLE: Point = Point {
    latitude: 52.5,
    longitude: 13.4,
};

/// Medians of many searches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Search {
    /// Whether more drivers are in a larger area, or in the same one.
    pub spread: &'static str,
    pub drivers: usize,
    pub side_km: f64,
    pub found: f64,
    pub search_us: f64,
    /// The same by a look at everybody.
    pub everybody_us: f64,
    pub pings_per_s: f64,
}

const SPREADS: [&str; 2] = ["same density", "one city"];

pub fn searches(runs: usize, crowds: &[usize]) -> Vec<Search> {
    let of = |spread| {
        crowds
            .iter()
            .map(move |drivers| search(spread, *drivers, runs))
    };
    SPREADS.into_iter().flat_map(of).collect()
}

fn search(spread: &'static str, drivers: usize, runs: usize) -> Search {
    let side_km = if spread == SPREADS[0] {
        CITY_KM * (real(drivers) / CITY_CROWD).sqrt()
    } else {
        CITY_KM
    };
    let mut rng = Rng::new(u64::try_from(drivers).unwrap_or_default());
    let mut fleet = Fleet::default();
    let mut pings: Vec<Ping> = (0..drivers)
        .map(|n| Ping {
            driver_id: format!("driver-{n}"),
            at: beside(MIDDLE, &mut rng, side_km / 2.0),
            accuracy_m: Some(10.0),
            seq: 1,
            at_ms: NOW_MS,
        })
        .collect();
    for ping in &pings {
        fleet.ping(ping, NOW_MS);
        fleet.know(free(&ping.driver_id));
    }
    for ping in &mut pings {
        ping.at = beside(ping.at, &mut rng, MOVED_KM);
        ping.seq = 2;
    }
    let pinged_ms = millis(|| {
        for ping in &pings {
            fleet.ping(ping, NOW_MS);
        }
    });
    let mut spent: [Vec<f64>; 2] = Default::default();
    let mut found = 0;
    for _ in 0..runs.max(1) {
        // So that no circle goes beyond where drivers are.
        let at = beside(MIDDLE, &mut rng, (side_km / 2.0 - RADIUS_KM).max(0.0));
        spent[0].push(millis(|| {
            found += fleet.free_around(at, RADIUS_KM, NOW_MS).len();
        }));
        spent[1].push(millis(|| {
            let near = fleet.all();
            let near = near.filter(|(_, known)| distance_km(known.at, at) <= RADIUS_KM);
            near.collect::<Vec<_>>()
        }));
    }
    let [search_us, everybody_us] = spent.map(|times| median(times) * 1000.0);
    Search {
        spread,
        drivers,
        side_km,
        found: real(found) / real(runs.max(1)),
        search_us,
        everybody_us,
        pings_per_s: real(drivers) / (pinged_ms / 1000.0),
    }
}

/// Anywhere in a square around a place, so far to each side.
fn beside(at: Point, rng: &mut Rng, reach_km: f64) -> Point {
    let mut part = || reach_km * (real(rng.index(20_001)) / 10_000.0 - 1.0) / KM_A_DEGREE;
    let (north, east) = (part(), part());
    Point {
        latitude: at.latitude + north,
        longitude: at.longitude + east / at.latitude.to_radians().cos(),
    }
}

fn free(driver: &str) -> DriverFacts {
    DriverFacts {
        driver_id: driver.to_owned(),
        is_on: true,
        ends_ms: None,
        capacity: 3,
        room: 3,
        carries: Vec::new(),
        version: 1,
    }
}

pub fn text(searches: &[Search]) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "\ncandidate search: who is free within {RADIUS_KM} km\n{:>12}  {:>8}  {:>7}  {:>7}  {:>9}  {:>17}  {:>5}  {:>11}\n",
        "spread",
        "drivers",
        "side km",
        "found",
        "search us",
        "look at all us",
        "saves",
        "positions/s"
    );
    for one in searches {
        let _ = writeln!(
            text,
            "{:>12}  {:>8}  {:>7.0}  {:>7.0}  {:>9.1}  {:>17.1}  {:>4.1}x  {:>11.0}",
            one.spread,
            one.drivers,
            one.side_km,
            one.found,
            one.search_us,
            one.everybody_us,
            one.everybody_us / one.search_us,
            one.pings_per_s
        );
    }
    for spread in SPREADS {
        let mut of = searches.iter().filter(|one| one.spread == spread);
        if let (Some(first), Some(last)) = (of.next(), of.next_back()) {
            let _ = writeln!(
                text,
                "{spread}: {:.0}x the drivers, {:.1}x found; a search takes {:.1}x, a look at all {:.1}x, a position {:.1}x the time",
                real(last.drivers) / real(first.drivers),
                last.found / first.found,
                last.search_us / first.search_us,
                last.everybody_us / first.everybody_us,
                first.pings_per_s / last.pings_per_s
            );
        }
    }
    text
}
