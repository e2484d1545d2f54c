//! What must hold when everything has come to rest, whatever went wrong before.
//! The names are those of the project's invariants.

use std::collections::BTreeMap;

use domain::lifecycle::Status;
use domain::placement::Phase;
use domain::plan::Wanted;
use domain::stock::{Hold, MovementKind, Place};

use super::database::Database;
use super::journal::OrderRow;
use super::world::{Actor, World};

pub fn at_rest(world: &mut World) {
    let mut broken = Vec::new();
    for (shard, database) in (0..).zip(&world.cast.databases) {
        conservation(world, shard, database, &mut broken);
    }
    orders(world, &mut broken);
    bought_once(world, &mut broken);
    acknowledged(world, &mut broken);
    let cast = &world.cast;
    let mut idle: Vec<&dyn Actor> = vec![&cast.order];
    idle.extend(cast.carts.iter().map(|desk| desk as &dyn Actor));
    idle.extend(cast.stocks.iter().map(|desk| desk as &dyn Actor));
    idle.extend(cast.shoppers.iter().map(|shopper| shopper as &dyn Actor));
    for actor in idle {
        broken.extend(
            actor
                .at_rest()
                .into_iter()
                .map(|left| format!("I6: {left}")),
        );
    }
    for text in broken {
        world.net.violation(text);
    }
}

/// I1, I3: counters are what was there, moved by what is recorded, and what is
/// held is what the holds hold.
fn conservation(world: &World, shard: u16, database: &Database, broken: &mut Vec<String>) {
    let mut initial: BTreeMap<&Place, i64> = BTreeMap::new();
    for (at, place, stock) in &world.scene.shelves {
        if *at == shard {
            initial.insert(place, *stock);
        }
    }
    for (place, row) in &database.rows {
        let start = initial.get(place).copied().unwrap_or(0);
        let moved =
            |what: fn(&domain::stock::Movement) -> i64, kind: Option<MovementKind>| -> i64 {
                database
                    .movements
                    .iter()
                    .filter(|movement| movement.place == *place)
                    .filter(|movement| kind.is_none_or(|kind| movement.kind == kind))
                    .map(what)
                    .sum()
            };
        let holds = || {
            database
                .holds
                .iter()
                .filter(|((_, at), _)| at == place)
                .map(|(_, hold)| hold)
        };
        let remaining: i64 = holds().map(Hold::remaining).sum();
        let shipped: i64 = holds().map(|hold| hold.shipped).sum();
        let adjusted = moved(|movement| movement.stock_delta, Some(MovementKind::Adjust));
        let name = format!("{}/{}", place.warehouse_id, place.sku);
        if row.stock + row.held != start + adjusted - shipped {
            broken.push(format!(
                "I1: {name} has {row:?}, from {start}, adjusted {adjusted}, shipped {shipped}"
            ));
        }
        if row.held != remaining {
            broken.push(format!(
                "I1: {name} has {row:?}, but holds hold {remaining}"
            ));
        }
        let by_movements = (
            start + moved(|movement| movement.stock_delta, None),
            moved(|movement| movement.held_delta, None),
        );
        if (row.stock, row.held) != by_movements {
            broken.push(format!(
                "I1: {name} has {row:?}, movements say {by_movements:?}"
            ));
        }
        let taken: i64 = world
            .cast
            .order
            .journal
            .rows
            .values()
            .filter(|row| {
                row.life
                    .is_some_and(|life| life.status != Status::Cancelled)
            })
            .flat_map(|row| &row.lines)
            .filter(|line| line.sku == place.sku && line.warehouse_id == place.warehouse_id)
            .map(|line| line.quantity)
            .sum();
        if taken > start + adjusted {
            broken.push(format!(
                "I2: {taken} of {name} sold, of {start} + {adjusted}"
            ));
        }
    }
}

/// What a hold of an order's line must be, by the order's life.
fn fits(row: &OrderRow, hold: Option<&Hold>, quantity: i64) -> bool {
    let Some(status) = row.life.map(|life| life.status) else {
        return hold.is_none_or(|hold| hold.remaining() == 0 && hold.shipped == 0);
    };
    match status {
        Status::Cancelled => hold.is_none_or(|hold| hold.remaining() == 0 && hold.shipped == 0),
        Status::Shipped | Status::Delivered => hold.is_some_and(|hold| hold.shipped == quantity),
        _ => hold.is_some_and(|hold| hold.quantity == quantity && hold.remaining() == quantity),
    }
}

