//! The score of a driver for an order, and the policy that goes by it.
//!
//! The score begins at 100. A driver who would wait for the food gains 10 a minute, to 50
//! at most; food that would wait for the driver costs 20 a minute. Each kilometre to the
//! pickup costs 5, each minute until the customer has the order 2, and nothing goes below
//! nought. Of equal scores the driver with the fewest recent offers goes first, then the
//! nearest, since many may have come down to nought, then the smaller id, so a ranking never hangs on the order in which drivers were listed.
//!
//! [`Ranked`] keeps every part of the sum, so that it can be shown why.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::{Driver, Order, Snapshot, Travel, minutes};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Drivers farther from the pickup are not asked.
    pub radius_km: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { radius_km: 5.0 }
    }
}

/// What a score is made of. The points are as they were added, so losses are negative.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    pub total: f64,
    /// Minutes of preparation left when the driver arrives; negative when late.
    pub slack_minutes: f64,
    pub slack_points: f64,
    pub distance_km: f64,
    pub distance_points: f64,
    pub eta_minutes: f64,
    pub eta_points: f64,
}

const BASE: f64 = 100.0;
const SLACK_BONUS: f64 = 10.0;
const SLACK_BONUS_MAX: f64 = 50.0;
const LATE_PENALTY: f64 = 20.0;
const KM_PENALTY: f64 = 5.0;
const ETA_PENALTY: f64 = 2.0;

/// The score from what is known of one driver and one order.
pub fn score(
    preparation_minutes: f64,
    distance_km: f64,
    to_pickup_minutes: f64,
    to_customer_minutes: f64,
) -> Score {
    let slack_minutes = preparation_minutes - to_pickup_minutes;
    let eta_minutes = preparation_minutes.max(to_pickup_minutes) + to_customer_minutes;
    let slack_points = if slack_minutes > 0.0 {
        (slack_minutes * SLACK_BONUS).min(SLACK_BONUS_MAX)
    } else {
        slack_minutes * LATE_PENALTY
    };
    let distance_points = -distance_km * KM_PENALTY;
    let eta_points = -eta_minutes * ETA_PENALTY;
    Score {
        total: (BASE + slack_points + distance_points + eta_points).max(0.0),
        slack_minutes,
        slack_points,
        distance_km,
        distance_points,
        eta_minutes,
        eta_points,
    }
}

/// A driver who may be asked, by its place in the list it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    pub driver: usize,
    pub driver_id: String,
    pub score: Score,
    pub recent_offers: u32,
}

fn better(a: &Ranked, b: &Ranked) -> Ordering {
    b.score
        .total
        .total_cmp(&a.score.total)
        .then(a.recent_offers.cmp(&b.recent_offers))
        .then(a.score.distance_km.total_cmp(&b.score.distance_km))
        .then_with(|| a.driver_id.cmp(&b.driver_id))
}

/// Everybody free, on shift, in reach and not barred, the best first.
pub fn rank<P>(
    order: &Order<P>,
    drivers: &[Driver<P>],
    now_ms: i64,
    travel: &impl Travel<P>,
    settings: Settings,
) -> Vec<Ranked> {
    let preparation = minutes(order.ready_ms.saturating_sub(now_ms)).max(0.0);
    let to_customer = travel.minutes(&order.pickup, &order.dropoff);
    let mut ranked: Vec<Ranked> = drivers
        .iter()
        .enumerate()
        .filter(|(_, driver)| driver.free_ms <= now_ms && driver.capacity > 0)
        .filter(|(_, driver)| !order.barred.contains(&driver.id))
        .filter_map(|(index, driver)| {
            let km = travel.km(&driver.place, &order.pickup);
            let to_pickup = travel.minutes(&driver.place, &order.pickup);
            let in_time = driver.ends_ms.is_none_or(|ends_ms| {
                to_pickup.max(preparation) <= minutes(ends_ms.saturating_sub(now_ms))
            });
            (km <= settings.radius_km && in_time).then(|| Ranked {
                driver: index,
                driver_id: driver.id.clone(),
                score: score(preparation, km, to_pickup, to_customer),
                recent_offers: driver.recent_offers,
            })
        })
        .collect();
    ranked.sort_unstable_by(better);
    ranked
}

/// An order and its driver, by their places in the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    pub order: usize,
    pub driver: usize,
    pub score: Score,
}

/// The oldest order takes its best driver, then the next oldest of those who are left.
pub fn assign<P>(
    snapshot: &Snapshot<P>,
    travel: &impl Travel<P>,
    settings: Settings,
) -> Vec<Choice> {
    let mut oldest: Vec<(usize, &Order<P>)> = snapshot.orders.iter().enumerate().collect();
    oldest.sort_unstable_by(|(_, a), (_, b)| {
        a.placed_ms.cmp(&b.placed_ms).then_with(|| a.id.cmp(&b.id))
    });
    let mut taken: Vec<usize> = Vec::new();
    let mut choices = Vec::new();
    for (index, order) in oldest {
        let ranked = rank(order, &snapshot.drivers, snapshot.now_ms, travel, settings);
        if let Some(best) = ranked.into_iter().find(|one| !taken.contains(&one.driver)) {
            taken.push(best.driver);
            choices.push(Choice {
                order: index,
                driver: best.driver,
                score: best.score,
            });
        }
    }
    choices
}
