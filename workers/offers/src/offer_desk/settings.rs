//! How orders are offered, from configuration. Names of the documents where they give one.

use contract::assignment::How;
use domain::assignment::{Settings, Strategy};
use edge::config;
use worker::Env;

const KM_MAX: f64 = 100.0;

pub struct Plan {
    pub settings: Settings,
    nearest: Strategy,
    scored: Strategy,
    by_score: bool,
    /// Vendors in a batch of the nearest, whatever is asked for.
    at_once: u32,
    /// An offer that no device has shown for so long moves on.
    pub unseen_ms: i64,
    pub vendor_desks: u16,
}

impl Plan {
    pub fn of(env: &Env) -> Self {
        let default = Settings::default();
        let seconds = |name: &str, ms: i64| {
            let default = f64::from(u32::try_from(ms).unwrap_or(u32::MAX)) / 1000.0;
            millis(config::number(env, name, default)).unwrap_or(ms)
        };
        let at_once = config::number(env, "ORDER_ASSIGNMENT_AT_ONCE", 5_u32).max(1);
        let retries = config::text(env, "ORDER_ASSIGNMENT_RETRY_SECONDS");
        let retry_after_ms = retries.map_or(default.retry_after_ms, |list| {
            let times = list.split(',').filter_map(|time| time.trim().parse().ok());
            times.filter_map(millis).take(20).collect()
        });
        let max = config::number(env, "ORDER_ASSIGNMENT_MAX_RADIUS_KM", 10.0_f64);
        let max_radius_m = metres(max).unwrap_or(10_000);
        let batch = config::number(env, "ORDER_ASSIGNMENT_BATCH_SIZE", 3_u32);
        let step = config::number(env, "ORDER_ASSIGNMENT_RADIUS_STEP_KM", 2.5_f64);
        let step = metres(step).unwrap_or(2_500);
        Self {
            settings: Settings {
                offer_ms: seconds("ORDER_ASSIGNMENT_TIMEOUT", default.offer_ms),
                grace_ms: seconds("ORDER_ASSIGNMENT_GRACE", default.grace_ms),
                batches: config::number(env, "ORDER_ASSIGNMENT_BATCHES", default.batches),
                retry_after_ms,
                ..default
            },
            nearest: Strategy::Nearest {
                max_radius_m,
                first_radius_m: step,
                radius_step_m: step,
                batch,
                at_once,
            },
            scored: Strategy::Scored {
                limit: config::number(env, "ORDER_ASSIGNMENT_SCORED_LIMIT", 10_u32),
            },
            by_score: config::text(env, "ORDER_ASSIGNMENT_STRATEGY").as_deref() == Some("scored"),
            at_once,
            unseen_ms: seconds("ORDER_ASSIGNMENT_UNSEEN_SECONDS", 30_000),
            vendor_desks: config::number(env, "VENDOR_DESKS", 16_u16).max(1),
        }
    }

    /// As somebody wants it, within what is configured.
    pub fn strategy(&self, how: &How) -> Strategy {
        if how.by_score || (self.by_score && how.max_radius_km.is_none() && how.at_once.is_none()) {
            return match (how.limit, &self.scored) {
                (Some(limit), _) => Strategy::Scored { limit },
                (None, scored) => scored.clone(),
            };
        }
        match self.nearest.clone() {
            Strategy::Nearest {
                max_radius_m,
                first_radius_m,
                radius_step_m,
                batch,
                ..
            } => Strategy::Nearest {
                max_radius_m: how.max_radius_km.and_then(metres).unwrap_or(max_radius_m),
                first_radius_m,
                radius_step_m,
                batch: how.at_once.unwrap_or(batch),
                at_once: self.at_once,
            },
            other @ Strategy::Scored { .. } => other,
        }
    }
}

/// Seconds as they are written, at most a day.
fn millis(seconds: f64) -> Option<i64> {
    let ms = (seconds * 1000.0).round();
    #[allow(clippy::cast_possible_truncation, reason = "bounded by a day")]
    (0.0..=86_400_000.0).contains(&ms).then_some(ms as i64)
}

fn metres(km: f64) -> Option<u32> {
    let metres = (km * 1000.0).round();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded by 100 km"
    )]
    (0.0..=KM_MAX * 1000.0)
        .contains(&metres)
        .then_some(metres as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_distance_and_no_time_is_not_taken_for_one() {
        assert_eq!(metres(2.5), Some(2_500));
        assert_eq!(millis(0.2), Some(200));
        for odd in [-1.0, f64::NAN, f64::INFINITY, 1e12] {
            assert_eq!((metres(odd), millis(odd)), (None, None), "{odd}");
        }
    }
}
