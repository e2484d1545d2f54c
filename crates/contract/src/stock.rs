//! Commands to a stock desk, and the HTTP bodies of the stock routes.

use domain::stock::{Answer, Op};
use serde::{Deserialize, Serialize};

use crate::{Empty, commands};

/// The binding of the stock desks, in every worker that has it.
pub const STOCK_DESK: &str = "STOCK_DESK";

/// The object that owns a shard.
pub fn desk_name(shard: u16) -> String {
    format!("stock-{shard}")
}

commands!(AtStockDesk {
    /// One operation on the stock of a shard.
    Op as StockCommand { shard: u16, op: Op } -> Answer, |it| {
        let name = match it.op {
            Op::Deduct { .. } => "deduct",
            Op::Restore { .. } => "restore",
            Op::Ship { .. } => "ship",
            Op::Adjust { .. } => "adjust",
            Op::Look { .. } => "look",
        };
        format!("stock.{name}.{}", it.shard)
    };
    /// These orders stand: nobody need wait for their end. Best effort.
    Settle as SettleOrders { shard: u16, order_ids: Vec<String> } -> Empty,
        |it| format!("stock.settle.{}", it.shard);
});

/// One line of `POST /api/stock/deduct` and `/restore`. Several stand in a list `lines`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockLineInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub order_id: String,
    pub warehouse_id: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub sku: String,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Units>"))]
    pub quantity: Option<i64>,
    /// Where there is another number of them nothing is taken.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Stock>"))]
    pub expected_stock: Option<i64>,
}

/// `POST /api/stock/adjust`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AdjustInput {
    pub warehouse_id: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub sku: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::UnitsChanged"))]
    pub delta: i64,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Words"))]
    pub reason: String,
}

/// What became of the counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockMoved {
    pub success: bool,
    pub order_id: String,
    pub rows: Vec<StockRow>,
}

/// The same, of an adjustment. No rows where it was counted before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockAdjusted {
    pub success: bool,
    pub rows: Vec<StockRow>,
}

/// A row of `GET /api/stock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockRow {
    pub warehouse_id: String,
    pub sku: String,
    pub stock: i64,
    pub held: i64,
}

/// A row of `GET /api/admin/stock/low`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LowStockRow {
    pub warehouse_id: String,
    pub sku: String,
    pub stock: i64,
    pub held: i64,
    /// Of what is for sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LowStockPage {
    pub rows: Vec<LowStockRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A counter that its movements or holds do not explain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriftRow {
    pub shard: u16,
    pub warehouse_id: String,
    pub sku: String,
    pub stock: i64,
    pub held: i64,
    pub stock_by_movements: i64,
    pub held_by_movements: i64,
    pub held_by_holds: i64,
}

/// `GET /api/stock/audit`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Audit {
    /// Rows that are not explained: must be 0.
    pub drift: i64,
    pub rows: i64,
    pub units_in_stock: i64,
    pub units_held: i64,
    /// The first of them, at most 100 a shard.
    pub rows_with_drift: Vec<DriftRow>,
}
