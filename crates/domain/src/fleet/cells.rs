//! Which cell a place is in, and which cells are around it.

use std::collections::BTreeSet;

use h3o::{CellIndex, LatLng, Resolution};

use crate::geo::{Point, distance_km};

/// Cells that say where in the cell of an object somebody is: 2.4 km from one to the next.
const SPOT: Resolution = Resolution::Seven;
/// So far rings of such cells reach, each at the least.
const RING_KM: f64 = 2.0;
const RINGS_MAX: u32 = 12;
/// No corner of such a cell is farther from its middle.
const SPOT_REACH_KM: f64 = 2.0;
/// Points on a circle that are looked at, at the least, to know which cells it touches.
const POINTS_MIN: f64 = 16.0;
const KM_A_DEGREE: f64 = 111.2;

fn cell_at(at: Point, resolution: Resolution) -> Option<CellIndex> {
    let at = LatLng::new(at.latitude, at.longitude).ok()?;
    Some(at.to_cell(resolution))
}

pub(super) fn spot_of(at: Point) -> Option<CellIndex> {
    cell_at(at, SPOT)
}

/// The cells that a circle may touch. None where they are too many to be of use.
pub(super) fn spots_around(at: Point, radius_km: f64) -> Option<Vec<CellIndex>> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast goes to the nearest bound"
    )]
    let rings = (radius_km / RING_KM).ceil() as u32;
    let rings = rings.saturating_add(1);
    let spot = spot_of(at).filter(|_| rings <= RINGS_MAX)?;
    let reach_km = radius_km + SPOT_REACH_KM;
    let is_near = |spot: &CellIndex| {
        let middle = LatLng::from(*spot);
        let middle = Point {
            latitude: middle.lat(),
            longitude: middle.lng(),
        };
        distance_km(middle, at) <= reach_km
    };
    let mut spots = spot.grid_disk::<Vec<_>>(rings);
    // There are as many rings as the smallest cells ask for, which elsewhere go too far.
    spots.retain(is_near);
    Some(spots)
}

/// The cells that have an object each. One that is too busy for one object is led by the
/// cells that it is made of, which the configuration names.
#[derive(Debug, Clone)]
pub struct Cells {
    resolution: Resolution,
    split: BTreeSet<CellIndex>,
    /// From one to the next of the points that are looked at in a circle: close enough for the
    /// smallest cell.
    step_km: f64,
}

impl Cells {
    /// `split` has the names of cells, with commas between; what is no cell there is ignored.
    pub fn new(resolution: u8, split: &str) -> Self {
        let split = split.split(',').filter_map(|cell| cell.trim().parse().ok());
        let split: BTreeSet<CellIndex> = split.collect();
        let resolution = Resolution::try_from(resolution).unwrap_or(Resolution::Four);
        let parts = split.iter().filter_map(|cell| cell.resolution().succ());
        let finest = parts.fold(resolution, Resolution::max);
        Self {
            resolution,
            split,
            step_km: finest.edge_length_km() / 2.0,
        }
    }

    fn cell_of(&self, at: Point) -> Option<CellIndex> {
        let mut cell = cell_at(at, self.resolution)?;
        while self.split.contains(&cell) {
            cell = cell_at(at, cell.resolution().succ()?)?;
        }
        Some(cell)
    }

    /// The name of the place's cell. None for what is no place on earth.
    pub fn name_of(&self, at: Point) -> Option<String> {
        self.cell_of(at).map(|cell| cell.to_string())
    }

    /// The names of cells that a circle touches, without the one that its middle is in.
    pub fn around(&self, at: Point, radius_km: f64) -> BTreeSet<String> {
        let own = self.cell_of(at);
        let mut cells = BTreeSet::new();
        let mut reach = radius_km;
        while reach > 0.0 {
            let points = (std::f64::consts::TAU * reach / self.step_km).max(POINTS_MIN);
            let mut angle = 0.0_f64;
            while angle < std::f64::consts::TAU {
                let point = beside(at, reach * angle.cos(), reach * angle.sin());
                cells.extend(self.cell_of(point));
                angle += std::f64::consts::TAU / points;
            }
            reach -= self.step_km;
        }
        let others = cells.into_iter().filter(|cell| Some(*cell) != own);
        others.map(|cell| cell.to_string()).collect()
    }
}

/// The place so far to the north and to the east.
fn beside(at: Point, north_km: f64, east_km: f64) -> Point {
    let latitude = (at.latitude + north_km / KM_A_DEGREE).clamp(-90.0, 90.0);
    let narrow = latitude.to_radians().cos().max(0.01);
    let longitude = at.longitude + east_km / (KM_A_DEGREE * narrow);
    Point {
        latitude,
        longitude: (longitude + 540.0).rem_euclid(360.0) - 180.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BERLIN: Point = Point {
        latitude: 52.52,
        longitude: 13.405,
    };

    #[test]
    fn a_cell_that_is_split_is_led_by_those_it_is_made_of() {
        let whole = Cells::new(4, "");
        let name = whole.name_of(BERLIN).unwrap();
        let split = Cells::new(4, &format!(" nonsense, {name}"));
        let finer = split.name_of(BERLIN).unwrap();
        assert_ne!(finer, name);
        assert_eq!(finer, Cells::new(5, "").name_of(BERLIN).unwrap());
        let twice = Cells::new(4, &format!("{name},{finer}"));
        assert_eq!(twice.name_of(BERLIN), Cells::new(6, "").name_of(BERLIN));
    }

    proptest! {
        /// Whoever is in the circle is in the place's own cell or in one of those around.
        #[test]
        fn no_cell_of_a_circle_is_left_out(
            latitude in -80.0_f64..80.0, longitude in -180.0_f64..180.0,
            angle in 0.0_f64..std::f64::consts::TAU, share in 0.0_f64..0.9, resolution in 3_u8..8,
        ) {
            let at = Point { latitude, longitude };
            let there = beside(at, 5.0 * share * angle.cos(), 5.0 * share * angle.sin());
            let cells = Cells::new(resolution, "");
            let name = cells.name_of(there).unwrap();
            let is_own = cells.name_of(at).as_ref() == Some(&name);
            prop_assert!(is_own || cells.around(at, 5.0).contains(&name));
            let spots = spots_around(at, 5.0).unwrap();
            prop_assert!(spots.contains(&spot_of(there).unwrap()));
        }
    }
}
