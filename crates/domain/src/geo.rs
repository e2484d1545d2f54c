//! Places on the globe and the distance between them.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Point {
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::Latitude"))]
    pub latitude: f64,
    #[cfg_attr(feature = "schema", schemars(with = "crate::shape::Longitude"))]
    pub longitude: f64,
}

impl Point {
    pub fn is_valid(self) -> bool {
        self.latitude.is_finite()
            && self.longitude.is_finite()
            && (-90.0..=90.0).contains(&self.latitude)
            && (-180.0..=180.0).contains(&self.longitude)
    }
}

/// Mean radius of the earth, in kilometres.
const EARTH_RADIUS_KM: f64 = 6371.0;

/// Great-circle distance by the haversine formula.
pub fn distance_km(a: Point, b: Point) -> f64 {
    let (lat_a, lat_b) = (a.latitude.to_radians(), b.latitude.to_radians());
    let half_lat = (lat_b - lat_a) / 2.0;
    let half_lon = (b.longitude - a.longitude).to_radians() / 2.0;
    let h = half_lat.sin().powi(2) + lat_a.cos() * lat_b.cos() * half_lon.sin().powi(2);
    2.0 * EARTH_RADIUS_KM * h.clamp(0.0, 1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn berlin_to_hamburg() {
        let berlin = Point {
            latitude: 52.52,
            longitude: 13.405,
        };
        let hamburg = Point {
            latitude: 53.5511,
            longitude: 9.9937,
        };
        let km = distance_km(berlin, hamburg);
        assert!((254.0..257.0).contains(&km), "{km}");
        assert!(distance_km(berlin, berlin).abs() < 1e-9);
    }

    #[test]
    fn points_off_the_globe_are_invalid() {
        for (latitude, longitude) in [(90.1, 0.0), (0.0, -180.5), (f64::NAN, 0.0)] {
            assert!(
                !Point {
                    latitude,
                    longitude
                }
                .is_valid()
            );
        }
    }
}
