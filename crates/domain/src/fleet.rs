//! Drivers about a place: where each is, as its device said last, and what its desk has said
//! of its room.
//!
//! An index in memory that answers who is near without looking at everybody. What must hold:
//! of two positions the older changes nothing, of two words about a driver neither; nobody is
//! chosen by a position that is old. To choose by it is a guess all the same: whether a driver
//! has room is the driver's own desk to say ([`crate::shift`]).
//!
//! Places are H3's cells. Coarse ones say which object leads what happens there ([`Cells`]),
//! fine ones where in it somebody is.

use std::collections::BTreeMap;

use h3o::CellIndex;
use serde::{Deserialize, Serialize};

use crate::geo::{Point, distance_km};

mod cells;

pub use cells::Cells;

/// A position that is older is shown as old.
pub const STALE_MS: i64 = 30_000;
/// A driver whose position is older is taken for gone.
pub const GONE_MS: i64 = 180_000;
/// Positions that are less certain than that say nothing.
const ACCURACY_MAX_M: f64 = 500.0;
/// Offers that are older are not of late.
const OFFERS_MS: i64 = 60 * 60 * 1000;
/// Words about drivers who are not here are kept for so many.
const ELSEWHERE_MAX: usize = 500;
/// To find somebody by name takes about as long as to pass by so many.
const LOOK_UP_COST: usize = 4;

/// What has to be known of a driver to choose, and to tell those who wait for an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriverFacts {
    pub driver_id: String,
    pub is_on: bool,
    pub ends_ms: Option<i64>,
    pub capacity: u32,
    pub room: u32,
    /// What the driver has accepted, and where each goes.
    pub carries: Vec<Carried>,
    /// Grows with every change of these. An older one says nothing.
    pub version: i64,
}

impl DriverFacts {
    fn is_free(&self, now_ms: i64) -> bool {
        self.is_on && self.room > 0 && self.ends_ms.is_none_or(|ends| now_ms < ends)
    }
}

/// An order that a driver has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    pub order_id: String,
    /// Where it is collected, while it is not.
    pub pickup: Option<Point>,
    pub ready_ms: i64,
    pub dropoff: Point,
}

/// A position, as its driver's device has sent it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ping {
    pub driver_id: String,
    pub at: Point,
    pub accuracy_m: Option<f64>,
    /// Counted by the device, so that one that comes late is known for that.
    pub seq: i64,
    pub at_ms: i64,
}

/// Somebody who is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    pub at: Point,
    pub at_ms: i64,
    pub seq: i64,
    pub facts: Option<DriverFacts>,
    #[serde(skip)]
    asked_ms: i64,
    #[serde(default)]
    offers: u32,
    #[serde(default)]
    offers_since_ms: i64,
}

impl Known {
    pub fn is_stale(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.at_ms) >= STALE_MS
    }

    fn is_gone(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.at_ms) >= GONE_MS
    }

    /// Orders that were held out to the driver of late.
    pub fn recent_offers(&self, now_ms: i64) -> u32 {
        let is_old = now_ms.saturating_sub(self.offers_since_ms) > OFFERS_MS;
        if is_old { 0 } else { self.offers }
    }
}

#[derive(Debug, Default)]
pub struct Fleet {
    drivers: BTreeMap<String, Known>,
    /// With where each was last, so that whoever is too far need not be looked up.
    spots: BTreeMap<CellIndex, BTreeMap<String, Point>>,
    /// What was said of drivers who are not here, and were chosen all the same.
    elsewhere: BTreeMap<String, DriverFacts>,
    changed: bool,
    written_ms: i64,
}

impl Fleet {
    /// As it was written down.
    pub fn of(drivers: BTreeMap<String, Known>) -> Self {
        let mut fleet = Self::default();
        for (id, known) in &drivers {
            if let Some(spot) = cells::spot_of(known.at) {
                fleet.enter(spot, id, known.at);
            }
        }
        fleet.drivers = drivers;
        fleet
    }

    /// True when the position is news.
    pub fn ping(&mut self, ping: &Ping, now_ms: i64) -> bool {
        let is_vague = ping
            .accuracy_m
            .is_some_and(|metres| metres > ACCURACY_MAX_M);
        let is_old = now_ms.saturating_sub(ping.at_ms) >= GONE_MS;
        let Some(spot) = cells::spot_of(ping.at).filter(|_| !is_vague && !is_old) else {
            return false;
        };
        // Clocks of devices go as they like.
        let at_ms = ping.at_ms.min(now_ms);
        let before = self.drivers.get_mut(&ping.driver_id);
        match before {
            // A device that begins anew counts from the start again.
            Some(known) if ping.seq > known.seq || at_ms.saturating_sub(known.at_ms) > STALE_MS => {
                let was = cells::spot_of(known.at).filter(|was| *was != spot);
                (known.at, known.at_ms, known.seq) = (ping.at, at_ms, ping.seq);
                if let Some(was) = was {
                    self.leave(was, &ping.driver_id);
                }
                self.enter(spot, &ping.driver_id, ping.at);
            }
            Some(_) => return false,
            None => {
                let known = Known {
                    at: ping.at,
                    at_ms,
                    seq: ping.seq,
                    facts: self.elsewhere.remove(&ping.driver_id),
                    asked_ms: 0,
                    offers: 0,
                    offers_since_ms: 0,
                };
                self.drivers.insert(ping.driver_id.clone(), known);
                self.enter(spot, &ping.driver_id, ping.at);
            }
        }
        self.changed = true;
        true
    }

