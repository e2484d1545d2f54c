//! A model of a shard's database: it applies a batch whole or not at all, by
//! compare-and-set on rows and holds, primary keys on holds and movements, and
//! CHECKs on counters. Its mutants are the ways in which SQL could be written
//! wrongly.

use std::collections::{BTreeMap, BTreeSet};

use domain::stock::{Batch, Found, Hold, Movement, MovementKind, Place, Reads, Row};

use super::message::{CallId, Failed, Reply, Request};
use super::mutant::Mutant;
use super::net::Net;
use super::world::Actor;

type MovementKey = (MovementKind, String, String, Place);

#[derive(Debug, Default)]
pub struct Database {
    pub rows: BTreeMap<Place, Row>,
    pub holds: BTreeMap<(String, Place), Hold>,
    /// Everything that was ever moved, to explain the counters with.
    pub movements: Vec<Movement>,
    keys: BTreeSet<MovementKey>,
}

impl Database {
    pub fn stock(&mut self, place: Place, stock: i64) {
        self.rows.insert(place, Row { stock, held: 0 });
    }

    pub fn holds_of<'a>(
        &'a self,
        order_id: &'a str,
    ) -> impl Iterator<Item = (&'a Place, &'a Hold)> {
        self.holds
            .iter()
            .filter(move |((order, _), _)| order == order_id)
            .map(|((_, place), hold)| (place, hold))
    }

    fn read(&self, reads: &Reads) -> Found {
        let mut found = Found::default();
        for (place, row) in &self.rows {
            if reads.skus.contains(&place.sku) {
                let rows = found.rows.entry(place.sku.clone()).or_default();
                rows.insert(place.warehouse_id.clone(), *row);
            }
        }
        for order_id in &reads.orders {
            let holds = self
                .holds_of(order_id)
                .map(|(place, hold)| (place.clone(), hold.clone()))
                .collect();
            found.holds.insert(order_id.clone(), holds);
        }
        found.applied_keys = reads
            .adjust_keys
            .iter()
            .filter(|key| {
                self.keys
                    .iter()
                    .any(|(kind, _, used, _)| *kind == MovementKind::Adjust && used == *key)
            })
            .cloned()
            .collect();
        found
    }

    /// Why a batch cannot be applied: a conflict is `Ok(false)`, what would break
    /// a counter is an error.
    fn admits(&self, batch: &Batch, mutant: Option<Mutant>) -> Result<bool, String> {
        for write in &batch.rows {
            let now = self.rows.get(&write.place);
            if now.map(|row| row.stock) != write.old_stock {
                return Ok(false);
            }
        }
        for write in &batch.holds {
            let now = self
                .holds
                .get(&(write.order_id.clone(), write.place.clone()))
                .map(|hold| (hold.released, hold.shipped));
            let checked = match mutant {
                Some(Mutant::NoHoldCheck) => write.old.is_some(),
                Some(Mutant::DoubleRestore) => write.old.is_none(),
                _ => true,
            };
            if checked && now != write.old {
                return Ok(false);
            }
        }
        let mut keys = BTreeSet::new();
        for movement in &batch.movements {
            let key = key_of(movement);
            let checked =
                mutant != Some(Mutant::NoHoldCheck) || movement.kind != MovementKind::Hold;
            if checked && (self.keys.contains(&key) || !keys.insert(key)) {
                return Ok(false);
            }
        }
        for write in &batch.rows {
            let held = self.rows.get(&write.place).map_or(0, |row| row.held) + write.held_delta;
            if write.stock < 0 || held < 0 {
                let place = &write.place;
                return Err(format!(
                    "I1: {}/{} would become stock {} held {held}",
                    place.warehouse_id, place.sku, write.stock
                ));
            }
        }
        for write in &batch.holds {
            let hold = &write.hold;
            let unique: BTreeSet<&String> = hold.keys.iter().collect();
            if hold.remaining() < 0
                || hold.released < 0
                || hold.shipped < 0
                || unique.len() != hold.keys.len()
            {
                return Err(format!(
                    "I3: the hold of {} would become {hold:?}",
                    write.order_id
                ));
            }
        }
        Ok(true)
    }

    fn apply(&mut self, batch: &Batch, mutant: Option<Mutant>) {
        for write in &batch.rows {
            let row = self.rows.entry(write.place.clone()).or_default();
            row.stock = write.stock;
            row.held += write.held_delta;
        }
        for movement in &batch.movements {
            self.keys.insert(key_of(movement));
            self.movements.push(movement.clone());
        }
        for write in &batch.holds {
            let key = (write.order_id.clone(), write.place.clone());
            let closed = write.hold.remaining() == 0 && write.hold.shipped == 0;
            if mutant == Some(Mutant::LateDeduct) && closed {
                self.holds.remove(&key);
                let (order_id, place) = key;
                self.keys
                    .retain(|(_, cause, _, where_)| *cause != order_id || *where_ != place);
            } else {
                self.holds.insert(key, write.hold.clone());
            }
        }
    }
}

fn key_of(movement: &Movement) -> MovementKey {
    (
        movement.kind,
        movement.cause.clone(),
        movement.key.clone(),
        movement.place.clone(),
    )
}

impl Actor for Database {
    fn request(&mut self, net: &mut Net, call: CallId, request: Request) {
        match request {
            Request::Read(reads) => {
                let found = self.read(&reads);
                net.reply(call, Reply::Found(found));
            }
            Request::Commit(batch) => {
                let admitted = self.admits(&batch, net.mutant);
                match &admitted {
                    Ok(true) => {
                        self.apply(&batch, net.mutant);
                        net.ledger.committed(&batch, net.moment);
                    }
                    Ok(false) => net.ledger.stats.conflicts += 1,
                    Err(broken) => net.violation(broken.clone()),
                }
                net.reply(call, Reply::Committed(admitted.unwrap_or(false)));
            }
            _ => {}
        }
    }

    fn answer(&mut self, _: &mut Net, _: CallId, _: Result<Reply, Failed>) {}
}
