//! What is printed and written of days that were replayed.

use std::fmt::Write as _;

use serde::Serialize;

use super::Delivery;
use super::figures::Figures;
use super::folder::Outcome;
use super::instance::Instance;

/// A line for each delivered order, in the order of the orders.
pub fn assignments(instance: &Instance, deliveries: &[Delivery]) -> String {
    let mut text = String::from("order\tcourier\tpickup_time\tdropoff_time\n");
    for delivery in deliveries {
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{}",
            instance.orders[delivery.order].id,
            instance.couriers[delivery.courier].id,
            delivery.pickup,
            delivery.dropoff
        );
    }
    text
}

pub fn total(outcomes: &[Outcome]) -> Figures {
    let days: Vec<(usize, &Figures)> = outcomes
        .iter()
        .map(|one| (one.orders, &one.figures))
        .collect();
    Figures::total(&days)
}

#[derive(Serialize)]
struct Report<'a> {
    instances: Vec<Line<'a>>,
    total: Figures,
}

#[derive(Serialize)]
struct Line<'a> {
    instance: &'a str,
    policy: &'a str,
    orders: usize,
    #[serde(flatten)]
    figures: &'a Figures,
    violations: &'a [String],
}

pub fn json(outcomes: &[Outcome], policy: &str) -> String {
    let report = Report {
        instances: outcomes
            .iter()
            .map(|one| Line {
                instance: &one.name,
                policy,
                orders: one.orders,
                figures: &one.figures,
                violations: &one.wrong,
            })
            .collect(),
        total: total(outcomes),
    };
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}

pub fn table(outcomes: &[Outcome]) -> String {
    let width = outcomes
        .iter()
        .map(|one| one.name.len())
        .max()
        .unwrap_or(0)
        .max(8);
    let mut text = format!(
        "{:width$}  {:>6}  {:>11}  {:>13}  {:>5}  {:>15}  {:>13}  {:>10}\n",
        "instance",
        "orders",
        "undelivered",
        "click-to-door",
        "p90",
        "ready-to-pickup",
        "orders/bundle",
        "cost/order"
    );
    let mut line = |name: &str, orders: usize, day: &Figures| {
        let _ = writeln!(
            text,
            "{name:width$}  {orders:>6}  {:>9.2} %  {:>13.2}  {:>5.1}  {:>15.2}  {:>13.3}  {:>10.2}",
            day.undelivered_percent,
            day.click_to_door_mean,
            day.click_to_door_p90,
            day.ready_to_pickup_mean,
            day.orders_per_bundle,
            day.cost_per_order
        );
    };
    for one in outcomes {
        line(&one.name, one.orders, &one.figures);
    }
    let orders = outcomes.iter().map(|one| one.orders).sum();
    line("total", orders, &total(outcomes));
    for one in outcomes {
        for wrong in &one.wrong {
            let _ = writeln!(text, "{}: {wrong}", one.name);
        }
    }
    text
}
