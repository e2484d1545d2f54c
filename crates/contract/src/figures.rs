//! Counters and latencies on their way from the isolates to the metrics desks.
//!
//! A latency is counted in a bucket whose bounds grow by a fixed factor, so that
//! buckets of many isolates can be added up and still give percentiles to within
//! a few per cent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Empty, commands};

pub const METRICS_DESK: &str = "METRICS_DESK";
/// Objects that the figures are spread over.
pub const METRICS_SHARDS: u16 = 4;

pub fn desk_name(shard: u16) -> String {
    format!("metrics-{shard}")
}

/// Names with their labels, such as `placements_refused{reason="insufficient_stock"}`.
pub type Counts = BTreeMap<String, u64>;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Figures {
    pub counters: Counts,
    /// By name, then by bucket.
    pub latencies: BTreeMap<String, BTreeMap<u16, u64>>,
    /// Sum of each latency in microseconds, for averages.
    pub sums_us: Counts,
}

impl Figures {
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty() && self.latencies.is_empty()
    }

    pub fn count(&mut self, name: &str, by: u64) {
        add(&mut self.counters, name, by);
    }

    pub fn observe(&mut self, name: &str, micros: u64) {
        let buckets = self.latencies.entry(name.to_owned()).or_default();
        let count = buckets.entry(bucket_of(micros)).or_default();
        *count = count.saturating_add(1);
        add(&mut self.sums_us, name, micros);
    }

    pub fn merge(&mut self, other: &Self) {
        for (name, by) in &other.counters {
            add(&mut self.counters, name, *by);
        }
        for (name, by) in &other.sums_us {
            add(&mut self.sums_us, name, *by);
        }
        for (name, buckets) in &other.latencies {
            let mine = self.latencies.entry(name.clone()).or_default();
            for (bucket, by) in buckets {
                let count = mine.entry(*bucket).or_default();
                *count = count.saturating_add(*by);
            }
        }
    }
}

fn add(counts: &mut Counts, name: &str, by: u64) {
    match counts.get_mut(name) {
        Some(count) => *count = count.saturating_add(by),
        None => {
            counts.insert(name.to_owned(), by);
        }
    }
}

/// Eight buckets to a doubling: a bucket is at most 12.5 % wide.
pub fn bucket_of(micros: u64) -> u16 {
    if micros < 8 {
        return u16::try_from(micros).unwrap_or_default();
    }
    let log = micros.ilog2();
    let shift = log.saturating_sub(3);
    let within = (micros >> shift) & 7;
    let bucket = u64::from(log)
        .saturating_sub(2)
        .saturating_mul(8)
        .saturating_add(within);
    u16::try_from(bucket).unwrap_or(u16::MAX)
}

/// The middle of a bucket, in microseconds.
pub fn bucket_middle(bucket: u16) -> u64 {
    if bucket < 8 {
        return u64::from(bucket);
    }
    let log = u32::from(bucket / 8).saturating_add(2);
    let shift = log.saturating_sub(3);
    let low = u64::from(bucket % 8)
        .saturating_add(8)
        .checked_shl(shift)
        .unwrap_or(u64::MAX);
    low.saturating_add(1_u64.checked_shl(shift).unwrap_or_default() >> 1)
}

/// Where a bucket ends and the next begins, in microseconds.
pub fn bucket_end(bucket: u16) -> u64 {
    if bucket < 8 {
        return u64::from(bucket).saturating_add(1);
    }
    let shift = u32::from(bucket / 8).saturating_sub(1);
    u64::from(bucket % 8)
        .saturating_add(9)
        .checked_shl(shift)
        .unwrap_or(u64::MAX)
}

/// The value below which `percent` of the observations lie, in microseconds.
pub fn percentile(buckets: &BTreeMap<u16, u64>, percent: u64) -> u64 {
    let total: u64 = buckets.values().fold(0, |sum, n| sum.saturating_add(*n));
    let rank = total
        .saturating_mul(percent)
        .saturating_add(99)
        .checked_div(100)
        .unwrap_or_default();
    let mut seen: u64 = 0;
    for (bucket, count) in buckets {
        seen = seen.saturating_add(*count);
        if seen >= rank && seen > 0 {
            return bucket_middle(*bucket);
        }
    }
    0
}

commands!(AtMetricsDesk {
    /// Add these up.
    Add as AddFigures { figures: Figures } -> Empty, |_| "metrics.add".into();
    /// What was added up since the beginning.
    Read as ReadFigures {} -> Figures, |_| "metrics.read".into();
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_middle_and_is_narrow() {
        for micros in [0, 1, 7, 8, 9, 100, 1_234, 99_999, 10_000_000, u64::MAX / 4] {
            let bucket = bucket_of(micros);
            let middle = bucket_middle(bucket);
            assert_eq!(bucket_of(middle), bucket, "{micros}");
            assert!(
                middle.abs_diff(micros) <= micros / 8 + 1,
                "{micros} {middle}"
            );
            assert_eq!(bucket_of(bucket_end(bucket)), bucket + 1);
        }
    }

    #[test]
    fn percentiles_of_a_known_set() {
        let mut figures = Figures::default();
        for ms in 1..=100 {
            figures.observe("x", ms * 1000);
        }
        let buckets = &figures.latencies["x"];
        for (percent, expected) in [(50, 50_000), (95, 95_000), (99, 99_000)] {
            let value = percentile(buckets, percent);
            assert!(
                value.abs_diff(expected) < expected / 8,
                "{percent}: {value}"
            );
        }
        assert_eq!(percentile(&BTreeMap::new(), 50), 0);
    }

    #[test]
    fn figures_add_up() {
        let mut a = Figures::default();
        a.count("n", 2);
        a.observe("x", 10);
        let mut sum = a.clone();
        sum.merge(&a);
        assert_eq!(sum.counters["n"], 4);
        assert_eq!(sum.sums_us["x"], 20);
    }
}
