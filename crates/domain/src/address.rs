//! Where an order goes. Checked once, when it is set, and by name of the field.

use serde::{Deserialize, Serialize};

use crate::geo::Point;
use crate::limits::{ADDRESS_LINE_MAX, fits};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Address {
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::AddressLine"))]
    pub name: String,
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::AddressLine"))]
    pub line1: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::shape::MoreOfAddress>")
    )]
    pub line2: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::AddressLine"))]
    pub city: String,
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::AddressLine"))]
    pub state: String,
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::AddressLine"))]
    pub postal_code: String,
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::AddressLine"))]
    pub country: String,
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::AddressLine"))]
    pub phone: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::shape::Email>"))]
    pub email: Option<String>,
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::Latitude"))]
    pub latitude: f64,
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::Longitude"))]
    pub longitude: f64,
}

/// The field that is wrong and what is wrong with it.
pub type FieldError = (&'static str, &'static str);

impl Address {
    pub fn point(&self) -> Point {
        Point {
            latitude: self.latitude,
            longitude: self.longitude,
        }
    }

    pub fn validate(&self) -> Result<(), FieldError> {
        let required = [
            ("name", &self.name),
            ("line1", &self.line1),
            ("city", &self.city),
            ("state", &self.state),
            ("postal_code", &self.postal_code),
            ("country", &self.country),
            ("phone", &self.phone),
        ];
        for (field, value) in required {
            if value.trim().is_empty() {
                return Err((field, "must not be empty"));
            }
        }
        let optional = [("line2", &self.line2), ("email", &self.email)]
            .into_iter()
            .filter_map(|(field, value)| value.as_ref().map(|value| (field, value)));
        for (field, value) in required.into_iter().chain(optional) {
            if !fits(value, ADDRESS_LINE_MAX) {
                return Err((field, "must be at most 200 characters long"));
            }
            if value.chars().any(char::is_control) {
                return Err((field, "must not contain control characters"));
            }
        }
        if let Some(email) = &self.email
            && !email.contains('@')
        {
            return Err(("email", "must be an e-mail address"));
        }
        if !(-90.0..=90.0).contains(&self.latitude) {
            return Err(("latitude", "must be between -90 and 90"));
        }
        if !(-180.0..=180.0).contains(&self.longitude) {
            return Err(("longitude", "must be between -180 and 180"));
        }
        Ok(())
    }
}
