//! What was seen while a schedule ran, to hold the present against.

use std::collections::{BTreeMap, BTreeSet};

use domain::errand::{Errand, Phase};
use domain::shift::Progress;

/// An errand as it was seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub attempt: u32,
    pub site: Option<String>,
    pub phase: Phase,
    pub driver: Option<String>,
    pub claim: u32,
}

impl Seen {
    pub fn of(errand: &Errand) -> Self {
        Self {
            attempt: errand.attempt,
            site: errand.wish.as_ref().map(|wish| wish.site.clone()),
            phase: errand.phase,
            driver: errand.driver.clone(),
            claim: errand.claim,
        }
    }
}

#[derive(Debug, Default)]
pub struct Ledger {
    /// By cell and order.
    pub errands: BTreeMap<(usize, usize), Seen>,
    /// The last claim that was live, by driver and order.
    pub live: BTreeMap<(usize, usize), (u32, Progress)>,
    /// The last that was closed, by driver, order and cell.
    pub closed: BTreeMap<(usize, usize, usize), u32>,
    /// Claims of drivers who went: by driver, order and number.
    pub leaving: BTreeSet<(usize, usize, u32)>,
    /// The attempt and version of the report that an order has believed last.
    pub believed: BTreeMap<usize, (u32, u32)>,
    /// Ways that a driver has set out on: order, cell, claim, and whether it was collected.
    pub ways: BTreeSet<(usize, usize, u32, bool)>,
    /// Cells and orders for which the policy is about to look.
    pub ticking: BTreeSet<(usize, usize)>,
}
