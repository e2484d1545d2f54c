//! Which warehouse sends what.
//!
//! The rule, in order:
//! 1. lines of one SKU are summed first, so nothing is counted twice;
//! 2. each SKU is taken from the nearest warehouse that has some, and really
//!    split when that is not enough: 13 wanted from 10 and 15 is 10 + 3;
//! 3. a parcel is dropped when every SKU in it could go whole with a parcel that
//!    is being sent anyway (fewest parcels), farthest first. A split SKU is never
//!    moved: its nearest warehouse gave what it had.
//!
//! Distances are from the address; ties go by warehouse id, so that a plan is a
//! function of its input and of nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::geo::{Point, distance_km};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Wanted {
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::Code"))]
    pub sku: String,
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::Quantity"))]
    pub quantity: i64,
}

/// A warehouse that may send, and what it has of the SKUs in question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    pub warehouse_id: String,
    pub shard: u16,
    pub at: Point,
    pub free: BTreeMap<String, i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Allocation {
    pub sku: String,
    pub warehouse_id: String,
    pub shard: u16,
    pub quantity: i64,
}

/// A SKU of which there is too little, over all warehouses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shortage {
    pub sku: String,
    pub requested: i64,
    pub available: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// By SKU in the order wanted, then nearest first.
    pub allocations: Vec<Allocation>,
    /// From the address to the farthest warehouse that sends.
    pub farthest_km: f64,
    pub parcels: usize,
}

/// Lines of one SKU become one, in the order of first mention. `None` when a sum
/// leaves the range of a quantity.
pub fn summed(lines: &[Wanted]) -> Option<Vec<Wanted>> {
    let mut sums: Vec<Wanted> = Vec::with_capacity(lines.len());
    for line in lines {
        match sums.iter_mut().find(|sum| sum.sku == line.sku) {
            Some(sum) => sum.quantity = sum.quantity.checked_add(line.quantity)?,
            None => sums.push(line.clone()),
        }
    }
    Some(sums)
}

/// # Errors
/// Every SKU that is short, with what there is of it.
pub fn allocate(wanted: &[Wanted], to: Point, sources: &[Source]) -> Result<Plan, Vec<Shortage>> {
    let Some(wanted) = summed(wanted) else {
        return Err(wanted.iter().map(|line| shortage(line, 0)).collect());
    };
    let mut near: Vec<(f64, &Source)> = sources
        .iter()
        .map(|source| (distance_km(to, source.at), source))
        .collect();
    near.sort_by(|(km_a, a), (km_b, b)| {
        km_a.total_cmp(km_b)
            .then_with(|| a.warehouse_id.cmp(&b.warehouse_id))
    });

    let shortages: Vec<Shortage> = wanted
        .iter()
        .filter_map(|line| {
            let available = near.iter().fold(0_i64, |sum, (_, source)| {
                sum.saturating_add(free_of(source, &line.sku))
            });
            (available < line.quantity).then(|| shortage(line, available))
        })
        .collect();
    if !shortages.is_empty() {
        return Err(shortages);
    }

    let mut takes: Vec<Take> = Vec::new();
    for line in &wanted {
        let mut left = line.quantity;
        for (rank, (_, source)) in near.iter().enumerate() {
            let quantity = free_of(source, &line.sku).min(left);
            if quantity > 0 {
                takes.push(Take {
                    sku: &line.sku,
                    rank,
                    quantity,
                    whole: quantity == line.quantity,
                });
                left = left.saturating_sub(quantity);
            }
            if left <= 0 {
                break;
            }
        }
    }
    drop_parcels(&mut takes, &near);

    let allocations = takes
        .iter()
        .filter_map(|take| {
            let (_, source) = near.get(take.rank)?;
            Some(Allocation {
                sku: take.sku.to_owned(),
                warehouse_id: source.warehouse_id.clone(),
                shard: source.shard,
                quantity: take.quantity,
            })
        })
        .collect();
    let ranks = ranks_of(&takes);
    let farthest_km = ranks
        .iter()
        .filter_map(|rank| near.get(*rank).map(|(km, _)| *km))
        .fold(0.0, f64::max);
    Ok(Plan {
        allocations,
        farthest_km,
        parcels: ranks.len(),
    })
}

/// A quantity of one SKU from the warehouse of that rank (0 is the nearest).
struct Take<'a> {
    sku: &'a str,
    rank: usize,
    quantity: i64,
    whole: bool,
}

fn free_of(source: &Source, sku: &str) -> i64 {
    source.free.get(sku).copied().unwrap_or(0).max(0)
}

fn shortage(line: &Wanted, available: i64) -> Shortage {
    Shortage {
        sku: line.sku.clone(),
        requested: line.quantity,
        available,
    }
}

fn ranks_of(takes: &[Take<'_>]) -> BTreeSet<usize> {
    takes.iter().map(|take| take.rank).collect()
}

/// Rule 3. Each SKU is taken from a warehouse at most once and whole SKUs are
/// taken nowhere else, so moving one never overdraws its new warehouse.
fn drop_parcels(takes: &mut [Take<'_>], near: &[(f64, &Source)]) {
    let ranks = ranks_of(takes);
    for rank in ranks.iter().rev() {
        let kept: Vec<usize> = ranks_of(takes)
            .into_iter()
            .filter(|other| other != rank)
            .collect();
        let moves: Option<Vec<(usize, usize)>> = takes
            .iter()
            .enumerate()
            .filter(|(_, take)| take.rank == *rank)
            .map(|(index, take)| {
                let target = kept.iter().copied().find(|other| {
                    near.get(*other)
                        .is_some_and(|(_, source)| free_of(source, take.sku) >= take.quantity)
                })?;
                take.whole.then_some((index, target))
            })
            .collect();
        for (index, target) in moves.unwrap_or_default() {
            if let Some(take) = takes.get_mut(index) {
                take.rank = target;
            }
        }
    }
}

#[cfg(test)]
mod tests;
