//! Deciding operations against rows and holds: one after the other, each whole or
//! not at all, on a draft that becomes one batch.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    AdjustLine, Answer, Batch, DeductLine, Hold, HoldWrite, LineFact, Movement, MovementKind, Op,
    OrderHolds, Place, RestoreLine, Row, RowWrite, SeenRow, SkuRows,
};
use crate::limits::STOCK_MAX;

/// Releases and shipments that one hold remembers.
const HOLD_KEYS_MAX: usize = 64;

/// What is known of the database.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// A SKU is a key here once all its rows are known.
    pub rows: BTreeMap<String, SkuRows>,
    /// An order is a key here once all its holds are known.
    pub holds: BTreeMap<String, OrderHolds>,
    pub applied_keys: BTreeSet<String>,
}

impl Known {
    pub fn row(&self, place: &Place) -> Option<Row> {
        self.rows
            .get(&place.sku)
            .and_then(|rows| rows.get(&place.warehouse_id))
            .copied()
    }

    pub fn hold(&self, order_id: &str, place: &Place) -> Option<&Hold> {
        self.holds.get(order_id).and_then(|holds| holds.get(place))
    }
}

/// Changes on top of what is known: those of a batch that is being drawn up, or
/// of one operation that may yet be refused.
#[derive(Debug, Default)]
pub(super) struct Draft {
    rows: BTreeMap<Place, Row>,
    holds: BTreeMap<(String, Place), Hold>,
    movements: Vec<Movement>,
    applied_keys: BTreeSet<String>,
}

/// A view of what is known with drafts on top, the newest first.
struct View<'a> {
    known: &'a Known,
    batch: &'a Draft,
    own: Draft,
}

impl View<'_> {
    fn row(&self, place: &Place) -> Option<Row> {
        let drafted = self
            .own
            .rows
            .get(place)
            .or_else(|| self.batch.rows.get(place));
        drafted.copied().or_else(|| self.known.row(place))
    }

    fn hold(&self, order_id: &str, place: &Place) -> Option<Hold> {
        let key = (order_id.to_owned(), place.clone());
        let drafted = self
            .own
            .holds
            .get(&key)
            .or_else(|| self.batch.holds.get(&key));
        drafted
            .or_else(|| self.known.hold(order_id, place))
            .cloned()
    }

    fn applied(&self, key: &str) -> bool {
        self.batch.applied_keys.contains(key) || self.known.applied_keys.contains(key)
    }

    /// Writes one change of a row with the movement that explains it.
    fn shift(&mut self, row: Row, movement: Movement) {
        let next = Row {
            stock: row.stock.saturating_add(movement.stock_delta),
            held: row.held.saturating_add(movement.held_delta),
        };
        self.own.rows.insert(movement.place.clone(), next);
        self.own.movements.push(movement);
    }
}

/// Decides one operation. A draft comes back when it changes something.
pub(super) fn decide(known: &Known, batch: &Draft, op: &Op) -> (Answer, Option<Draft>) {
    let mut view = View {
        known,
        batch,
        own: Draft::default(),
    };
    let decided = match op {
        Op::Deduct {
            order_id, lines, ..
        } => deduct(&mut view, order_id, lines),
        Op::Restore {
            order_id,
            lines,
            key,
        } => restore(&mut view, order_id, lines, key),
        Op::Ship {
            order_id,
            lines,
            key,
        } => ship(&mut view, order_id, lines, key),
        Op::Adjust { lines, reason, key } => adjust(&mut view, lines, reason, key),
        Op::Look { .. } => Ok(()),
    };
    if let Err(refusal) = decided {
        return (refusal, None);
    }
    let rows = op
        .places()
        .into_iter()
        .filter_map(|place| {
            let row = view.row(place)?;
            Some(SeenRow {
                place: place.clone(),
                stock: row.stock,
                held: row.held,
                in_flight: 0,
            })
        })
        .collect();
    let answer = match op {
        Op::Deduct { .. } => Answer::Held { rows },
        Op::Look { .. } => Answer::Seen { rows },
        _ => Answer::Done { rows },
    };
    let changed = !(view.own.movements.is_empty() && view.own.holds.is_empty());
    (answer, changed.then_some(view.own))
}

