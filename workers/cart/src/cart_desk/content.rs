//! What an order will be: a claimed cart, priced and planned. The totals are computed
//! here, once, and are what the shopper agreed to, or nothing is ordered.

use contract::fulfillment::{PlanReply, Planned};
use contract::order::OrderContent;
use contract::{Problem, code};
use domain::delivery::Mode;
use domain::lifecycle::Method;
use domain::plan::Shortage;
use domain::totals;
use edge::clock;

use super::placing::Job;

/// What the order will be, priced and planned.
pub(super) fn content(
    job: &Job,
    mode: Mode,
    planned: &PlanReply,
    plan: &Planned,
) -> Result<OrderContent, Problem> {
    let prices = planned
        .lines
        .iter()
        .map(|line| (line.price_minor, line.quantity));
    let totals = totals::compute(prices, plan.quote.cost_minor, planned.tax_basis_points)
        .ok_or_else(|| Problem::field("quantity", "the total is too large"))?;
    if job
        .input
        .expected_total
        .is_some_and(|expected| expected != totals.total_minor)
    {
        return Err(Problem::new(
            code::TOTAL_CHANGED,
            "the total has changed; show the shopper the new one and ask again",
        )
        .of_field("expected_total")
        .with("totals", totals));
    }
    Ok(OrderContent {
        order_id: job.order_id.clone(),
        cart_id: job.cart_id.clone(),
        customer_id: job.customer_id.clone(),
        lines: planned.lines.clone(),
        allocations: plan.allocations.clone(),
        address: job.address.clone(),
        delivery_mode: mode,
        delivery_tier: plan.tier,
        totals,
        currency: planned.currency.clone(),
        estimated_delivery_date: domain::time::date_after(clock::now_ms(), plan.quote.days),
        special_instructions: job.input.special_instructions.clone(),
        payment_method: job
            .input
            .payment_method
            .as_deref()
            .and_then(Method::from_name)
            .unwrap_or(Method::Card),
    })
}

pub(super) fn too_little(short: &[Shortage]) -> Problem {
    let named: Vec<String> = short
        .iter()
        .map(|line| {
            format!(
                "{}: {} wanted, {} there",
                line.sku, line.requested, line.available
            )
        })
        .collect();
    let detail = format!("too little in stock ({})", named.join("; "));
    Problem::new(code::INSUFFICIENT_STOCK, detail).with("lines", short)
}
