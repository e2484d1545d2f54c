//! What shoppers ask of their carts, and what they see.
//!
//! Requests come from the gateway to the desk itself, which is where the cart is:
//! a worker in between would only pass them on.

use std::rc::Rc;

use contract::cart::{CartView, PlaceInput, QuantityInput, SummaryView};
use contract::fulfillment::{PlanOrder, PlanReply};
use contract::{Actor, Problem, Role, code};
use domain::address::Address;
use domain::delivery::Mode;
use domain::lifecycle::Method as Means;
use domain::limits::{AMOUNT_MAX, QUANTITY_MAX, TEXT_MAX, fits, is_code};
use domain::plan::Wanted;
use domain::totals;
use edge::call::{To, call};
use edge::{Incoming, Outcome, clock, http, identity, json};
use worker::Method;

use super::{CartChange, CartState, Desk, PlaceCart};

pub async fn serve(desk: &Rc<Desk>, incoming: &Incoming) -> Outcome {
    let path = incoming.path();
    if let (Method::Get, ["api", "admin", "desks", "cart", _, "export"]) =
        (&incoming.method, path.as_slice())
    {
        incoming.actor(&[Role::Admin])?;
        desk.write_late()?;
        let after = incoming.query.get("after").map_or("", String::as_str);
        return http::json(200, &desk.rows.export(after)?);
    }
    let customer = incoming.actor(&[Role::Customer])?;
    match (&incoming.method, path.as_slice()) {
        (Method::Get, ["cart"]) => {
            let state = desk
                .change(&incoming.scope, customer, &CartChange::Look)
                .await?;
            view(desk, incoming, state).await
        }
        (Method::Put, ["cart", "items", sku]) => set_line(desk, incoming, customer, sku).await,
        (Method::Delete, ["cart", "items", sku]) => {
            let sku = named(sku)?;
            let state = desk
                .change(&incoming.scope, customer, &CartChange::RemoveLine { sku })
                .await?;
            view(desk, incoming, state).await
        }
        (Method::Put, ["cart", "address"]) => {
            let mut address: Address = incoming.json()?;
            address.email = address.email.or_else(|| incoming.email.clone());
            address
                .validate()
                .map_err(|(field, wrong)| Problem::field(field, wrong))?;
            let set = CartChange::SetAddress(Box::new(address));
            let state = desk.change(&incoming.scope, customer, &set).await?;
            view(desk, incoming, state).await
        }
        (Method::Get, ["cart", "summary"]) => summary(desk, incoming, customer).await,
        (Method::Post, ["cart", "place-order"]) => place(desk, incoming, customer).await,
        _ => Err(Problem::not_found("route")),
    }
}

/// Prices lines without planning them.
async fn priced(
    desk: &Desk,
    incoming: &Incoming,
    lines: Vec<Wanted>,
) -> Result<PlanReply, Problem> {
    let order = PlanOrder {
        lines,
        to: None,
        mode: Mode::Standard,
        fresh: false,
        taking: false,
    };
    planned(desk, incoming, order).await
}

async fn planned(desk: &Desk, incoming: &Incoming, order: PlanOrder) -> Result<PlanReply, Problem> {
    let fulfillment = To::Service("FULFILLMENT_SERVICE");
    call(&desk.env, &incoming.scope, fulfillment, order)
        .await
        .map_err(|error| error.into_problem("fulfillment.plan"))
}

async fn view(desk: &Desk, incoming: &Incoming, state: CartState) -> Outcome {
    let reply = priced(desk, incoming, state.lines).await?;
    let subtotal_minor = reply.lines.iter().fold(0_i64, |sum, line| {
        sum.saturating_add(line.price_minor.saturating_mul(line.quantity))
    });
    let status = if state.placing { "placing" } else { "active" };
    http::json(
        200,
        &CartView {
            status: status.into(),
            currency: reply.currency,
            lines: reply.lines,
            unavailable: reply.unknown,
            subtotal_minor,
            address: state.address,
        },
    )
}

fn named(sku: &str) -> Result<String, Problem> {
    if is_code(sku) {
        return Ok(sku.to_owned());
    }
    Err(Problem::field("sku", "is not a SKU"))
}

