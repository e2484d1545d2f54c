//! How drivers are found, as the configuration says.

use domain::dispatch::{Globe, window};
use domain::errand;
use domain::fleet::Cells;
use domain::ids::DESKS_MAX;
use edge::config;
use worker::Env;

pub enum Policy {
    Priority,
    Window(Box<window::Settings>),
}

pub struct Settings {
    pub policy: Policy,
    pub cells: Cells,
    pub radius_km: f64,
    pub travel: Globe,
    pub errand: errand::Settings,
    pub window_ms: i64,
    pub snapshot_ms: i64,
    pub facts_ms: i64,
    pub driver_desks: u16,
}

/// Which cell leads what is collected somewhere.
pub fn cells(env: &Env) -> Cells {
    let split = config::text(env, "SPLIT_CELLS").unwrap_or_default();
    Cells::new(config::number(env, "CELL_RESOLUTION", 4), &split)
}

/// How many desks the drivers are spread over.
pub fn driver_desks(env: &Env) -> u16 {
    config::number(env, "DRIVER_DESKS", 32_u16).clamp(1, DESKS_MAX)
}

impl Settings {
    pub fn of(env: &Env) -> Self {
        let seconds = |name, otherwise: f64| ms_of(config::number(env, name, otherwise));
        let radius_km = config::number(env, "DISPATCH_RADIUS_KM", 5.0_f64);
        let window_ms = seconds("DISPATCH_WINDOW_SECONDS", 15.0).max(100);
        let policy = match config::text(env, "DISPATCH_POLICY").as_deref() {
            Some("window") => Policy::Window(Box::new(window::Settings {
                every: config::number(env, "DISPATCH_WINDOW_SECONDS", 15.0_f64) / 60.0,
                bind_within: config::number(env, "DISPATCH_BIND_MINUTES", 30.0_f64),
                radius_km: Some(radius_km),
                ..window::Settings::default()
            })),
            _ => Policy::Priority,
        };
        let offer_ms = seconds("DISPATCH_OFFER_SECONDS", 0.0);
        Self {
            cells: cells(env),
            radius_km,
            travel: Globe {
                km_per_hour: config::number(env, "DISPATCH_KM_PER_HOUR", 20.0_f64),
            },
            errand: errand::Settings {
                offer_ms: (offer_ms > 0).then_some(offer_ms),
                grace_ms: seconds("DISPATCH_GRACE_SECONDS", 3.0),
                search_ms: seconds("DISPATCH_SEARCH_SECONDS", 120.0),
                binds_late: matches!(policy, Policy::Window(_)),
            },
            window_ms,
            snapshot_ms: seconds("DISPATCH_SNAPSHOT_SECONDS", 30.0),
            facts_ms: seconds("DISPATCH_FACTS_SECONDS", 30.0),
            driver_desks: driver_desks(env),
            policy,
        }
    }

    /// Whether drivers are chosen as soon as there is something to choose.
    pub fn chooses_at_once(&self) -> bool {
        matches!(self.policy, Policy::Priority)
    }
}

fn ms_of(seconds: f64) -> i64 {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the cast goes to the nearest bound"
    )]
    let ms = (seconds.max(0.0) * 1000.0) as i64;
    ms
}
