//! Vendors: as admins write them, as maps show them, as orders look for them.

use std::collections::BTreeMap;

use domain::geo::Point;
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VendorInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub vendor_id: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Words"))]
    pub name: String,
    /// Digits with a leading `+`, for messages.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Phone>"))]
    pub phone: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Latitude"))]
    pub latitude: f64,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Longitude"))]
    pub longitude: f64,
    /// The vendor's own warehouse, where it has one.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Code>"))]
    pub warehouse_id: Option<String>,
    #[serde(default = "yes")]
    pub active: bool,
    #[serde(default)]
    pub verified: bool,
    #[serde(default)]
    pub open: bool,
    /// From 0 to 100; the best are asked first where the strategy goes by score.
    #[serde(default = "fifty")]
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Score"))]
    pub score: f64,
    /// Orders that it works on at once, at most; `null` for any number.
    #[serde(default = "one")]
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Capacity"))]
    pub capacity: Option<i64>,
    #[serde(default = "twenty")]
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Minutes"))]
    pub prep_minutes: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VendorImport {
    pub vendors: Vec<VendorInput>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AvailabilityInput {
    pub open: bool,
}

/// A vendor, and how far it is where somebody asked from somewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VendorView {
    #[serde(flatten)]
    pub vendor: VendorInput,
    pub in_work: i64,
    /// Whether it is offered orders: active, verified, open, and not at its capacity.
    pub accepting: bool,
    pub version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance_km: Option<f64>,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub created_at: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub updated_at: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VendorPage {
    pub vendors: Vec<VendorView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VendorsImported {
    pub success: bool,
    pub written: usize,
}

/// A device that wants to be pushed to: a `PushSubscription`, as browsers write it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubscriptionInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Endpoint"))]
    pub endpoint: String,
    pub keys: SubscriptionKeys,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubscriptionKeys {
    /// A point of the curve P-256, uncompressed, in base64url.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Za-z0-9_-]{87}=*$")))]
    pub p256dh: String,
    /// 16 bytes in base64url.
    #[cfg_attr(
        feature = "schema",
        schemars(regex(pattern = "^[A-Za-z0-9_-]{21}[AQgw]=*$"))
    )]
    pub auth: String,
}

/// Which device is not pushed to any more.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EndpointInput {
    pub endpoint: String,
}

/// What browsers want to know of who pushes to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PushKey {
    pub public_key: String,
}

/// One who would take an order, as far as an order wants to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Found{T}s")
)]
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
    /// Where a vendor is.
    Where as WhereIs { vendor_id: String } -> Option<Point>, |_| "vendors.where".into();
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
