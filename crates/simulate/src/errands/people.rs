//! Who takes part in a schedule, and what they will do: customers, staff, admins, drivers
//! with their moods, and the policy that chooses.

use domain::errand::{Command, Errand, Phase, Settings};

use super::cell::Cell;
use super::driver::Driver;
use super::event::{Asker, Event, Message, Node, Queue, Whim};
use super::mutant::Mutant;
use super::order::Order;
use super::world::World;
use crate::rng::Rng;

/// By then people have said what they had to say.
const BUSY_MS: i64 = 400_000;

pub struct Scene {
    pub orders: Vec<Order>,
    pub cells: Vec<Cell>,
    pub drivers: Vec<Driver>,
}

impl Scene {
    pub fn draw(rng: &mut Rng, mutant: Option<Mutant>) -> Self {
        let offer_ms = rng.pick(&[None, Some(20_000)], None);
        let search_ms = rng.pick(&[40_000, 60_000], 60_000);
        let settings = Settings {
            offer_ms,
            grace_ms: 500,
            search_ms,
            binds_late: false,
        };
        let cells = rng.pick(&[1_usize, 2, 2], 1);
        let orders = rng.pick(&[1_usize, 1, 2, 2, 4], 1);
        let drivers = rng.pick(&[1_usize, 2, 3, 4], 2);
        Self {
            orders: (0..orders)
                .map(|_| Order::new(rng.index(cells), mutant))
                .collect(),
            cells: (0..cells).map(|_| Cell::new(settings, mutant)).collect(),
            drivers: (0..drivers)
                .map(|_| Driver::new(rng.pick(&[1, 1, 2, 3], 1), mutant))
                .collect(),
        }
    }

    /// What people will say, and when.
    pub fn plan(&self, rng: &mut Rng, queue: &mut Queue) {
        for order in 0..self.orders.len() {
            let said = |message: Message| reach(Node::Order(order), message);
            let first = rng.between(0, 2_000);
            queue.push(first, said(Message::Begin));
            let mut maybe = |rng: &mut Rng, per_mille: u64, event: Event| {
                if rng.chance(per_mille) {
                    queue.push(rng.between(first, BUSY_MS), event);
                }
            };
            maybe(rng, 150, said(Message::Cancel));
            maybe(rng, 200, said(Message::StaffCollected));
            maybe(rng, 150, said(Message::StaffDelivered));
            for per_mille in [250, 100] {
                let (cell, site) = (rng.index(self.cells.len()), rng.index(3));
                maybe(rng, per_mille, said(Message::Move { cell, site }));
            }
            for per_mille in [300, 200, 100] {
                let whim = Whim::Force(rng.index(self.drivers.len()));
                maybe(rng, per_mille, Event::Whim { order, whim });
            }
            for per_mille in [200, 100] {
                let whim = Whim::Unheard;
                maybe(rng, per_mille, Event::Whim { order, whim });
            }
            if rng.chance(100) {
                // Somebody has a look at what nobody was found for.
                queue.push(2_000_000, said(Message::Begin));
            }
            if rng.chance(100) {
                let whim = Whim::Force(rng.index(self.drivers.len()));
                queue.push(rng.between(BUSY_MS, 1_500_000), Event::Whim { order, whim });
            }
        }
        for driver in 0..self.drivers.len() {
            shift_of(driver, rng, queue);
        }
    }
}

fn shift_of(driver: usize, rng: &mut Rng, queue: &mut Queue) {
    let turn = |is_on, ends_ms| reach(Node::Driver(driver), Message::Turn { is_on, ends_ms });
    let ends_ms = rng.chance(200).then(|| rng.between(30_000, BUSY_MS));
    if rng.chance(850) {
        queue.push(rng.between(0, 10_000), turn(true, ends_ms));
    }
    if rng.chance(600) {
        let off = rng.between(5_000, BUSY_MS);
        queue.push(off, turn(false, None));
        if rng.chance(600) {
            queue.push(off + rng.between(1_000, 100_000), turn(true, None));
        }
    }
}

