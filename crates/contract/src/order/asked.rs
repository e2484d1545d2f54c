//! What is asked of an order by request: the bodies, as they are read.

use serde::Deserialize;

/// `POST /orders/{order}/cancel`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CancelInput {
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Text>"))]
    pub reason: Option<String>,
}

/// `PATCH /api/v1/orders/{order}/status`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StatusInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::lifecycle::Status"))]
    pub status: String,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Text>"))]
    pub reason: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Text>"))]
    pub tracking_number: Option<String>,
    /// Who carries it.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Text>"))]
    pub carrier: Option<String>,
}

/// `POST /orders/{order}/lines/cancel`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CancelLines {
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 50)))]
    pub lines: Vec<SomeUnits>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Text>"))]
    pub reason: Option<String>,
}

/// So many units of a SKU.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SomeUnits {
    pub sku: String,
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100_000)))]
    pub quantity: i64,
}

/// `POST /orders/{order}/returns`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReturnLines {
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 50)))]
    pub lines: Vec<SomeUnits>,
    /// Whether they go back to the shelf; they do where it is left out.
    #[serde(default)]
    pub restock: Option<bool>,
    /// Whether nobody has to pay for them; nobody has to where it is left out.
    #[serde(default)]
    pub refund: Option<bool>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Text>"))]
    pub reason: Option<String>,
}

/// `POST /orders/{order}/refunds`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefundInput {
    /// All that is due, where it is left out.
    #[serde(default)]
    #[cfg_attr(
        feature = "schema",
        schemars(range(min = 1, max = 1_000_000_000_000_i64))
    )]
    pub amount_minor: Option<i64>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Text>"))]
    pub reason: Option<String>,
}

/// `POST /orders/{order}/notes`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NoteInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Words"))]
    pub text: String,
}