fn deduct(view: &mut View<'_>, order_id: &str, lines: &[DeductLine]) -> Result<(), Answer> {
    let mut changed = Vec::new();
    let mut short = Vec::new();
    let mut missing = Vec::new();
    for line in lines {
        match view.hold(order_id, &line.place) {
            Some(hold) if hold.is_untouched() && hold.quantity == line.quantity => continue,
            Some(_) => return Err(Answer::Closed),
            None => {}
        }
        let Some(row) = view.row(&line.place) else {
            missing.push(line.place.clone());
            continue;
        };
        let fact = |requested| LineFact {
            place: line.place.clone(),
            requested,
            available: row.stock,
        };
        match line.expected_stock {
            Some(expected) if expected != row.stock => changed.push(fact(expected)),
            _ if row.stock < line.quantity => short.push(fact(line.quantity)),
            _ => {
                view.own.holds.insert(
                    (order_id.to_owned(), line.place.clone()),
                    Hold {
                        quantity: line.quantity,
                        ..Hold::default()
                    },
                );
                view.shift(
                    row,
                    Movement {
                        kind: MovementKind::Hold,
                        cause: order_id.to_owned(),
                        key: String::new(),
                        place: line.place.clone(),
                        stock_delta: line.quantity.saturating_neg(),
                        held_delta: line.quantity,
                    },
                );
            }
        }
    }
    if !missing.is_empty() {
        return Err(Answer::Missing { places: missing });
    }
    if !changed.is_empty() {
        return Err(Answer::Changed { lines: changed });
    }
    if !short.is_empty() {
        return Err(Answer::Short { lines: short });
    }
    Ok(())
}

fn restore(
    view: &mut View<'_>,
    order_id: &str,
    lines: &[RestoreLine],
    key: &str,
) -> Result<(), Answer> {
    let mut exceeds = Vec::new();
    for line in lines {
        let hold = view.hold(order_id, &line.place);
        let fresh = hold.is_none();
        let mut hold = hold.unwrap_or_default();
        if hold.keys.iter().any(|counted| counted == key) {
            continue;
        }
        let quantity = line.quantity.unwrap_or_else(|| hold.remaining());
        // A restore of nothing is no error: it closes the door to a late deduction.
        if !fresh && quantity > hold.remaining() {
            exceeds.push(LineFact {
                place: line.place.clone(),
                requested: quantity,
                available: hold.remaining(),
            });
            continue;
        }
        let quantity = quantity.min(hold.remaining());
        hold.released = hold.released.saturating_add(quantity);
        leave(
            view,
            order_id,
            &line.place,
            hold,
            key,
            (MovementKind::Release, quantity, quantity),
        )?;
    }
    if exceeds.is_empty() {
        Ok(())
    } else {
        Err(Answer::Exceeds { lines: exceeds })
    }
}

fn ship(view: &mut View<'_>, order_id: &str, lines: &[Place], key: &str) -> Result<(), Answer> {
    for place in lines {
        let Some(mut hold) = view.hold(order_id, place) else {
            return Err(Answer::Missing {
                places: vec![place.clone()],
            });
        };
        if hold.keys.iter().any(|counted| counted == key) {
            continue;
        }
        let quantity = hold.remaining();
        hold.shipped = hold.shipped.saturating_add(quantity);
        leave(
            view,
            order_id,
            place,
            hold,
            key,
            (MovementKind::Ship, quantity, 0),
        )?;
    }
    Ok(())
}

