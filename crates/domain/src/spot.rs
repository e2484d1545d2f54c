//! Finding what is near among very many, by cells.
//!
//! The globe is halved again and again in both directions; the turns taken make a
//! *spot*, a number in which neighbours mostly share their beginning. A cell of any
//! level is a range of spots, so one ordered index serves every level, and a search
//! can take large cells where little is and small ones where much is.
//!
//! What must hold: what [`Search`] ends with is really the nearest, in order, however
//! the cells lie; and it reads a bounded number of cells and rows on the way.

use crate::geo::{Point, distance_km};

/// Halvings in each direction. The smallest cell is 19 m high.
const BITS: u32 = 20;
const KM_A_DEGREE: f64 = 111.194_926_644_558_74;
/// Halvings of the smallest cells, 19 m high, and of the largest, 2,500 km high.
const FINEST: u32 = 20;
const COARSEST: u32 = 3;
/// A block is so many cells to the east and west at most: towards the poles cells get
/// narrow.
const ASIDE_MAX: u32 = 12;
/// Cells in one step of a search, at most: seven rows of a block. Up to a latitude of 60
/// degrees there are 49.
pub const CELLS_MAX: usize = 7 * (2 * ASIDE_MAX as usize + 1);
/// Reaches there are: each is about one and a half times as wide as the one before.
pub const REACHES: u32 = 2 * (FINEST - COARSEST + 1);

/// A range of spots, from the first to before the second.
pub type Range = (u64, u64);

fn halved(at: f64, low: f64, width: f64) -> u64 {
    let cells = f64::from(1_u32 << BITS);
    let index = ((at - low) / width * cells).floor().clamp(0.0, cells - 1.0);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 20 bits"
    )]
    let index = index as u64;
    index
}

/// Puts a gap behind each bit.
fn spread(number: u64) -> u64 {
    (0..BITS).fold(0, |spread, bit| {
        spread | (((number >> bit) & 1) << bit.saturating_mul(2))
    })
}

/// Sets the bits of two numbers beside each other, those of the first behind.
fn woven(x: u64, y: u64) -> u64 {
    spread(x) | (spread(y) << 1)
}

/// The spot of a place.
pub fn spot(at: Point) -> u64 {
    woven(
        halved(at.longitude, -180.0, 360.0),
        halved(at.latitude, -90.0, 180.0),
    )
}

fn height_km(level: u32) -> f64 {
    180.0 / f64::from(1_u32 << level.min(BITS)) * KM_A_DEGREE
}

/// Cells around a place, and how far from it all is within them.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub ranges: Vec<Range>,
    pub within_km: f64,
}

/// How a block lies: its cells' level, how many of them there are to each side, and how
/// far from the place in its middle all is within it.
struct Shape {
    level: u32,
    side: u32,
    aside: u32,
    within_km: f64,
    /// What part of the block is within that distance.
    share: f64,
}

/// Two or three cells of a level to the north and south, and as many to the east and
/// west as it takes to reach as far.
fn shape(at: Point, reach: u32) -> Shape {
    let reach = reach.min(REACHES.saturating_sub(1));
    let level = FINEST.saturating_sub(reach / 2);
    let side = 2_u32.saturating_add(reach % 2);
    let within = height_km(level) * f64::from(side);
    // As narrow as cells get at the edge of the block that is nearer to a pole.
    let edge = at.latitude.abs() + within / KM_A_DEGREE * 1.5;
    let width = 2.0 * height_km(level) * edge.min(90.0).to_radians().cos().max(0.0);
    let aside = (side..ASIDE_MAX)
        .find(|aside| f64::from(*aside) * width >= within)
        .unwrap_or(ASIDE_MAX);
    let all_round = u64::from(aside).saturating_mul(2) >= (1_u64 << level).saturating_sub(1);
    let sideways = f64::from(aside) * width;
    let within_km = if all_round {
        within
    } else {
        within.min(sideways)
    };
    let rows = (f64::from(side) * 2.0 + 1.0) * height_km(level);
    let columns = (f64::from(aside) * 2.0 + 1.0) * width;
    let area = (rows * columns).max(f64::MIN_POSITIVE);
    Shape {
        level,
        side,
        aside,
        within_km,
        share: (std::f64::consts::PI * within_km * within_km / area).clamp(0.01, 1.0),
    }
}

/// The block of cells around a place for a reach.
pub fn block(at: Point, reach: u32) -> Block {
    let shape = shape(at, reach);
    let (side, aside) = (u64::from(shape.side), u64::from(shape.aside));
    let shift = BITS.saturating_sub(shape.level);
    let cells = 1_u64 << shape.level;
    let (x, y) = (
        halved(at.longitude, -180.0, 360.0) >> shift,
        halved(at.latitude, -90.0, 180.0) >> shift,
    );
    let columns = aside.saturating_mul(2).saturating_add(1).min(cells);
    let first = x.saturating_add(cells).saturating_sub(aside);
    let last_row = y.saturating_add(side).min(cells.saturating_sub(1));
    let spots = 1_u64 << shift.saturating_mul(2);
    let mut ranges = Vec::new();
    for row in y.saturating_sub(side)..=last_row {
        for column in 0..columns {
            let column = first.saturating_add(column).rem_euclid(cells);
            let start = woven(column << shift, row << shift);
            ranges.push((start, start.saturating_add(spots)));
        }
    }
    Block {
        ranges: joined(ranges),
        within_km: shape.within_km,
    }
}

