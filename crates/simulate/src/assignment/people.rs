//! Vendors with their devices and moods, and what the house does to an order.

use domain::assignment::{Assignment, Command, Settings, Strategy, Tag};

use super::outside::Places;
use super::queue::Whim;
use crate::rng::Rng;

/// An accept is pressed again so often while nobody answers.
pub const PRESSES: u32 = 6;

#[derive(Debug)]
pub struct Vendor {
    pub name: String,
    pub distance_m: u32,
    pub score: i64,
    /// Out of a thousand: reached at all, says yes, says no.
    reached: u64,
    willing: u64,
    unwilling: u64,
    pub places: Places,
}

pub fn vendors(rng: &mut Rng) -> Vec<Vendor> {
    let count = rng.between(1, 6);
    (0..count)
        .map(|number| Vendor {
            name: format!("v{number}"),
            distance_m: u32::try_from(rng.between(100, 11_000)).unwrap_or_default(),
            score: rng.between(0, 1_000),
            reached: rng.pick(&[300, 900, 1_000], 900),
            willing: rng.pick(&[100, 500, 900], 500),
            unwilling: rng.pick(&[100, 400], 100),
            places: Places {
                capacity: rng.pick(&[None, Some(1), Some(1), Some(2)], None),
                ..Places::default()
            },
        })
        .collect()
}

pub fn orders(rng: &mut Rng, grace_ms: i64) -> Vec<(Assignment, Strategy)> {
    let count = rng.between(1, 3);
    (0..count)
        .map(|number| {
            let settings = Settings {
                grace_ms,
                batches: u32::try_from(rng.between(1, 5)).unwrap_or(1),
                retry_after_ms: vec![60_000; usize::from(rng.chance(500))],
                ..Settings::default()
            };
            let strategy = if rng.chance(600) {
                Strategy::nearest()
            } else {
                Strategy::Scored { limit: 3 }
            };
            (
                Assignment::new(&format!("o{number}"), settings, 0),
                strategy,
            )
        })
        .collect()
}

/// What the house will do to one order, and when.
pub fn whims(rng: &mut Rng, vendors: usize) -> Vec<(i64, Whim)> {
    let mut whims = Vec::new();
    let mut maybe = |rng: &mut Rng, per_mille: u64, whim: Whim| {
        if rng.chance(per_mille) {
            whims.push((rng.between(0, 400_000), whim));
        }
    };
    maybe(rng, 200, Whim::Cancel);
    let vendor = rng.index(vendors);
    maybe(rng, 200, Whim::Force(vendor));
    maybe(rng, 400, Whim::Release);
    maybe(rng, 300, Whim::Release);
    maybe(rng, 300, Whim::Close);
    maybe(rng, 150, Whim::Timeout);
    maybe(rng, 200, Whim::Retry);
    whims
}

impl Vendor {
    /// What comes back after an offer was sent, and how much later.
    pub fn reacts(&self, tag: Tag, rng: &mut Rng) -> Vec<(i64, Command)> {
        let vendor = self.name.clone();
        if !rng.chance(self.reached) {
            let lost = Command::Unreachable { vendor, tag };
            return if rng.chance(700) {
                vec![(rng.between(1, 10_000), lost)]
            } else {
                Vec::new()
            };
        }
        let mut reactions = vec![(
            rng.between(1, 2_000),
            Command::Delivered {
                vendor: vendor.clone(),
                tag,
            },
        )];
        if rng.chance(500) {
            let vendor = vendor.clone();
            reactions.push((rng.between(1, 5_000), Command::Seen { vendor, tag }));
        }
        // Some answer at the last moment, and some after it.
        let when = if rng.chance(250) {
            rng.between(117_000, 126_000)
        } else {
            rng.between(1, 60_000)
        };
        let tagged = rng.chance(500).then_some(tag);
        if rng.chance(self.willing) {
            reactions.push((
                when,
                Command::Accept {
                    vendor,
                    tag: tagged,
                    preparation_s: Some(600),
                },
            ));
        } else if rng.chance(self.unwilling) {
            let reason = "busy".to_owned();
            reactions.push((
                when,
                Command::Reject {
                    vendor,
                    tag: tagged,
                    reason,
                },
            ));
        }
        reactions
    }
}
