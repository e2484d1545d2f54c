//! Days that were made up, like those of the public benchmark in what matters to a policy:
//! a lunch and a higher dinner peak, a few restaurants that get much and many that get
//! little, in clusters; some twenty minutes of preparation with a long tail, two kilometres
//! to the door; couriers in shifts of one to four hours that follow the demand roughly,
//! with as many hours in all as the load leaves them.

use super::instance::{Courier, Instance, Order, Parameters, Restaurant, Spot};
use crate::rng::Rng;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    pub orders: usize,
    pub seed: u64,
    /// Orders for each hour of a courier. The public days have 1.2 to 2.5.
    pub load: f64,
    /// Preparation times are multiplied by this.
    pub preparation: f64,
    pub metres_per_minute: f64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            orders: 500,
            seed: 1,
            load: 2.0,
            preparation: 1.0,
            metres_per_minute: 320.0,
        }
    }
}

/// Minutes from the day's beginning to the last order.
const DAY: f64 = 790.0;
const LAST_SHIFT_ENDS: i64 = 825;
/// Later than this nothing gets ready, or nobody could be there to collect it.
const LAST_READY: i64 = 800;

/// The same recipe makes the same day.
pub fn generate(name: &str, recipe: &Recipe) -> Instance {
    let mut rng = Rng::new(recipe.seed ^ 0x00d1_5a7c);
    let size = real(recipe.orders);
    // Larger days are of larger towns.
    let town = if recipe.orders < 1200 { 1750.0 } else { 3000.0 };
    let clusters: Vec<Spot> = (0..3 + recipe.orders / 150)
        .map(|_| around(&mut rng, Spot { x: 0.0, y: 0.0 }, town))
        .collect();
    let number = whole(3.2 * size.powf(0.575)).max(1);
    let restaurants: Vec<Spot> = (0..number)
        .map(|_| {
            let middle = clusters[rng.index(clusters.len())];
            around(&mut rng, middle, 600.0)
        })
        .collect();
    let fame: Vec<f64> = (0..restaurants.len())
        .map(|rank| (real(rank) + 4.0).powf(-0.9))
        .collect();
    let mut orders: Vec<(i64, usize, Spot, i64)> = (0..recipe.orders)
        .map(|_| {
            let placed = whole_minute(demand(&mut rng));
            let restaurant = weighted(&mut rng, &fame);
            let door = around(&mut rng, restaurants[restaurant], 1750.0);
            let preparation = 14.5 * (0.6 * normal(&mut rng)).exp() * recipe.preparation;
            (
                placed,
                restaurant,
                door,
                whole_minute(preparation.clamp(1.0, 120.0)),
            )
        })
        .collect();
    orders.sort_by_key(|(placed, restaurant, ..)| (*placed, *restaurant));
    let couriers = couriers(&mut rng, recipe, &restaurants, town);
    let corner = corner(&restaurants, &orders, &couriers);
    let moved = |spot: Spot| Spot {
        x: (spot.x - corner.x).round(),
        y: (spot.y - corner.y).round(),
    };
    Instance {
        name: name.to_owned(),
        orders: orders
            .into_iter()
            .enumerate()
            .map(|(index, (placed, restaurant, door, preparation))| Order {
                id: format!("o{}", index + 1),
                door: moved(door),
                placed,
                restaurant,
                ready: (placed + preparation).min(LAST_READY),
            })
            .collect(),
        couriers: couriers
            .into_iter()
            .enumerate()
            .map(|(index, (home, on, off))| Courier {
                id: format!("c{}", index + 1),
                home: moved(home),
                on,
                off,
            })
            .collect(),
        restaurants: restaurants
            .iter()
            .enumerate()
            .map(|(index, spot)| Restaurant {
                id: format!("r{}", index + 1),
                spot: moved(*spot),
            })
            .collect(),
        parameters: Parameters {
            metres_per_minute: recipe.metres_per_minute,
            pickup_service: 4,
            dropoff_service: 4,
            target: 40,
            limit: 90,
            pay_per_order: 10.0,
            pay_per_hour: 15.0,
        },
    }
}

fn couriers(
    rng: &mut Rng,
    recipe: &Recipe,
    restaurants: &[Spot],
    town: f64,
) -> Vec<(Spot, i64, i64)> {
    let mut left = real(recipe.orders) / recipe.load.max(0.1) * 60.0;
    let mut couriers = Vec::new();
    // Somebody is there from first to last.
    for (on, off) in [(0, 180), (LAST_SHIFT_ENDS - 180, LAST_SHIFT_ENDS)] {
        couriers.push((Spot { x: 0.0, y: 0.0 }, on, off));
        left -= 180.0;
    }
    while left > 0.0 {
        let length = rng.pick(&[60, 90, 120, 120, 180, 180, 180, 240], 120);
        let middle = whole_minute(demand(rng) + 15.0);
        let on = (middle - rng.between(length / 3, length * 2 / 3)) / 30 * 30;
        let on = on.clamp(0, LAST_SHIFT_ENDS - length);
        let near = restaurants[rng.index(restaurants.len())];
        couriers.push((around(rng, near, town / 3.0), on, on + length));
        left -= fraction(length);
    }
    couriers.sort_by_key(|(_, on, off)| (*on, *off));
    couriers
}

/// When an order is placed.
fn demand(rng: &mut Rng) -> f64 {
    loop {
        let part = rng.below(100);
        let minute = match part {
            0..18 => DAY * unit(rng),
            18..40 => 150.0 + 50.0 * normal(rng),
            _ => 595.0 + 72.0 * normal(rng),
        };
        if (0.0..DAY).contains(&minute) {
            return minute;
        }
    }
}

fn corner(
    restaurants: &[Spot],
    orders: &[(i64, usize, Spot, i64)],
    couriers: &[(Spot, i64, i64)],
) -> Spot {
    let doors = orders.iter().map(|(_, _, door, _)| door);
    let homes = couriers.iter().map(|(home, ..)| home);
    let first = Spot { x: 0.0, y: 0.0 };
    restaurants
        .iter()
        .chain(doors)
        .chain(homes)
        .fold(first, |corner, spot| Spot {
            x: corner.x.min(spot.x),
            y: corner.y.min(spot.y),
        })
}

fn around(rng: &mut Rng, middle: Spot, spread: f64) -> Spot {
    Spot {
        x: middle.x + spread * normal(rng),
        y: middle.y + spread * normal(rng),
    }
}

fn weighted(rng: &mut Rng, weights: &[f64]) -> usize {
    let mut point = unit(rng) * weights.iter().sum::<f64>();
    for (index, weight) in weights.iter().enumerate() {
        point -= weight;
        if point < 0.0 {
            return index;
        }
    }
    weights.len().saturating_sub(1)
}

/// From nought to below one.
fn unit(rng: &mut Rng) -> f64 {
    fraction(rng.between(0, (1 << 53) - 1)) / fraction(1 << 53)
}

/// The bell curve, from twelve dice: near enough, and the same on every machine.
fn normal(rng: &mut Rng) -> f64 {
    (0..12).map(|_| unit(rng)).sum::<f64>() - 6.0
}

fn real(number: usize) -> f64 {
    super::figures::real(number)
}

#[allow(clippy::cast_precision_loss, reason = "numbers below 2^53")]
fn fraction(number: i64) -> f64 {
    number as f64
}

#[allow(clippy::cast_possible_truncation, reason = "minutes of one day")]
fn whole_minute(minutes: f64) -> i64 {
    minutes.round() as i64
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of restaurants"
)]
fn whole(number: f64) -> usize {
    number as usize
}
