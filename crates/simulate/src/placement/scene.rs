//! What a schedule plays in: who shops for what, which shelves hold how much, what
//! the house does with the orders. Drawn from the seed before anything happens.
//! Goods are scarce and hot, since nothing is learnt where there is plenty.

use std::collections::BTreeMap;
use std::rc::Rc;

use domain::address::Address;
use domain::geo::Point;
use domain::lifecycle::Status;
use domain::plan::{Source, Wanted};
use domain::stock::{Place, SeenRow};

use super::message::SHARDS;
use crate::rng::Rng;

const SKUS: [&str; 3] = ["A", "B", "C"];

/// One wish of a shopper.
#[derive(Debug, Clone)]
pub struct Purchase {
    pub lines: Vec<Wanted>,
    pub key: String,
    /// Requests sent at the same time beside the first.
    pub copies: u64,
    /// Asks again until it is known what became of it; else leaves at the first trouble.
    pub stays: bool,
    /// Asks once more after the answer, as one whose answer was lost would.
    pub asks_again: bool,
    pub after_ms: i64,
}

#[derive(Debug, Clone)]
pub struct Warehouse {
    pub id: String,
    pub shard: u16,
    pub at: Point,
}

#[derive(Debug, Clone)]
pub struct Adjustment {
    pub at_ms: i64,
    pub shard: u16,
    pub place: Place,
    pub delta: i64,
}

#[derive(Debug)]
pub struct Script {
    pub shoppers: Vec<Vec<Purchase>>,
    pub warehouses: Vec<Warehouse>,
    pub shelves: Vec<(u16, Place, i64)>,
    pub adjustments: Vec<Adjustment>,
    pub pay_within_ms: i64,
    pub stuck_after_ms: i64,
    /// All shoppers begin within this time.
    pub rush_ms: i64,
    addresses: Vec<Address>,
}

/// Shared by all who know the place.
pub type Scene = Rc<Script>;

impl Script {
    pub fn draw(rng: &mut Rng, start_ms: i64) -> Self {
        let mut warehouses = Vec::new();
        for shard in 0..SHARDS {
            for number in 0..=rng.below(2) {
                warehouses.push(Warehouse {
                    id: format!("w{shard}{number}"),
                    shard,
                    at: somewhere(rng),
                });
            }
        }
        let skus = &SKUS[..=rng.index(SKUS.len())];
        let most = rng.pick(&[1, 2, 4, 9], 2);
        let mut shelves = Vec::new();
        for warehouse in &warehouses {
            for sku in skus {
                if rng.chance(900) {
                    let place = Place {
                        warehouse_id: warehouse.id.clone(),
                        sku: (*sku).to_owned(),
                    };
                    shelves.push((warehouse.shard, place, rng.between(0, most)));
                }
            }
        }
        let adjustments = (0..rng.below(4))
            .filter_map(|_| {
                let (shard, place, _) = shelves.get(rng.index(shelves.len()))?.clone();
                Some(Adjustment {
                    at_ms: start_ms + rng.between(0, 8_000),
                    shard,
                    place,
                    delta: rng.pick(&[-1, 1, 2], 1),
                })
            })
            .collect();
        let crowd = rng.pick(&[2, 5, 5, 9], 5);
        let customers = 1 + rng.below(crowd);
        let shoppers: Vec<Vec<Purchase>> = (0..customers)
            .map(|customer| {
                (0..=rng.below(3))
                    .map(|number| purchase(rng, skus, (customer, number)))
                    .collect()
            })
            .collect();
        let addresses = shoppers.iter().map(|_| address(somewhere(rng))).collect();
        Self {
            shoppers,
            warehouses,
            shelves,
            adjustments,
            stuck_after_ms: rng.pick(&[60_000, 60_000, 4_000], 60_000),
            rush_ms: rng.pick(&[10, 100, 1_000], 100),
            pay_within_ms: rng.pick(&[4_000, 60_000, 30 * 60_000], 60_000),
            addresses,
        }
    }

    pub fn address(&self, customer: u8) -> Address {
        self.addresses
            .get(usize::from(customer))
            .cloned()
            .unwrap_or_else(|| {
                address(Point {
                    latitude: 0.0,
                    longitude: 0.0,
                })
            })
    }

    /// The warehouses with what was seen in them; `hopeful` counts in what orders
    /// that are not settled may yet give back.
    pub fn sources(&self, seen: &BTreeMap<u16, Vec<SeenRow>>, hopeful: bool) -> Vec<Source> {
        self.warehouses
            .iter()
            .map(|warehouse| Source {
                warehouse_id: warehouse.id.clone(),
                shard: warehouse.shard,
                at: warehouse.at,
                free: seen
                    .get(&warehouse.shard)
                    .into_iter()
                    .flatten()
                    .filter(|row| row.place.warehouse_id == warehouse.id)
                    .map(|row| {
                        let coming = if hopeful { row.in_flight } else { 0 };
                        (row.place.sku.clone(), row.stock + coming)
                    })
                    .collect(),
            })
            .collect()
    }
}

fn purchase(rng: &mut Rng, skus: &[&str], (customer, number): (u64, u64)) -> Purchase {
    let mut lines = Vec::new();
    for sku in skus {
        if lines.is_empty() || rng.chance(500) {
            lines.push(Wanted {
                sku: (*sku).to_owned(),
                quantity: rng.pick(&[1, 1, 1, 2, 3], 1),
            });
        }
    }
    let key = if rng.chance(600) {
        format!("k{customer}{number}")
    } else {
        String::new()
    };
    Purchase {
        lines,
        key,
        copies: rng.pick(&[0, 0, 1, 2], 0),
        stays: rng.chance(750),
        asks_again: rng.chance(300),
        after_ms: rng.pick(&[0, 0, 20, 500, 5_000], 0),
    }
}

/// What an order that stands will see, step by step.
pub fn fate(rng: &mut Rng) -> Vec<(i64, Status)> {
    const ROAD: [Status; 4] = [
        Status::Paid,
        Status::Processing,
        Status::Shipped,
        Status::Delivered,
    ];
    let mut at_ms = 0;
    let mut steps = Vec::new();
    for status in ROAD.into_iter().take(rng.index(ROAD.len() + 1)) {
        at_ms += rng.between(0, 2_000);
        steps.push((at_ms, status));
    }
    if rng.chance(400) {
        steps.push((rng.between(0, 6_000), Status::Cancelled));
    }
    steps
}

fn somewhere(rng: &mut Rng) -> Point {
    let degrees = rng.pick(&[0.0, 1.0, 2.0, 3.0], 0.0);
    Point {
        latitude: degrees,
        longitude: 0.0,
    }
}

fn address(at: Point) -> Address {
    Address {
        name: "Ada".into(),
        line1: "1 Lane".into(),
        line2: None,
        city: "Town".into(),
        state: "ST".into(),
        postal_code: "12345".into(),
        country: "DE".into(),
        phone: "+49".into(),
        email: None,
        latitude: at.latitude,
        longitude: at.longitude,
    }
}