impl Block {
    /// What part of the block comes before a spot, in the order of spots.
    fn part_before(&self, spot: u64) -> f64 {
        let (mut before, mut all) = (0_u64, 0_u64);
        for (start, end) in &self.ranges {
            all = all.saturating_add(end.saturating_sub(*start));
            before = before.saturating_add(spot.clamp(*start, *end).saturating_sub(*start));
        }
        #[allow(clippy::cast_precision_loss, reason = "40 bits")]
        let (before, all) = (before as f64, all.max(1) as f64);
        before / all
    }
}

/// Ranges that touch are one.
fn joined(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut joined: Vec<Range> = Vec::with_capacity(ranges.len());
    for (start, end) in ranges {
        match joined.last_mut() {
            Some(last) if last.1 >= start => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

/// The least reach that has everything within a distance.
fn reach_of(at: Point, km: f64) -> u32 {
    let mut enough = (0..REACHES).filter(|reach| shape(at, *reach).within_km >= km);
    enough.next().unwrap_or(REACHES)
}

/// Cells that have everything within a distance.
pub fn covering(at: Point, km: f64) -> Block {
    block(at, reach_of(at, km))
}

/// Rows that a step of a search reads, at most.
pub const ROWS_MAX: usize = 220;
/// The same where neighbours stand so close together that one level of cells has too
/// little and the next too much.
pub const ROWS_CROWDED: usize = 1_000;

/// About 1.2 km.
const FIRST_REACH: u32 = 10;

/// Where something is, by its place in what was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    pub index: usize,
    pub km: f64,
}

/// A search for the nearest of many. It asks for the rows of blocks, closer ones where
/// there is too much and wider ones where there is too little, until it has what it
/// wants. Beyond [`ROWS_CROWDED`] in a block what it ends with is near, if not nearest.
/// Where a search ended: a good place for the next one nearby to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    reach: u32,
    crowded: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    at: Point,
    wanted: usize,
    max_km: f64,
    widest: u32,
    reach: u32,
    limit: usize,
    /// Nothing was read yet.
    fresh: bool,
    too_close: Option<u32>,
    too_wide: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Read these cells, so many rows at most.
    Read(Block, usize),
    /// The nearest, in order: all that are wanted, or all there are within the distance.
    Found(Vec<Near>),
}

impl Search {
    pub fn new(at: Point, wanted: usize, max_km: f64, hint: Option<Hint>) -> Self {
        let widest = reach_of(at, max_km);
        let crowded = hint.is_some_and(|hint| hint.crowded);
        let reach = hint.map_or(FIRST_REACH, |hint| hint.reach);
        Self {
            at,
            wanted: wanted.clamp(1, ROWS_MAX / 3),
            max_km,
            widest,
            reach: reach.min(widest),
            limit: if crowded { ROWS_CROWDED } else { ROWS_MAX },
            fresh: true,
            too_close: None,
            too_wide: None,
        }
    }

    /// Once it has ended.
    pub fn hint(&self) -> Hint {
        Hint {
            reach: self.reach,
            crowded: self.limit == ROWS_CROWDED,
        }
    }

    pub fn first(&self) -> Step {
        Step::Read(block(self.at, self.reach), self.limit)
    }

    /// What the rows of the last step come to, in the order of their spots.
    pub fn take(&mut self, places: &[Point]) -> Step {
        let shape = shape(self.at, self.reach);
        let full = places.len() >= self.limit;
        let closest = self.too_close.map_or(0, |close| close.saturating_add(1));
        let fresh = std::mem::replace(&mut self.fresh, false);
        if full && (self.limit < ROWS_CROWDED || fresh) {
            self.limit = ROWS_MAX;
            self.too_wide = Some(self.reach);
            if self.reach <= closest {
                self.limit = ROWS_CROWDED;
                return self.first();
            }
            // How far the rows went tells how many there would have been.
            let last = places.last().map_or(0, |place| spot(*place));
            let part = block(self.at, self.reach).part_before(last).max(0.001);
            let expected = as_f64(places.len()) / part * shape.share;
            let aimed = self.aim(expected, shape.within_km);
            self.reach = aimed.min(self.reach.saturating_sub(1)).max(closest);
            return self.first();
        }
        let within = if full { self.max_km } else { shape.within_km };
        let near = self.sorted(places, within);
        if full || near.len() >= self.wanted || self.reach >= self.widest {
            return Step::Found(near.into_iter().take(self.wanted).collect());
        }
        self.too_close = Some(self.reach);
        let next = self.reach.saturating_add(1);
        if self.limit == ROWS_CROWDED || self.too_wide == Some(next) {
            self.limit = ROWS_CROWDED;
            self.reach = next;
            return self.first();
        }
        let aimed = self.aim(as_f64(near.len()), shape.within_km).max(next);
        let most = self
            .too_wide
            .map_or(self.widest, |wide| wide.saturating_sub(1));
        self.reach = aimed.min(most).min(self.widest);
        self.first()
    }

    /// The reach that would have what is wanted and a little more, if there are as many
    /// everywhere as are expected within a distance.
    fn aim(&self, expected: f64, within_km: f64) -> u32 {
        let times = as_f64(self.wanted) * 1.15 / expected.max(0.5);
        reach_of(self.at, (within_km * times.sqrt()).min(self.max_km))
    }

    fn sorted(&self, places: &[Point], within: f64) -> Vec<Near> {
        let near = places.iter().enumerate().map(|(index, place)| Near {
            index,
            km: distance_km(self.at, *place),
        });
        let most = within.min(self.max_km);
        let mut near: Vec<Near> = near.filter(|near| near.km <= most).collect();
        near.sort_by(|a, b| a.km.total_cmp(&b.km).then(a.index.cmp(&b.index)));
        near
    }
}

fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests;
