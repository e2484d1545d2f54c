//! Vendors: as admins write them, as maps show them, as orders look for them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::offers::{CancelPush, NewOrder};
use crate::{Empty, commands};

/// The binding of the worker that knows the vendors.
pub const VENDOR_SERVICE: &str = "VENDOR_SERVICE";

fn yes() -> bool {
    true
}

#[allow(clippy::unnecessary_wraps, reason = "the shape that serde wants")]
fn one() -> Option<i64> {
    Some(1)
}

fn twenty() -> i64 {
    20
}

fn fifty() -> f64 {
    50.0
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorInput {
    pub vendor_id: String,
    pub name: String,
    /// Digits with a leading `+`, for messages.
    #[serde(default)]
    pub phone: Option<String>,
    pub latitude: f64,
    pub longitude: f64,
    /// The vendor's own warehouse, where it has one.
    #[serde(default)]
    pub warehouse_id: Option<String>,
    #[serde(default = "yes")]
    pub active: bool,
    #[serde(default)]
    pub verified: bool,
    #[serde(default)]
    pub open: bool,
    /// From 0 to 100; the best are asked first where the strategy goes by score.
    #[serde(default = "fifty")]
    pub score: f64,
    /// Orders that it works on at once, at most; `null` for any number.
    #[serde(default = "one")]
    pub capacity: Option<i64>,
    #[serde(default = "twenty")]
    pub prep_minutes: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorImport {
    pub vendors: Vec<VendorInput>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityInput {
    pub open: bool,
}

/// A vendor, and how far it is where somebody asked from somewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VendorView {
    #[serde(flatten)]
    pub vendor: VendorInput,
    pub in_work: i64,
    /// Whether it is offered orders: active, verified, open, and not at its capacity.
    pub accepting: bool,
    pub version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance_km: Option<f64>,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VendorPage {
    pub vendors: Vec<VendorView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One who would take an order, as far as an order wants to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub vendor_id: String,
    pub latitude: f64,
    pub longitude: f64,
    pub distance_km: f64,
    pub score: f64,
    pub prep_minutes: i64,
    /// None for any number.
    pub capacity: Option<i64>,
    pub in_work: i64,
}

/// What a search found, and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found<T> {
    pub vendors: Vec<T>,
    /// There may be more than were asked for.
    pub truncated: bool,
    pub rows_read: u64,
    pub trips: u32,
}

commands!(AtVendors {
    /// Those who would take an order now, nearest first.
    Near as FindNear { latitude: f64, longitude: f64, radius_km: f64, limit: u32 }
        -> Found<Candidate>, |_| "vendors.near".into();
    /// Those who would take an order now, best first.
    Best as FindBest { latitude: f64, longitude: f64, limit: u32 } -> Found<Candidate>,
        |_| "vendors.best".into();
    /// What vendors are called, as far as they are known.
    Names as NamesOf { vendor_ids: Vec<String> } -> BTreeMap<String, String>,
        |_| "vendors.names".into();
    /// Who of these has anything that could be rung.
    Ringable as RingableOf { vendor_ids: Vec<String> } -> Vec<String>,
        |_| "vendors.ringable".into();
    /// Ring where no socket is: by web push, or else by message. True when somebody took
    /// it to deliver. Safe to repeat: the same offer rings once on a device.
    Alert as AlertVendor { offer: NewOrder } -> bool, |_| "vendors.alert".into();
    /// The offer is off, so what rings stops. Who ended it `by_itself` needs no words.
    CallOff as CallOffAlert { off: CancelPush, order_number: String, by_itself: bool } -> Empty,
        |_| "vendors.call_off".into();
});

#[cfg(test)]
mod tests {
    use super::*;

    fn capacity(json: &str) -> Option<i64> {
        let fields = r#""vendor_id": "v", "name": "V", "latitude": 1, "longitude": 2"#;
        let vendor: VendorInput =
            serde_json::from_str(&format!("{{ {fields} {json} }}")).expect("a vendor");
        vendor.capacity
    }

    #[test]
    fn a_capacity_that_is_left_out_is_one_and_null_is_any_number() {
        assert_eq!(capacity(""), Some(1));
        assert_eq!(capacity(r#", "capacity": 7"#), Some(7));
        assert_eq!(capacity(r#", "capacity": null"#), None);
    }
}
