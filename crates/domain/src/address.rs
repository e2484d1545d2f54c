//! Where an order goes. Checked once, when it is set, and by name of the field.

use serde::{Deserialize, Serialize};

use crate::geo::Point;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Address {
    pub name: String,
    pub line1: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    pub city: String,
    pub state: String,
    pub postal_code: String,
    pub country: String,
    pub phone: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub latitude: f64,
    pub longitude: f64,
}

/// The field that is wrong and what is wrong with it.
pub type FieldError = (&'static str, &'static str);

const FIELD_MAX: usize = 200;

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
            if value.len() > FIELD_MAX {
                return Err((field, "must be at most 200 bytes long"));
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
