//! What an order asks of a shard's stock, and what the answers mean for it.

use domain::plan::Shortage;
use domain::stock::{Answer, DeductLine, Op, Place, RestoreLine};

use super::journal::OrderRow;

pub fn places(row: &OrderRow, shard: u16) -> Vec<Place> {
    row.lines
        .iter()
        .filter(|line| line.shard == shard)
        .map(|line| Place {
            warehouse_id: line.warehouse_id.clone(),
            sku: line.sku.clone(),
        })
        .collect()
}

pub fn deduct_lines(row: &OrderRow, shard: u16) -> Vec<DeductLine> {
    row.lines
        .iter()
        .filter(|line| line.shard == shard)
        .map(|line| DeductLine {
            place: Place {
                warehouse_id: line.warehouse_id.clone(),
                sku: line.sku.clone(),
            },
            quantity: line.quantity,
            expected_stock: None,
        })
        .collect()
}

pub fn restore(order_id: &str, row: &OrderRow, shard: u16, key: &str) -> Op {
    Op::Restore {
        order_id: order_id.to_owned(),
        lines: places(row, shard)
            .into_iter()
            .map(|place| RestoreLine {
                place,
                quantity: None,
            })
            .collect(),
        key: key.to_owned(),
    }
}

/// The SKUs that an answer says are short.
pub fn lines_short(answer: Answer) -> Vec<Shortage> {
    let lines = match answer {
        Answer::Short { lines } | Answer::Changed { lines } => lines,
        _ => Vec::new(),
    };
    lines
        .into_iter()
        .map(|line| Shortage {
            sku: line.place.sku,
            requested: line.requested,
            available: line.available,
        })
        .collect()
}
