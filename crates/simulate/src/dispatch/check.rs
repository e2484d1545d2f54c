//! Holds deliveries against the rules of the benchmark. It asks the instance and nothing
//! else, so that a policy cannot share a mistake with its check.
//!
//! Half of the service at a restaurant comes before the goods are had and half after, and
//! so at a door. Orders of one courier that are picked up at the same minute are a bundle.

use std::collections::BTreeMap;

use super::Delivery;
use super::instance::{Instance, Spot};

/// Everything that is against the rules, in words.
pub fn check(instance: &Instance, deliveries: &[Delivery]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut times = vec![0_u32; instance.orders.len()];
    let mut days: BTreeMap<usize, Vec<Delivery>> = BTreeMap::new();
    for delivery in deliveries {
        times[delivery.order] += 1;
        days.entry(delivery.courier).or_default().push(*delivery);
        alone(instance, delivery, &mut wrong);
    }
    for (order, times) in times.iter().enumerate().filter(|(_, times)| **times > 1) {
        wrong.push(format!(
            "{} is delivered {times} times",
            instance.orders[order].id
        ));
    }
    for (courier, mut day) in days {
        day.sort_by_key(|delivery| (delivery.pickup, delivery.dropoff));
        through_the_day(instance, courier, &day, &mut wrong);
    }
    wrong
}

fn alone(instance: &Instance, delivery: &Delivery, wrong: &mut Vec<String>) {
    let order = &instance.orders[delivery.order];
    let courier = &instance.couriers[delivery.courier];
    if delivery.assigned < order.placed {
        wrong.push(format!(
            "{} is assigned at {} and placed at {}",
            order.id, delivery.assigned, order.placed
        ));
    }
    if delivery.pickup < order.ready {
        wrong.push(format!(
            "{} is picked up at {} and ready at {}",
            order.id, delivery.pickup, order.ready
        ));
    }
    if delivery.pickup > courier.off {
        wrong.push(format!(
            "{} is picked up at {} by {}, whose shift ends at {}",
            order.id, delivery.pickup, courier.id, courier.off
        ));
    }
}

fn through_the_day(instance: &Instance, courier: usize, day: &[Delivery], wrong: &mut Vec<String>) {
    let of = &instance.parameters;
    let (parked, handed) = halves(of.pickup_service);
    let (rung, gone) = halves(of.dropoff_service);
    let id = &instance.couriers[courier].id;
    let mut place = instance.couriers[courier].home;
    let mut free = instance.couriers[courier].on;
    let mut bundle: Option<(i64, usize)> = None;
    for delivery in day {
        let order = &instance.orders[delivery.order];
        let site = instance.restaurants[order.restaurant].spot;
        match bundle {
            Some((pickup, restaurant)) if pickup == delivery.pickup => {
                if restaurant != order.restaurant {
                    wrong.push(format!("{id} is at two restaurants at {pickup}"));
                }
            }
            _ => {
                let soonest = free + travel(instance, place, site) + parked;
                if delivery.pickup < soonest {
                    wrong.push(format!(
                        "{id} picks {} up at {} and cannot be there before {soonest}",
                        order.id, delivery.pickup
                    ));
                }
                place = site;
                free = delivery.pickup + handed;
            }
        }
        bundle = Some((delivery.pickup, order.restaurant));
        let soonest = free + travel(instance, place, order.door) + rung;
        if delivery.dropoff < soonest {
            wrong.push(format!(
                "{id} drops {} off at {} and cannot be there before {soonest}",
                order.id, delivery.dropoff
            ));
        }
        place = order.door;
        free = delivery.dropoff + gone;
    }
}

fn halves(service: i64) -> (i64, i64) {
    (service / 2, service - service / 2)
}

#[allow(clippy::cast_possible_truncation, reason = "minutes of one day")]
fn travel(instance: &Instance, from: Spot, to: Spot) -> i64 {
    let (east, north) = (to.x - from.x, to.y - from.y);
    let metres = (east * east + north * north).sqrt();
    (metres / instance.parameters.metres_per_minute).ceil() as i64
}