/// A quantity leaves a hold, and some of it goes back to the shelf. The hold is
/// written even for nothing, so that its key counts once.
fn leave(
    view: &mut View<'_>,
    order_id: &str,
    place: &Place,
    mut hold: Hold,
    key: &str,
    (kind, quantity, to_shelf): (MovementKind, i64, i64),
) -> Result<(), Answer> {
    if hold.keys.len() >= HOLD_KEYS_MAX {
        return Err(Answer::Closed);
    }
    hold.keys.push(key.to_owned());
    view.own
        .holds
        .insert((order_id.to_owned(), place.clone()), hold);
    if quantity == 0 {
        return Ok(());
    }
    let Some(row) = view.row(place) else {
        return Err(Answer::Missing {
            places: vec![place.clone()],
        });
    };
    view.shift(
        row,
        Movement {
            kind,
            cause: order_id.to_owned(),
            key: key.to_owned(),
            place: place.clone(),
            stock_delta: to_shelf,
            held_delta: quantity.saturating_neg(),
        },
    );
    Ok(())
}

fn adjust(
    view: &mut View<'_>,
    lines: &[AdjustLine],
    reason: &str,
    key: &str,
) -> Result<(), Answer> {
    if view.applied(key) {
        return Ok(());
    }
    let mut exceeds = Vec::new();
    for line in lines {
        let row = view.row(&line.place).unwrap_or_default();
        let next = row.stock.saturating_add(line.delta);
        if !(0..=STOCK_MAX).contains(&next) {
            exceeds.push(LineFact {
                place: line.place.clone(),
                requested: line.delta,
                available: row.stock,
            });
            continue;
        }
        view.shift(
            row,
            Movement {
                kind: MovementKind::Adjust,
                cause: reason.to_owned(),
                key: key.to_owned(),
                place: line.place.clone(),
                stock_delta: line.delta,
                held_delta: 0,
            },
        );
    }
    if !exceeds.is_empty() {
        return Err(Answer::Exceeds { lines: exceeds });
    }
    view.own.applied_keys.insert(key.to_owned());
    Ok(())
}

impl Draft {
    pub fn absorb(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.holds.extend(other.holds);
        self.movements.extend(other.movements);
        self.applied_keys.extend(other.applied_keys);
    }

    pub fn is_empty(&self) -> bool {
        self.movements.is_empty() && self.holds.is_empty()
    }

    /// The writes, each with what it must find.
    pub fn to_batch(&self, known: &Known) -> Batch {
        let rows = self
            .rows
            .iter()
            .map(|(place, row)| {
                let old = known.row(place);
                RowWrite {
                    place: place.clone(),
                    old_stock: old.map(|old| old.stock),
                    stock: row.stock,
                    held_delta: row.held.saturating_sub(old.unwrap_or_default().held),
                }
            })
            .collect();
        let holds = self
            .holds
            .iter()
            .map(|((order_id, place), hold)| HoldWrite {
                order_id: order_id.clone(),
                place: place.clone(),
                old: known
                    .hold(order_id, place)
                    .map(|old| (old.released, old.shipped)),
                hold: hold.clone(),
            })
            .collect();
        Batch {
            rows,
            holds,
            movements: self.movements.clone(),
        }
    }

    /// The batch is durable: it becomes what is known.
    pub fn settle_into(self, known: &mut Known) {
        for (place, row) in self.rows {
            known
                .rows
                .entry(place.sku)
                .or_default()
                .insert(place.warehouse_id, row);
        }
        for ((order_id, place), hold) in self.holds {
            known.holds.entry(order_id).or_default().insert(place, hold);
        }
    }

    /// Whether it gives something back that others may be waiting for.
    pub fn frees_stock(&self) -> bool {
        self.movements
            .iter()
            .any(|movement| movement.stock_delta > 0)
    }
}

impl Op {
    pub(super) fn places(&self) -> Vec<&Place> {
        match self {
            Self::Deduct { lines, .. } => lines.iter().map(|line| &line.place).collect(),
            Self::Restore { lines, .. } => lines.iter().map(|line| &line.place).collect(),
            Self::Ship { lines, .. } => lines.iter().collect(),
            Self::Adjust { lines, .. } => lines.iter().map(|line| &line.place).collect(),
            Self::Look { .. } => Vec::new(),
        }
    }
}
