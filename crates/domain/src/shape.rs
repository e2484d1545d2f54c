//! Values with bounds, as descriptions of the API have them.
//!
//! What must hold: a shape here says what is enforced where the value is read, no more and
//! no less, so it is made of the same bounds ([`crate::limits`]). A field takes its shape with
//! `schemars(with = "...")`. Only the feature `schema` brings these along; no worker has them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::limits::{
    ADDRESS_LINE_MAX, AMOUNT_MAX, CODE, CREDIT_MAX, ENDPOINT_MAX, KEY, LINES_MAX,
    PREPARATION_MAX_MIN, PRICE_MAX, QUANTITY_MAX, STOCK_MAX, TEXT_MAX, VENDOR_CAPACITY_MAX,
};

/// Declares shapes, each by its name and its schema.
macro_rules! shapes {
    ($( $(#[$doc:meta])* $name:ident = $schema:tt; )*) => { $(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )* };
}

shapes! {
    /// A SKU, or the id of a product, a warehouse, a vendor or a customer.
    Code = { "type": "string", "pattern": CODE };
    /// An `Idempotency-Key`.
    Key = { "type": "string", "pattern": KEY };
    /// Text of some length that may be empty.
    Text = { "type": "string", "maxLength": TEXT_MAX };
    /// Text with something in it.
    Words = {
        "type": "string", "minLength": 1, "maxLength": TEXT_MAX, "pattern": r"\S",
    };
    /// A line of an address: something in it, and nothing that breaks it.
    AddressLine = {
        "type": "string", "minLength": 1, "maxLength": ADDRESS_LINE_MAX,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u001f\u007f-\u009f\s][^\u0000-\u001f\u007f-\u009f]*$",
    };
    /// A line of an address that may be empty.
    MoreOfAddress = {
        "type": "string", "maxLength": ADDRESS_LINE_MAX,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
    };
    Email = {
        "type": "string", "maxLength": ADDRESS_LINE_MAX,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*@[^\u0000-\u001f\u007f-\u009f]*$",
    };
    Phone = { "type": "string", "pattern": r"^\+[0-9]{6,15}$" };
    Latitude = { "type": "number", "minimum": -90, "maximum": 90 };
    Longitude = { "type": "number", "minimum": -180, "maximum": 180 };
    /// Units of one SKU in a cart.
    Quantity = { "type": "integer", "minimum": 1, "maximum": QUANTITY_MAX };
    /// Units that are taken from one warehouse, or given back to it.
    Units = { "type": "integer", "minimum": 1, "maximum": STOCK_MAX };
    /// Units that come or go.
    UnitsAdded = { "type": "integer", "minimum": (-STOCK_MAX), "maximum": STOCK_MAX };
    /// Units that come or go, and not none.
    UnitsChanged = {
        "type": "integer", "minimum": (-STOCK_MAX), "maximum": STOCK_MAX, "not": { "const": 0 },
    };
    /// An amount in minor units of the currency.
    Amount = { "type": "integer", "minimum": 0, "maximum": AMOUNT_MAX };
    /// What there is of a SKU in a warehouse.
    Stock = { "type": "integer", "minimum": 0, "maximum": STOCK_MAX };
    /// What a unit costs, in minor units of the currency.
    Price = { "type": "integer", "minimum": 0, "maximum": PRICE_MAX };
    /// What a buyer may owe, in minor units of the currency.
    CreditLimit = { "type": "integer", "minimum": 0, "maximum": CREDIT_MAX };
    Minutes = { "type": "integer", "minimum": 0, "maximum": PREPARATION_MAX_MIN };
    /// Orders that a vendor works on at once.
    Capacity = { "type": ["integer", "null"], "minimum": 0, "maximum": VENDOR_CAPACITY_MAX };
    Score = { "type": "number", "minimum": 0, "maximum": 100 };
    /// A moment.
    Time = { "type": "string", "format": "date-time" };
    /// A moment that callers name, which is never said in less.
    Instant = { "type": "string", "format": "date-time", "minLength": 20 };
    /// Kinds of events that a merchant wants.
    Kinds = { "type": "array", "minItems": 1, "items": { "enum": (crate::notices::kinds::KINDS) } };
    /// Where webhooks go: by https, but on the shop's own machine.
    Address = {
        "type": "string", "maxLength": (crate::notices::endpoint::URL_MAX),
        "pattern": "^https?://",
    };
    /// Where a browser is pushed to.
    Endpoint = {
        "type": "string", "maxLength": ENDPOINT_MAX, "pattern": "^https://",
    };
}

/// A list of things with as many lines as a cart may have, and at least one.
#[derive(Debug)]
pub struct Lines<T>(std::marker::PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Lines<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("LinesOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let of = generator.subschema_for::<T>();
        json_schema!({ "type": "array", "items": of, "minItems": 1, "maxItems": LINES_MAX })
    }
}

/// Text that may be left out, and null where the order has left its desk.
pub fn text_or_null(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "null" }, { "type": "string" }] })
}