/// I5: what a shopper wanted once is bought once at most, under whatever cart.
fn bought_once(world: &World, broken: &mut Vec<String>) {
    let mut bought: BTreeMap<(u8, &str), usize> = BTreeMap::new();
    let mut by_customer: BTreeMap<u8, usize> = BTreeMap::new();
    for row in world.cast.order.journal.rows.values() {
        if row.placement.phase == Phase::Placed {
            *by_customer.entry(row.customer).or_default() += 1;
            if !row.key.is_empty() {
                *bought.entry((row.customer, &row.key)).or_default() += 1;
            }
        }
    }
    for ((customer, key), count) in bought {
        if count > 1 {
            broken.push(format!("I5: {customer} has {count} orders for key {key}"));
        }
    }
    for (customer, count) in by_customer {
        let wanted = world
            .scene
            .shoppers
            .get(usize::from(customer))
            .map_or(0, Vec::len);
        if count > wanted {
            broken.push(format!(
                "I5: {customer} wanted {wanted} orders and has {count}"
            ));
        }
    }
}

/// I4, I6: an order holds every line or none, and nothing is held for no order.
fn orders(world: &World, broken: &mut Vec<String>) {
    let rows = &world.cast.order.journal.rows;
    let mut by_cart: BTreeMap<&str, &str> = BTreeMap::new();
    for (order_id, row) in rows {
        for line in &row.lines {
            let hold = hold_of(world, order_id, line.shard, &line.warehouse_id, &line.sku);
            if !fits(row, hold, line.quantity) {
                broken.push(format!(
                    "I4: {order_id} is {:?} {:?}, and its hold of {}/{} is {hold:?}",
                    row.placement.phase, row.life, line.warehouse_id, line.sku
                ));
            }
        }
        if row.placement.phase == Phase::Placed
            && let Some(other) = by_cart.insert(&row.cart_id, order_id)
        {
            broken.push(format!(
                "I5: {other} and {order_id} were made of one cart {}",
                row.cart_id
            ));
        }
    }
    for database in &world.cast.databases {
        for ((order_id, place), hold) in &database.holds {
            if hold.remaining() > 0 && rows.get(order_id).is_none_or(|row| row.life.is_none()) {
                broken.push(format!("I6: {order_id} holds {place:?} and is no order"));
            }
        }
    }
}

fn hold_of<'a>(
    world: &'a World,
    order_id: &str,
    shard: u16,
    warehouse_id: &str,
    sku: &str,
) -> Option<&'a Hold> {
    let place = Place {
        warehouse_id: warehouse_id.to_owned(),
        sku: sku.to_owned(),
    };
    let database = world.cast.databases.get(usize::from(shard))?;
    database.holds.get(&(order_id.to_owned(), place))
}

/// I5: what a buyer was told of exists, and belongs to that buyer.
fn acknowledged(world: &World, broken: &mut Vec<String>) {
    for (order_id, customer) in &world.net.ledger.acknowledged {
        let row = world.cast.order.journal.rows.get(order_id);
        let stands = row
            .is_some_and(|row| row.placement.phase == Phase::Placed && row.customer == *customer);
        if !stands {
            broken.push(format!(
                "I5: {customer} was told of {order_id}, which is {row:?}"
            ));
        }
    }
}

/// At the very moment that an order stands, all its lines are held (I4), and they
/// are what its buyer asked for (I5).
pub fn just_placed(world: &mut World, order_id: &str) {
    let Some(row) = world.cast.order.journal.rows.get(order_id) else {
        return;
    };
    let mut broken = Vec::new();
    let mut lines: BTreeMap<&str, i64> = BTreeMap::new();
    for line in &row.lines {
        *lines.entry(&line.sku).or_default() += line.quantity;
        let hold = hold_of(world, order_id, line.shard, &line.warehouse_id, &line.sku);
        if hold.is_none_or(|hold| hold.remaining() != line.quantity) {
            broken.push(format!(
                "I4: {order_id} stands, and its hold of {}/{} is {hold:?}",
                line.warehouse_id, line.sku
            ));
        }
    }
    let lines: Vec<Wanted> = lines
        .into_iter()
        .map(|(sku, quantity)| Wanted {
            sku: sku.to_owned(),
            quantity,
        })
        .collect();
    if !world.net.ledger.is_wanted(row.customer, &lines) {
        broken.push(format!("I5: {} never asked for {order_id}", row.customer));
    }
    for text in broken {
        world.net.violation(text);
    }
}