async fn set_line(desk: &Rc<Desk>, incoming: &Incoming, customer: &Actor, sku: &str) -> Outcome {
    let sku = &named(sku)?;
    let input: QuantityInput = incoming.json()?;
    if !(1..=QUANTITY_MAX).contains(&input.quantity) {
        let wrong = format!("must be a whole number from 1 to {QUANTITY_MAX}");
        return Err(Problem::field("quantity", &wrong));
    }
    let line = Wanted {
        sku: sku.to_owned(),
        quantity: input.quantity,
    };
    let known = priced(desk, incoming, vec![line]).await?;
    if !known.unknown.is_empty() {
        let detail = format!("{sku} is not for sale");
        return Err(Problem::new(code::UNKNOWN_SKU, detail).of_field("sku"));
    }
    let set = CartChange::SetLine {
        sku: sku.to_owned(),
        quantity: input.quantity,
    };
    let state = desk.change(&incoming.scope, customer, &set).await?;
    view(desk, incoming, state).await
}

/// What the cart would cost now: the same computation as the order's.
async fn summary(desk: &Rc<Desk>, incoming: &Incoming, customer: &Actor) -> Outcome {
    let mode = Mode::from_name(incoming.query.get("delivery_mode").map(String::as_str));
    let state = desk
        .change(&incoming.scope, customer, &CartChange::Look)
        .await?;
    if state.lines.is_empty() {
        let detail = "put something in the cart first";
        return Err(Problem::new(code::EMPTY_CART, detail).of_field("cart"));
    }
    let Some(address) = state.address else {
        let detail = "say where to send it with PUT /cart/address";
        return Err(Problem::new(code::NO_ADDRESS, detail).of_field("address"));
    };
    let order = PlanOrder {
        lines: state.lines,
        to: Some(address.point()),
        mode,
        fresh: false,
        taking: false,
    };
    let reply = planned(desk, incoming, order).await?;
    if !reply.unknown.is_empty() {
        let detail = format!("no longer for sale: {}", reply.unknown.join(", "));
        return Err(Problem::new(code::UNKNOWN_SKU, detail)
            .of_field("sku")
            .with("skus", &reply.unknown));
    }
    let Some(plan) = reply.plan else {
        let detail = "too little in stock";
        return Err(Problem::new(code::INSUFFICIENT_STOCK, detail).with("lines", &reply.short));
    };
    let prices = reply
        .lines
        .iter()
        .map(|line| (line.price_minor, line.quantity));
    let totals = totals::compute(prices, plan.quote.cost_minor, reply.tax_basis_points)
        .ok_or_else(|| Problem::field("quantity", "the total is too large"))?;
    http::json(
        200,
        &SummaryView {
            currency: reply.currency,
            lines: reply.lines,
            delivery_mode: mode,
            delivery_tier: plan.tier,
            totals,
            estimated_delivery_date: domain::time::date_after(clock::now_ms(), plan.quote.days),
            allocations: plan.allocations,
            parcels: plan.parcels,
            short: Vec::new(),
        },
    )
}

async fn place(desk: &Rc<Desk>, incoming: &Incoming, customer: &Actor) -> Outcome {
    let input: PlaceInput = incoming.json()?;
    if input
        .special_instructions
        .as_ref()
        .is_some_and(|text| !fits(text, TEXT_MAX))
    {
        let wrong = "must be at most 1000 characters long";
        return Err(Problem::field("special_instructions", wrong));
    }
    let total = input.expected_total;
    if total.is_some_and(|total| !(0..=AMOUNT_MAX).contains(&total)) {
        let wrong = "must be a whole number of minor units, 0 or more";
        return Err(Problem::field("expected_total", wrong));
    }
    let method = input.payment_method.as_deref();
    if method.is_some_and(|method| Means::from_name(method).is_none()) {
        return Err(Problem::field(
            "payment_method",
            "must be card, cod or credit",
        ));
    }
    let key = incoming.key()?.unwrap_or_default().to_owned();
    let fingerprint = identity::fingerprint(&["place-order", &json::text(&input)]);
    let command = PlaceCart {
        customer_id: customer.id.clone(),
        key,
        fingerprint,
        input,
    };
    let answer = desk.place(incoming.scope.clone(), command).await?;
    let response = http::json_text(201, answer.body)?;
    if answer.replayed {
        let headers = response.headers();
        headers
            .set(contract::command::header::REPLAYED, "true")
            .map_err(http::internal)?;
    }
    Ok(response)
}
