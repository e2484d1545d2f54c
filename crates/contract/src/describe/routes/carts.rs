//! Carts, and the orders that are made of them.

use super::super::schema::{got, sent};
use super::{CUSTOMER, Param, Route, may, route, text};
use crate::cart::{CartView, PlaceInput, QuantityInput, SummaryView};
use crate::code;
use crate::code::Code;
use crate::order::PlacedOrder;
use domain::address::Address;

const TAG: &str = "cart";

const MODE: Param = may(
    "delivery_mode",
    "`express`; anything else is standard delivery.",
    text,
);

/// Where the desk cannot say at once how a cart stands.
const UNSURE: &[Code] = &[code::IN_PROGRESS, code::OUTCOME_UNKNOWN];

const CHANGE: &[Code] = &[code::CART_LOCKED, code::IN_PROGRESS, code::OUTCOME_UNKNOWN];

pub const ROUTES: &[Route] = &[
    route("GET", "/cart", "cart", TAG, got::<CartView>)
        .says("The cart with its prices")
        .by(CUSTOMER)
        .or(UNSURE),
    route("PUT", "/cart/items/{sku}", "setLine", TAG, got::<CartView>)
        .says("Puts so many of a SKU into the cart")
        .about("The quantity is what is in the cart from then on, so it may be repeated.")
        .by(CUSTOMER)
        .takes(sent::<QuantityInput>)
        .or(&[
            code::UNKNOWN_SKU,
            code::TOO_MANY_LINES,
            code::CART_LOCKED,
            code::IN_PROGRESS,
            code::OUTCOME_UNKNOWN,
        ]),
    route(
        "DELETE",
        "/cart/items/{sku}",
        "removeLine",
        TAG,
        got::<CartView>,
    )
    .says("Takes a SKU out of the cart")
    .about("Done as well where it was not in it.")
    .by(CUSTOMER)
    .or(CHANGE),
    route("PUT", "/cart/address", "setAddress", TAG, got::<CartView>)
        .says("Says where it is to be sent")
        .by(CUSTOMER)
        .takes(sent::<Address>)
        .or(CHANGE),
    route(
        "GET",
        "/cart/summary",
        "cartSummary",
        TAG,
        got::<SummaryView>,
    )
    .says("What the cart would cost now, and where it would come from")
    .about("The same computation as the order's.")
    .by(CUSTOMER)
    .query(&[MODE])
    .or(&[
        code::EMPTY_CART,
        code::NO_ADDRESS,
        code::UNKNOWN_SKU,
        code::INSUFFICIENT_STOCK,
        code::IN_PROGRESS,
        code::OUTCOME_UNKNOWN,
    ]),
    route(
        "POST",
        "/cart/place-order",
        "placeOrder",
        TAG,
        got::<PlacedOrder>,
    )
    .says("Makes an order of the cart")
    .about(
        "All of it is in stock and taken for the order, or nothing is. `expected_total` keeps \
         a shopper from paying what was not shown. After `outcome_unknown` the same request \
         finds out what came of it.",
    )
    .by(CUSTOMER)
    .takes(sent::<PlaceInput>)
    .status(201)
    .once(
        "The same key with the same body gets the same answer for 48 hours, marked with \
         `Idempotent-Replayed`; with another body it is refused. Without a key the order that \
         was just made of the cart is answered for ten minutes.",
    )
    .or(&[
        code::EMPTY_CART,
        code::NO_ADDRESS,
        code::UNKNOWN_SKU,
        code::INSUFFICIENT_STOCK,
        code::TOTAL_CHANGED,
        code::NO_CREDIT,
        code::CART_LOCKED,
        code::IN_PROGRESS,
        code::KEY_REUSED,
        code::TOO_MANY_REQUESTS,
        code::OUTCOME_UNKNOWN,
    ]),
];
