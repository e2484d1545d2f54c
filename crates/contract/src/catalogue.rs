//! Products, variants, warehouses: as shoppers see them and as admins write them.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    pub sku: String,
    pub size: String,
    pub price_minor: i64,
    /// Free units over all warehouses a moment ago; a hint, not a promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock_hint: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    pub product_id: String,
    pub title: String,
    pub description: String,
    pub currency: String,
    pub variants: Vec<Variant>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductPage {
    pub products: Vec<Product>,
    /// Ask for the next page with `?cursor=`; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantInput {
    pub sku: String,
    #[serde(default)]
    pub size: String,
    pub price_minor: i64,
    #[serde(default = "yes")]
    pub active: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductInput {
    pub product_id: String,
    pub title: String,
    #[serde(default)]
    pub description: String,
    #[serde(default = "yes")]
    pub active: bool,
    #[serde(default)]
    pub variants: Vec<VariantInput>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarehouseInput {
    pub warehouse_id: String,
    #[serde(default)]
    pub name: String,
    pub latitude: f64,
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
pub struct StockInput {
    pub warehouse_id: String,
    pub sku: String,
    pub quantity: i64,
}

/// Everything at once. With the same `key` the stock counts once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportInput {
    #[serde(default)]
    pub warehouses: Vec<WarehouseInput>,
    #[serde(default)]
    pub products: Vec<ProductInput>,
    #[serde(default)]
    pub stock: Vec<StockInput>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

fn yes() -> bool {
    true
}
