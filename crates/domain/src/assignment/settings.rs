//! How vendors are looked for and how long anything may take. Every bound of the
//! engine stands here with its default; whatever comes from outside is brought
//! within its bounds by the accessors, so no setting can make a search endless.

use serde::{Deserialize, Serialize};

/// Vendors that one batch can have at most, whatever is configured.
const SIZE_MAX: u32 = 1_000;
/// Batches that one round can have at most, whatever is configured.
const BATCHES_MAX: u32 = 100;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The nearest first, a few at a time, in a circle that grows by steps.
    Nearest {
        max_radius_m: u32,
        first_radius_m: u32,
        radius_step_m: u32,
        batch: u32,
        at_once: u32,
    },
    /// The best by score, all at once, wherever they are.
    Scored { limit: u32 },
}

impl Strategy {
    pub const fn nearest() -> Self {
        Self::Nearest {
            max_radius_m: 10_000,
            first_radius_m: 2_500,
            radius_step_m: 2_500,
            batch: 3,
            at_once: 5,
        }
    }

    pub const fn scored() -> Self {
        Self::Scored { limit: 10 }
    }

    /// How many are asked in one batch.
    pub fn size(&self) -> usize {
        let size = match self {
            Self::Nearest { batch, at_once, .. } => *batch.min(at_once),
            Self::Scored { limit } => *limit,
        };
        usize::try_from(size.clamp(1, SIZE_MAX)).unwrap_or(1)
    }

    pub fn first_radius(&self) -> Option<u32> {
        match self {
            Self::Nearest {
                max_radius_m,
                first_radius_m,
                ..
            } => Some(*first_radius_m.min(max_radius_m)),
            Self::Scored { .. } => None,
        }
    }

    /// The next larger circle, or `None` when this one is the last.
    pub fn wider(&self, radius_m: Option<u32>) -> Option<u32> {
        match (self, radius_m) {
            (
                Self::Nearest {
                    max_radius_m,
                    radius_step_m,
                    ..
                },
                Some(radius_m),
            ) if radius_m < *max_radius_m => {
                let step = if *radius_step_m == 0 {
                    *max_radius_m
                } else {
                    *radius_step_m
                };
                Some(radius_m.saturating_add(step).min(*max_radius_m))
            }
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How long a vendor has to answer.
    pub offer_ms: i64,
    /// An accept that was under way at the deadline counts for this long.
    pub grace_ms: i64,
    /// How long a search may go unanswered before the round fails.
    pub search_ms: i64,
    /// How long a vendor's object may take to grant a place.
    pub place_ms: i64,
    /// Batches in one round.
    pub batches: u32,
    /// After a round that failed, how long until the next; none is left at its end.
    pub retry_after_ms: Vec<i64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            offer_ms: 120_000,
            grace_ms: 3_000,
            search_ms: 60_000,
            place_ms: 10_000,
            batches: 10,
            retry_after_ms: vec![60_000, 300_000, 900_000],
        }
    }
}

impl Settings {
    pub fn batches(&self) -> u32 {
        self.batches.clamp(1, BATCHES_MAX)
    }

    pub fn retry_after(&self, failures: u32) -> Option<i64> {
        let index = usize::try_from(failures).ok()?;
        self.retry_after_ms.get(index).map(|wait| (*wait).max(1))
    }
}
