//! Payments by card, credit lines, and what the provider delivers.

use super::super::schema::{got, nothing, sent};
use super::{CUSTOMER, Route, STAFF, WITH_ORDERS, route};
use crate::code;
use crate::payment::{CreditLine, Delivery, LimitInput, PaymentStarted, Received};

const TAG: &str = "payments";

pub const ROUTES: &[Route] = &[
    route(
        "POST",
        "/orders/{order}/payment",
        "startPayment",
        TAG,
        got::<PaymentStarted>,
    )
    .says("Begins to pay an order by card, or goes on with it")
    .about("Answered with what the shopper's device needs to pay. The same payment is answered while it can take money.")
    .by(WITH_ORDERS)
    .takes(nothing)
    .or(&[
        code::NOT_FOUND,
        code::NOTHING_DUE,
        code::NO_CARDS,
        code::PAYMENT_DECLINED,
        code::IN_PROGRESS,
        code::PROVIDER_UNAVAILABLE,
    ]),
    route("GET", "/credit", "credit", TAG, got::<CreditLine>)
        .says("One's own credit line")
        .by(CUSTOMER),
    route(
        "GET",
        "/api/admin/credit-lines/{customer}",
        "creditLine",
        TAG,
        got::<CreditLine>,
    )
    .says("A buyer's credit line")
    .by(STAFF),
    route(
        "PUT",
        "/api/admin/credit-lines/{customer}",
        "setCreditLine",
        TAG,
        got::<CreditLine>,
    )
    .says("Sets how much a buyer may owe")
    .about("Not less than what is in use or set aside.")
    .by(STAFF)
    .takes(sent::<LimitInput>)
    .or(&[code::NO_CREDIT]),
    route(
        "POST",
        "/webhooks/payments",
        "paymentEvent",
        TAG,
        got::<Received>,
    )
    .says("What the payment provider delivers")
    .about("Signed over the very bytes and the time. Each event counts once, by its id.")
    .proven_by("providerSignature")
    .takes(sent::<Delivery>)
    .or(&[code::BAD_SIGNATURE]),
];
