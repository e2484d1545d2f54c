//! What a day comes to, in the benchmark's terms.

use serde::Serialize;

use super::Delivery;
use super::instance::Instance;

/// Minutes are means over the delivered orders; cost is all pay over the orders delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Figures {
    pub undelivered_percent: f64,
    pub click_to_door_mean: f64,
    pub click_to_door_p90: f64,
    pub ready_to_pickup_mean: f64,
    pub orders_per_bundle: f64,
    pub cost_per_order: f64,
}

impl Figures {
    pub fn of(instance: &Instance, deliveries: &[Delivery]) -> Self {
        let orders = &instance.orders;
        let mut waits: Vec<i64> = Vec::new();
        let (mut to_pickup, mut bundles) = (0, Vec::new());
        let mut brought = vec![0_usize; instance.couriers.len()];
        for delivery in deliveries {
            let order = &orders[delivery.order];
            waits.push(delivery.dropoff - order.placed);
            to_pickup += delivery.pickup - order.ready;
            bundles.push((delivery.courier, delivery.pickup));
            brought[delivery.courier] += 1;
        }
        bundles.sort_unstable();
        bundles.dedup();
        waits.sort_unstable();
        let delivered = real(waits.len()).max(1.0);
        let of = &instance.parameters;
        let pay: f64 = instance
            .couriers
            .iter()
            .zip(&brought)
            .map(|(courier, brought)| {
                let hours = minutes(courier.off - courier.on) / 60.0;
                (real(*brought) * of.pay_per_order).max(hours * of.pay_per_hour)
            })
            .sum();
        Self {
            undelivered_percent: 100.0 * real(orders.len() - waits.len())
                / real(orders.len()).max(1.0),
            click_to_door_mean: minutes(waits.iter().sum()) / delivered,
            click_to_door_p90: percentile(&waits, 0.9),
            ready_to_pickup_mean: minutes(to_pickup) / delivered,
            orders_per_bundle: delivered / real(bundles.len()).max(1.0),
            cost_per_order: pay / delivered,
        }
    }

    /// The mean, each day with as much weight as it has orders.
    pub fn total(days: &[(usize, &Self)]) -> Self {
        let orders: usize = days.iter().map(|(orders, _)| orders).sum();
        let mean = |figure: fn(&Self) -> f64| {
            let sum: f64 = days
                .iter()
                .map(|(orders, day)| real(*orders) * figure(day))
                .sum();
            sum / real(orders).max(1.0)
        };
        Self {
            undelivered_percent: mean(|day| day.undelivered_percent),
            click_to_door_mean: mean(|day| day.click_to_door_mean),
            click_to_door_p90: mean(|day| day.click_to_door_p90),
            ready_to_pickup_mean: mean(|day| day.ready_to_pickup_mean),
            orders_per_bundle: mean(|day| day.orders_per_bundle),
            cost_per_order: mean(|day| day.cost_per_order),
        }
    }
}

/// Between the two nearest, as statistics packages have it.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn percentile(sorted: &[i64], part: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = real(last) * part;
    let (low, high) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    minutes(low) + minutes(high - low) * place.fract()
}

#[allow(clippy::cast_precision_loss, reason = "numbers of orders")]
pub(super) fn real(number: usize) -> f64 {
    number as f64
}

#[allow(clippy::cast_precision_loss, reason = "minutes of some days")]
fn minutes(number: i64) -> f64 {
    number as f64
}
