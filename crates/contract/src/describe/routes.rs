//! The table of routes: who may call each, what it takes, what it answers.
//!
//! A row each, by area, in the modules below. What every route has in common (what is wrong
//! with tokens, bodies and the shop itself) is not in the rows: the document adds it. The flows hold
//! every answer they get against the document, and a test that table against the one that
//! tests of roles read.

use serde_json::{Value, json};

use super::Shape;
use crate::Role;
use crate::code::Code;

mod carts;
mod catalogue;
mod desks;
mod drivers;
mod lists;
mod notices;
mod offers;
mod orders;
mod payments;
mod stock;
mod vendors;
mod watching;

/// Every row, area by area.
pub const AREAS: &[&[Route]] = &[
    watching::ROUTES,
    carts::ROUTES,
    orders::ROUTES,
    lists::ROUTES,
    payments::ROUTES,
    stock::ROUTES,
    catalogue::ROUTES,
    vendors::ROUTES,
    offers::ROUTES,
    drivers::ROUTES,
    notices::ROUTES,
    desks::ROUTES,
];

pub fn all() -> impl Iterator<Item = &'static Route> {
    AREAS.iter().copied().flatten()
}

pub const TAGS: &[(&str, &str)] = &[
    ("catalogue", "What is for sale, and admins who write it."),
    (
        "cart",
        "A shopper's cart, and the order that is made of it.",
    ),
    ("orders", "Orders and their life."),
    ("lists", "What those who run the shop look through."),
    (
        "payments",
        "Cards, credit lines, and what the payment provider says.",
    ),
    ("stock", "Counters of goods by warehouse, for staff."),
    (
        "vendors",
        "Vendors, their devices and what they answer by message.",
    ),
    ("offers", "Orders that are offered to vendors."),
    (
        "drivers",
        "Drivers: the directory, shifts, and what they bring.",
    ),
    (
        "notices",
        "What merchants and customers are told of orders.",
    ),
    ("watching", "Whether the shop is well."),
];

/// Who may call.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    Anyone,
    /// With a token of one of these roles.
    Roles(&'static [Role]),
    /// With another proof, by the name that the document has for it.
    Proof(&'static str),
}

/// What may stand in a query or a header.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    pub name: &'static str,
    pub about: &'static str,
    pub schema: fn() -> Value,
    pub is_required: bool,
}

const fn may(name: &'static str, about: &'static str, schema: fn() -> Value) -> Param {
    Param {
        name,
        about,
        schema,
        is_required: false,
    }
}

const fn must(name: &'static str, about: &'static str, schema: fn() -> Value) -> Param {
    Param {
        is_required: true,
        ..may(name, about, schema)
    }
}

/// What is answered when all is well.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub status: u16,
    pub kind: &'static str,
    pub shape: Shape,
}

#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    /// The name of the operation, for those who make clients of it.
    pub name: &'static str,
    pub tag: &'static str,
    pub summary: &'static str,
    pub about: &'static str,
    pub who: Who,
    pub query: &'static [Param],
    pub body: Option<Shape>,
    pub answer: Answer,
    /// A request with an `Idempotency-Key` counts once, which this says in full.
    pub key: Option<&'static str>,
    /// The problems that are this route's own.
    pub problems: &'static [Code],
}

const JSON: &str = "application/json";

const fn route(
    method: &'static str,
    path: &'static str,
    name: &'static str,
    tag: &'static str,
    shape: Shape,
) -> Route {
    Route {
        method,
        path,
        name,
        tag,
        summary: "",
        about: "",
        who: Who::Anyone,
        query: &[],
        body: None,
        answer: Answer {
            status: 200,
            kind: JSON,
            shape,
        },
        key: None,
        problems: &[],
    }
}

impl Route {
    const fn says(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    const fn by(self, roles: &'static [Role]) -> Self {
        let who = Who::Roles(roles);
        Self { who, ..self }
    }

    const fn proven_by(self, proof: &'static str) -> Self {
        let who = Who::Proof(proof);
        Self { who, ..self }
    }

    const fn query(self, query: &'static [Param]) -> Self {
        Self { query, ..self }
    }

    const fn takes(self, body: Shape) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    const fn status(self, status: u16) -> Self {
        let answer = Answer {
            status,
            ..self.answer
        };
        Self { answer, ..self }
    }

    const fn kind(self, kind: &'static str) -> Self {
        let answer = Answer {
            kind,
            ..self.answer
        };
        Self { answer, ..self }
    }

    const fn once(self, key: &'static str) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    const fn or(self, problems: &'static [Code]) -> Self {
        Self { problems, ..self }
    }

    /// The names of what stands in its path.
    pub fn path_params(&self) -> impl Iterator<Item = &'static str> {
        let parts = self.path.split('/');
        parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

const CUSTOMER: &[Role] = &[Role::Customer];
const VENDOR: &[Role] = &[Role::Vendor];
const DRIVER: &[Role] = &[Role::Driver];
const ADMIN: &[Role] = &[Role::Admin];
const STAFF: &[Role] = &[Role::Admin, Role::Service];
const VENDORS: &[Role] = &[Role::Vendor, Role::Admin, Role::Service];
const WITH_ORDERS: &[Role] = &[Role::Customer, Role::Admin, Role::Service];
const WITH_AN_ORDER: &[Role] = &[Role::Customer, Role::Admin, Role::Service, Role::Vendor];

/// Pages of up to a hundred.
const LIMIT: Param = may(
    "limit",
    "How many are wanted at most.",
    || json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 20 }),
);
const CURSOR: Param = may(
    "cursor",
    "Where to go on: `next_cursor` of the page before.",
    text,
);
const AFTER: Param = may(
    "after",
    "Where to go on: `next_after` of the page before.",
    text,
);
const LATITUDE: Param = must(
    "latitude",
    "In degrees.",
    || json!({ "type": "number", "minimum": -90, "maximum": 90, "examples": [52.52] }),
);
const LONGITUDE: Param = must(
    "longitude",
    "In degrees.",
    || json!({ "type": "number", "minimum": -180, "maximum": 180, "examples": [13.405] }),
);
/// Of searches, which are for a few.
const FEW: Param = may(
    "limit",
    "How many are wanted at most.",
    || json!({ "type": "integer", "minimum": 1, "maximum": 50, "default": 10 }),
);

fn text() -> Value {
    json!({ "type": "string" })
}

/// What stands in paths.
pub fn path_param(name: &str) -> (&'static str, Value) {
    let code = |example: &str| json!({ "type": "string", "pattern": domain::limits::CODE, "examples": [example] });
    match name {
        "order" => (
            "The id of an order, or its number.",
            json!({ "type": "string", "minLength": 1, "examples": ["ORD-2026-7KQ2M9"] }),
        ),
        "routing" => (
            "`rtg_` and the id of an order.",
            json!({
                "type": "string", "minLength": 1,
                "examples": ["rtg_01920000-0000-7001-8000-000000000000"],
            }),
        ),
        "desk" => (
            "The number of a desk.",
            json!({ "type": "integer", "minimum": 0, "maximum": 1023, "examples": [0] }),
        ),
        "sku" => ("A SKU.", code("BOOT-42")),
        "product" => ("The id of a product.", code("boot")),
        "warehouse" => ("The id of a warehouse.", code("berlin")),
        "vendor" => ("The id of a vendor.", code("corner-shop")),
        "driver" => ("The id of a driver.", code("dora")),
        "letter" => ("The id of a dead letter.", code("request-1")),
        _ => ("The id of a customer.", code("alice")),
    }
}