    fn enter(&mut self, spot: CellIndex, id: &str, at: Point) {
        let there = self.spots.entry(spot).or_default();
        match there.get_mut(id) {
            Some(known) => *known = at,
            None => drop(there.insert(id.to_owned(), at)),
        }
    }

    fn leave(&mut self, spot: CellIndex, id: &str) {
        if let Some(there) = self.spots.get_mut(&spot) {
            there.remove(id);
            if there.is_empty() {
                self.spots.remove(&spot);
            }
        }
    }

    /// Whether the driver's desk has to be asked, which the caller then does.
    pub fn wants_facts(&mut self, driver_id: &str, every_ms: i64, now_ms: i64) -> bool {
        let known = self.drivers.get_mut(driver_id);
        let is_due = |known: &&mut Known| now_ms.saturating_sub(known.asked_ms) >= every_ms;
        let Some(known) = known.filter(is_due) else {
            return false;
        };
        known.asked_ms = now_ms;
        true
    }

    pub fn know(&mut self, facts: DriverFacts) {
        let is_news = |old: &DriverFacts| old.version <= facts.version;
        if let Some(known) = self.drivers.get_mut(&facts.driver_id) {
            if known.facts.as_ref().is_none_or(is_news) {
                known.facts = Some(facts);
            }
            return;
        }
        if self.elsewhere.len() >= ELSEWHERE_MAX {
            self.elsewhere.clear();
        }
        if self.elsewhere.get(&facts.driver_id).is_none_or(is_news) {
            self.elsewhere.insert(facts.driver_id.clone(), facts);
        }
    }

    /// What is known of a driver whom another cell has named, if it is newer.
    pub fn newer(&self, facts: DriverFacts) -> DriverFacts {
        let known = self.elsewhere.get(&facts.driver_id);
        let known = known.filter(|known| known.version > facts.version);
        known.cloned().unwrap_or(facts)
    }

    pub fn offered(&mut self, driver_id: &str, now_ms: i64) {
        if let Some(known) = self.drivers.get_mut(driver_id) {
            if known.recent_offers(now_ms) == 0 {
                (known.offers, known.offers_since_ms) = (0, now_ms);
            }
            known.offers = known.offers.saturating_add(1);
        }
    }

    /// Those around who would take an order now.
    pub fn free_around(&self, at: Point, radius_km: f64, now_ms: i64) -> Vec<(&str, &Known)> {
        let found = self.around(at, radius_km).into_iter();
        found
            .filter(|(_, known)| {
                let facts = known.facts.as_ref();
                !known.is_gone(now_ms) && facts.is_some_and(|facts| facts.is_free(now_ms))
            })
            .collect()
    }

    /// Whoever is around, by cells of a size that has few of them in the circle.
    fn around(&self, at: Point, radius_km: f64) -> Vec<(&str, &Known)> {
        let spots =
            cells::spots_around(at, radius_km).filter(|spots| spots.len() < self.spots.len());
        let there = spots.map(|spots| -> Vec<_> {
            let there = spots.iter().filter_map(|spot| self.spots.get(spot));
            there.collect()
        });
        let is_worth_it = |there: &Vec<&BTreeMap<String, Point>>| {
            let count: usize = there.iter().map(|one| one.len()).sum();
            count.saturating_mul(LOOK_UP_COST) < self.drivers.len()
        };
        // To look somebody up takes longer than to go on to the next of all.
        let Some(there) = there.filter(is_worth_it) else {
            let all = self.drivers.iter();
            return all
                .filter(|(_, known)| distance_km(known.at, at) <= radius_km)
                .map(|(id, known)| (id.as_str(), known))
                .collect();
        };
        let there = there.into_iter().flatten();
        there
            .filter(|(_, place)| distance_km(**place, at) <= radius_km)
            .filter_map(|(id, _)| Some((id.as_str(), self.drivers.get(id)?)))
            .collect()
    }

    pub fn get(&self, driver_id: &str) -> Option<&Known> {
        self.drivers.get(driver_id)
    }

    pub fn all(&self) -> impl Iterator<Item = (&String, &Known)> {
        self.drivers.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.drivers.is_empty()
    }

    /// Those who would take an order now, wherever they are.
    pub fn count_free(&self, now_ms: i64) -> usize {
        let is_free = |known: &&Known| {
            let facts = known.facts.as_ref();
            !known.is_gone(now_ms) && facts.is_some_and(|facts| facts.is_free(now_ms))
        };
        self.drivers.values().filter(is_free).count()
    }

    /// Forgets those who are gone: their own desks see to what they have.
    pub fn drop_gone(&mut self, now_ms: i64) {
        let gone = self
            .drivers
            .iter()
            .filter(|(_, known)| known.is_gone(now_ms));
        let gone: Vec<String> = gone.map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.remove(&id);
        }
    }

    /// Forgets one who is elsewhere.
    pub fn remove(&mut self, driver_id: &str) {
        let Some(known) = self.drivers.remove(driver_id) else {
            return;
        };
        if let Some(spot) = cells::spot_of(known.at) {
            self.leave(spot, driver_id);
        }
        self.changed = true;
    }

    /// What is to be written down, if it is time for that.
    pub fn snapshot(&mut self, now_ms: i64, every_ms: i64) -> Option<&BTreeMap<String, Known>> {
        if !self.changed || now_ms.saturating_sub(self.written_ms) < every_ms {
            return None;
        }
        (self.changed, self.written_ms) = (false, now_ms);
        Some(&self.drivers)
    }
}

#[cfg(test)]
mod tests;
