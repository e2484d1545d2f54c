//! The rows of desks as they are, a page at a time: for admins who want to know, or to keep.

use super::super::schema::got;
use super::{ADMIN, AFTER, Route, route};
use crate::code;
use crate::describe::Shape;
use crate::plain::{CartRows, OfferRows, OrderRows, PaymentRows, PlaceRows};

const fn export(path: &'static str, name: &'static str, of: &'static str, shape: Shape) -> Route {
    route("GET", path, name, "watching", shape)
        .says(of)
        .about("The names of the columns are the desk's own and may change.")
        .by(ADMIN)
        .query(&[AFTER])
        .or(&[code::NOT_FOUND])
}

pub const ROUTES: &[Route] = &[
    export(
        "/api/admin/desks/cart/{desk}/export",
        "exportCarts",
        "The rows of a cart desk",
        got::<CartRows>,
    ),
    export(
        "/api/admin/desks/order/{desk}/export",
        "exportOrders",
        "The rows of an order desk",
        got::<OrderRows>,
    ),
    export(
        "/api/admin/desks/offers/{desk}/export",
        "exportOffers",
        "The rows of an offer desk",
        got::<OfferRows>,
    ),
    export(
        "/api/admin/desks/vendor/{desk}/export",
        "exportPlaces",
        "The rows of a vendor desk",
        got::<PlaceRows>,
    ),
    export(
        "/api/admin/desks/payments/{desk}/export",
        "exportPayments",
        "The rows of a payment desk",
        got::<PaymentRows>,
    ),
];
