//! The state of the model, and which part of it tells one state from another: what
//! only serves as a record, and absolute times, do not.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use domain::assignment::{Assignment, Effect, OfferState, Phase, Settings, Strategy};

pub const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub vendors: usize,
    pub crashes: u8,
    pub releases: u8,
    pub forces: u8,
    /// How often each vendor presses accept.
    pub accepts: u8,
    /// Messages that stay on their way and arrive whenever they like, as often as they like.
    pub late: usize,
    pub retries: usize,
    /// The row looks at the epoch before it is written.
    pub fenced: bool,
}

impl Bounds {
    pub const SMALL: Self = Self {
        vendors: 2,
        crashes: 0,
        releases: 0,
        forces: 0,
        accepts: 1,
        late: 0,
        retries: 0,
        fenced: true,
    };

    /// Whether what a property asks for can happen at all within these bounds.
    pub fn allows(&self, property: &str) -> bool {
        self.releases > 0 || !property.contains("epochs")
    }

    /// No run lasts until the outbox would do anything again by itself: in the model that
    /// takes a crash, so the times in the outbox need not tell states apart.
    pub fn settings(&self) -> Settings {
        Settings {
            offer_ms: 100,
            grace_ms: 10,
            search_ms: 200,
            place_ms: 50,
            batches: 2,
            retry_after_ms: vec![300; self.retries],
        }
    }

    pub fn strategy() -> Strategy {
        Strategy::Nearest {
            max_radius_m: 1_000,
            first_radius_m: 1_000,
            radius_step_m: 1_000,
            batch: 2,
            at_once: 2,
        }
    }
}

/// An effect that matters to the model. The others are done as soon as they are decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    Find,
    Take {
        vendor: usize,
        claim: u32,
        forced: bool,
    },
    Give {
        vendor: usize,
        claim: u32,
    },
    Won {
        vendor: usize,
        epoch: u32,
    },
    Released {
        epoch: u32,
    },
}

impl Op {
    pub fn of(effect: &Effect) -> Option<Self> {
        Some(match effect {
            Effect::Find { .. } => Self::Find,
            Effect::TakePlace {
                vendor,
                claim,
                forced,
            } => Self::Take {
                vendor: index(vendor),
                claim: *claim,
                forced: *forced,
            },
            Effect::GivePlaceBack { vendor, claim } => Self::Give {
                vendor: index(vendor),
                claim: *claim,
            },
            Effect::Won { vendor, epoch, .. } => Self::Won {
                vendor: index(vendor),
                epoch: *epoch,
            },
            Effect::Released { epoch, .. } => Self::Released { epoch: *epoch },
            _ => return None,
        })
    }
}

pub fn index(vendor: &str) -> usize {
    NAMES.iter().position(|name| *name == vendor).unwrap_or(0)
}

/// The object of a vendor. One place, unless forced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Places {
    pub held: BTreeSet<u32>,
    pub forced: BTreeSet<u32>,
    pub closed: BTreeSet<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Row {
    pub epoch: u32,
    pub locked: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    pub now_ms: i64,
    /// As it is written.
    pub desk: Assignment,
    /// The timer, written with it.
    pub alarm: Option<i64>,
    /// What the desk is about to do; a crash forgets it.
    pub hand: BTreeSet<Op>,
    /// On its way, and it may arrive any number of times.
    pub late: BTreeSet<Op>,
    /// Answers of vendors' objects that are on their way, likewise.
    pub places_told: BTreeSet<(u32, bool)>,
    pub row: Row,
    pub places: Vec<Places>,
    /// Every winner that there ever was, by epoch.
    pub winners: BTreeMap<u32, usize>,
    pub accepts: Vec<u8>,
    pub crashes: u8,
    pub releases: u8,
    pub forces: u8,
    pub last_claim: u32,
    /// Somebody won after the deadline, within the grace.
    pub graceful: bool,
    pub broken: Option<String>,
}

impl World {
    pub fn new(bounds: &Bounds) -> Self {
        let mut world = Self {
            now_ms: 0,
            desk: Assignment::new("o", bounds.settings(), 0),
            alarm: None,
            hand: BTreeSet::new(),
            late: BTreeSet::new(),
            places_told: BTreeSet::new(),
            row: Row {
                epoch: 1,
                locked: None,
            },
            places: vec![Places::default(); bounds.vendors],
            winners: BTreeMap::new(),
            accepts: vec![0; bounds.vendors],
            crashes: 0,
            releases: 0,
            forces: 0,
            last_claim: 0,
            graceful: false,
            broken: None,
        };
        let strategy = Bounds::strategy();
        world.command(domain::assignment::Command::Start { strategy });
        world
    }

    /// The decided and not yet done, as far as it matters.
    pub fn todo(&self) -> BTreeSet<Op> {
        self.desk.outbox.effects().filter_map(Op::of).collect()
    }

    pub fn is_over(&self) -> bool {
        match self.desk.phase {
            Phase::Assigned | Phase::Cancelled | Phase::Closed => true,
            Phase::Failed => self.desk.retry_at_ms.is_none(),
            Phase::New | Phase::Searching | Phase::Offering => false,
        }
    }

    /// Times count as what is left of them.
    fn left(&self, at_ms: Option<i64>) -> Option<i64> {
        at_ms.map(|at_ms| (at_ms - self.now_ms).max(-1))
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let desk = &self.desk;
        (
            desk.phase,
            desk.epoch,
            desk.batches,
            desk.again,
            desk.failures,
        )
            .hash(hasher);
        self.left(desk.search.map(|search| search.until_ms))
            .hash(hasher);
        self.left(desk.retry_at_ms).hash(hasher);
        for offer in &desk.offers {
            let ago = desk.batch - offer.tag.batch;
            (index(&offer.vendor_id), ago, offer.state).hash(hasher);
            if offer.state == OfferState::Open {
                self.left(Some(offer.expires_ms)).hash(hasher);
                let last_ms = offer.last_ms(desk.settings.grace_ms);
                self.left(Some(last_ms)).hash(hasher);
                let claim = offer.claim;
                claim
                    .map(|claim| (claim.no, self.left(Some(claim.until_ms))))
                    .hash(hasher);
                (offer.denied, offer.answered_ms.is_some()).hash(hasher);
            }
        }
        (&desk.asked, &desk.declined).hash(hasher);
        desk.lock
            .as_ref()
            .map(|lock| (index(&lock.vendor_id), lock.epoch, lock.claim))
            .hash(hasher);
        (
            self.alarm.is_some(),
            self.todo(),
            &self.hand,
            &self.late,
            &self.places_told,
        )
            .hash(hasher);
        (&self.row, &self.winners, &self.accepts, self.last_claim).hash(hasher);
        for (vendor, places) in self.places.iter().enumerate() {
            (&places.held, &places.forced).hash(hasher);
            // A closed door only matters to those who may still come to it.
            let coming: BTreeSet<&Op> = self.hand.union(&self.late).collect();
            for op in coming {
                if let Op::Take {
                    vendor: at, claim, ..
                } = op
                    && *at == vendor
                {
                    (claim, places.closed.contains(claim)).hash(hasher);
                }
            }
        }
        (
            self.crashes,
            self.releases,
            self.forces,
            self.graceful,
            &self.broken,
        )
            .hash(hasher);
    }
}
