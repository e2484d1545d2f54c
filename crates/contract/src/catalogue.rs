//! Products, variants, warehouses: as shoppers see them and as admins write them.

use domain::geo::Point;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Variant {
    pub sku: String,
    pub size: String,
    pub price_minor: i64,
    /// Free units over all warehouses a moment ago; a hint, not a promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock_hint: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Product {
    pub product_id: String,
    pub title: String,
    pub description: String,
    pub currency: String,
    pub variants: Vec<Variant>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProductPage {
    pub products: Vec<Product>,
    /// Ask for the next page with `?cursor=`; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VariantInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub sku: String,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Text"))]
    pub size: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Price"))]
    pub price_minor: i64,
    #[serde(default = "yes")]
    pub active: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProductInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub product_id: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Text"))]
    pub title: String,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Text"))]
    pub description: String,
    #[serde(default = "yes")]
    pub active: bool,
    #[serde(default)]
    pub variants: Vec<VariantInput>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WarehouseInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub warehouse_id: String,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Text"))]
    pub name: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Latitude"))]
    pub latitude: f64,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Longitude"))]
    pub longitude: f64,
    #[serde(default = "yes")]
    pub active: bool,
    /// The stock shard; chosen by us when absent, and never changed afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u16>,
}

/// A counter to be raised (or lowered) by `quantity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub warehouse_id: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub sku: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::UnitsAdded"))]
    pub quantity: i64,
}

/// Everything at once. With the same `key` the stock counts once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ImportInput {
    #[serde(default)]
    pub warehouses: Vec<WarehouseInput>,
    #[serde(default)]
    pub products: Vec<ProductInput>,
    #[serde(default)]
    pub stock: Vec<StockInput>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Key>"))]
    pub key: Option<String>,
}

/// `PUT /api/admin/variants/{sku}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VariantOf {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub product_id: String,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Text"))]
    pub size: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Price"))]
    pub price_minor: i64,
}

/// How much was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Written {
    pub warehouses: usize,
    pub products: usize,
    pub variants: usize,
    pub stock_lines: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Imported {
    pub success: bool,
    pub written: Written,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Warehouse {
    pub warehouse_id: String,
    pub name: String,
    pub shard: u16,
    pub active: bool,
    #[serde(flatten)]
    pub at: Point,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WarehousePage {
    pub warehouses: Vec<Warehouse>,
}

fn yes() -> bool {
    true
}