fn reach(to: Node, message: Message) -> Event {
    Event::Reach {
        to,
        message,
        asker: Asker::Person(0),
    }
}

impl World {
    /// What a driver does who sees an offer.
    pub(super) fn screen(&mut self, driver: usize, order: usize, cell: usize) {
        let name = format!("d{driver}");
        // Some answer at the last moment, and some after it.
        let after_ms = if self.rng.chance(250) {
            self.rng.between(18_000, 23_000)
        } else {
            self.rng.between(500, 12_000)
        };
        let command = match self.rng.below(10) {
            0..6 => Command::Accept { driver: name },
            6..8 => Command::Reject { driver: name },
            _ => {
                self.stats.silent += 1;
                return;
            }
        };
        let event = reach(Node::Cell(cell), Message::Errand { order, command });
        self.queue.push(self.now + after_ms, event);
    }

    /// Whoever has an order sets out for it, and the policy looks for whom nobody has.
    pub(super) fn set_out(&mut self, cell: usize, order: usize) {
        let Some(errand) = self.cells[cell].state.errands.get(&order) else {
            return;
        };
        if errand.is_free() && self.ledger.ticking.insert((cell, order)) {
            self.later(8_000, Event::Tick { cell, order });
        }
        let errand = &self.cells[cell].state.errands[&order];
        let is_collected = errand.phase == Phase::Collected;
        if !is_collected && errand.phase != Phase::Held {
            return;
        }
        let way = (order, cell, errand.claim, is_collected);
        let Some(driver) = errand.driver.clone() else {
            return;
        };
        // Some never come, and some say that they have brought what they did not collect.
        if !self.ledger.ways.insert(way) || !self.rng.chance(850) {
            return;
        }
        let command = if is_collected || self.rng.chance(50) {
            let proof = "1234".to_owned();
            Command::Deliver { driver, proof }
        } else {
            Command::Collect { driver }
        };
        let event = reach(Node::Cell(cell), Message::Errand { order, command });
        self.later(120_000, event);
    }

    pub(super) fn tick(&mut self, cell: usize, order: usize) {
        let errands = &self.cells[cell].state.errands;
        if !errands.get(&order).is_some_and(Errand::is_free) {
            self.ledger.ticking.remove(&(cell, order));
            return;
        }
        self.later(15_000, Event::Tick { cell, order });
        let on: Vec<usize> = (0..self.drivers.len())
            .filter(|driver| self.drivers[*driver].state.shift.is_open())
            .collect();
        // What is known of drivers may be old.
        let driver = if self.rng.chance(150) || on.is_empty() {
            self.rng.index(self.drivers.len())
        } else {
            self.rng.pick(&on, 0)
        };
        let command = Command::Choose {
            driver: format!("d{driver}"),
            eta_s: 600,
        };
        let message = Message::Errand { order, command };
        self.reach(Node::Cell(cell), &message, Asker::Nobody);
    }

    pub(super) fn interfere(&mut self, order: usize, whim: Whim) {
        let cell = self.orders[order].state.cell;
        let command = match whim {
            Whim::Force(driver) => Command::Force {
                driver: format!("d{driver}"),
                eta_s: 900,
            },
            Whim::Unheard => {
                let errand = self.cells[cell].state.errands.get(&order);
                let has_it = |phase| matches!(phase, Phase::Asking | Phase::Offered | Phase::Held);
                let asked = errand.filter(|errand| has_it(errand.phase));
                let Some((claim, driver)) =
                    asked.and_then(|one| Some((one.claim, one.driver.clone()?)))
                else {
                    return;
                };
                Command::Drop { driver, claim }
            }
        };
        let message = Message::Errand { order, command };
        self.reach(Node::Cell(cell), &message, Asker::Person(0));
    }
}
