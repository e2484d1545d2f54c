//! How far it is and how long it takes.

use serde::{Deserialize, Serialize};

use crate::geo::{Point, distance_km};

pub trait Travel<P> {
    fn km(&self, from: &P, to: &P) -> f64;
    fn minutes(&self, from: &P, to: &P) -> f64;
}

/// As the crow flies, at a speed that makes up for the streets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Globe {
    pub km_per_hour: f64,
}

impl Default for Globe {
    /// A scooter in a town, by the crow's way.
    fn default() -> Self {
        Self { km_per_hour: 20.0 }
    }
}

impl Travel<Point> for Globe {
    fn km(&self, from: &Point, to: &Point) -> f64 {
        distance_km(*from, *to)
    }

    fn minutes(&self, from: &Point, to: &Point) -> f64 {
        self.km(from, to) * 60.0 / self.km_per_hour.max(0.1)
    }
}
