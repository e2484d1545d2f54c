use proptest::prelude::*;

use super::*;

/// A warehouse `north` degrees north of the address, which is at the origin.
fn source(id: &str, north: f64, free: &[(&str, i64)]) -> Source {
    Source {
        warehouse_id: id.into(),
        shard: 0,
        at: Point {
            latitude: north,
            longitude: 0.0,
        },
        free: free.iter().map(|(sku, n)| ((*sku).into(), *n)).collect(),
    }
}

fn want(lines: &[(&str, i64)]) -> Vec<Wanted> {
    lines
        .iter()
        .map(|(sku, quantity)| Wanted {
            sku: (*sku).into(),
            quantity: *quantity,
        })
        .collect()
}

const HERE: Point = Point {
    latitude: 0.0,
    longitude: 0.0,
};

fn taken(plan: &Plan) -> Vec<(&str, &str, i64)> {
    plan.allocations
        .iter()
        .map(|a| (a.sku.as_str(), a.warehouse_id.as_str(), a.quantity))
        .collect()
}

#[test]
fn thirteen_from_ten_and_fifteen_is_ten_and_three() {
    let sources = [
        source("far", 2.0, &[("A", 15)]),
        source("near", 1.0, &[("A", 10)]),
    ];
    let plan = allocate(&want(&[("A", 13)]), HERE, &sources).unwrap();
    assert_eq!(taken(&plan), [("A", "near", 10), ("A", "far", 3)]);
    assert_eq!(plan.parcels, 2);
}

#[test]
fn two_lines_of_one_sku_are_one() {
    let sources = [source("near", 1.0, &[("A", 3)])];
    let short = allocate(&want(&[("A", 2), ("A", 2)]), HERE, &sources).unwrap_err();
    assert_eq!((short[0].requested, short[0].available), (4, 3));
}

#[test]
fn one_parcel_is_preferred_to_two_nearer_ones() {
    let sources = [
        source("near", 1.0, &[("A", 5)]),
        source("far", 2.0, &[("A", 5), ("B", 5)]),
    ];
    let plan = allocate(&want(&[("A", 1), ("B", 1)]), HERE, &sources).unwrap();
    assert_eq!(taken(&plan), [("A", "far", 1), ("B", "far", 1)]);
}

#[test]
fn the_farther_parcel_is_the_one_dropped() {
    let sources = [
        source("near", 1.0, &[("A", 5), ("B", 5)]),
        source("mid", 2.0, &[("B", 1)]),
        source("far", 3.0, &[("B", 9), ("C", 9)]),
    ];
    let plan = allocate(&want(&[("A", 1), ("B", 2)]), HERE, &sources).unwrap();
    assert_eq!(plan.parcels, 1);
    assert!(plan.farthest_km < 120.0);
}

#[test]
fn every_short_sku_is_named() {
    let sources = [source("near", 1.0, &[("A", 1)])];
    let short = allocate(&want(&[("A", 2), ("B", 1)]), HERE, &sources).unwrap_err();
    assert_eq!(short.len(), 2);
    assert_eq!((short[1].sku.as_str(), short[1].available), ("B", 0));
}

proptest! {
    #[test]
    fn a_plan_gives_what_is_wanted_and_takes_what_is_there(
        stock in prop::collection::vec(prop::collection::vec(0..20_i64, 4), 1..6),
        wants in prop::collection::vec((0..4_usize, 1..30_i64), 1..8),
    ) {
        let skus = ["A", "B", "C", "D"];
        let sources: Vec<Source> = stock.iter().enumerate().map(|(n, row)| {
            let free: Vec<(&str, i64)> = skus.into_iter().zip(row.iter().copied()).collect();
            source(&format!("w{n}"), f64::from(u32::try_from(n).unwrap()), &free)
        }).collect();
        let lines: Vec<(&str, i64)> = wants.iter().map(|(n, q)| (skus[*n], *q)).collect();
        let wanted = want(&lines);
        let total = |sku: &str| wanted.iter().filter(|w| w.sku == sku).map(|w| w.quantity).sum::<i64>();
        let there = |sku: &str| sources.iter().map(|s| s.free[sku]).sum::<i64>();
        match allocate(&wanted, HERE, &sources) {
            Ok(plan) => for sku in skus {
                let given: i64 = plan.allocations.iter().filter(|a| a.sku == sku).map(|a| a.quantity).sum();
                prop_assert_eq!(given, total(sku));
                for source in &sources {
                    let from: i64 = plan.allocations.iter()
                        .filter(|a| a.sku == sku && a.warehouse_id == source.warehouse_id)
                        .map(|a| a.quantity).sum();
                    prop_assert!(from <= source.free[sku]);
                }
            },
            Err(short) => {
                prop_assert!(!short.is_empty());
                for s in short {
                    prop_assert_eq!(s.requested, total(&s.sku));
                    prop_assert_eq!(s.available, there(&s.sku));
                    prop_assert!(s.available < s.requested);
                }
            }
        }
    }
}
