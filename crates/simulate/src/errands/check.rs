//! What must hold at every step.

use domain::errand::{Command, Effect, Errand, Phase, Stage};
use domain::hail::Heard;
use domain::shift::Progress;

use super::driver::number_in;
use super::event::{Message, Node};
use super::ledger::Seen;
use super::order::Order;
use super::world::World;

/// After a desk has written. `cause` is the command to a cell, and its order.
pub fn written(world: &mut World, node: Node, cause: Option<(usize, &Command)>) {
    match node {
        Node::Order(_) => {}
        Node::Cell(cell) => {
            for order in 0..world.orders.len() {
                let why = cause.filter(|(of, _)| *of == order);
                errand(world, cell, order, why.map(|(_, command)| command));
            }
        }
        Node::Driver(driver) => {
            for order in 0..world.orders.len() {
                claim(world, driver, order);
            }
            capacity(world, driver);
        }
    }
}

fn errand(world: &mut World, cell: usize, order: usize, cause: Option<&Command>) {
    let Some(errand) = world.cells[cell].state.errands.get(&order) else {
        return;
    };
    let now = Seen::of(errand);
    let unwatched = waits(errand) && errand.wake_at().is_none();
    let phase = errand.phase;
    let given_up = errand.chosen.clone().filter(|_| phase == Phase::Failed);
    if let Some(driver) = given_up {
        world.violation(format!("{driver} was chosen for o{order} and not asked"));
    }
    if unwatched {
        world.violation(format!("A6: o{order} is {phase:?} and has no timer"));
    }
    let before = world.ledger.errands.insert((cell, order), now.clone());
    if let Some(before) = before.filter(|before| *before != now)
        && !may_follow(&before, &now, cause, &world.orders[order].state)
    {
        let text = format!(
            "o{order} was {:?} with {:?} and is {phase:?} for no reason",
            before.phase, before.driver
        );
        world.violation(text);
    }
    backed(world, cell, order);
    world.set_out(cell, order);
}

/// Whether somebody has to go on with it by itself.
pub fn waits(errand: &Errand) -> bool {
    let goes_on = matches!(errand.phase, Phase::Open | Phase::Asking | Phase::Offered);
    goes_on || !errand.outbox.is_empty()
}

/// Whoever was told yes keeps it, unless the order, an admin or a going driver says
/// otherwise.
fn may_follow(before: &Seen, now: &Seen, cause: Option<&Command>, of: &Order) -> bool {
    let is_same = now.driver == before.driver && now.claim == before.claim;
    let goes_on = match before.phase {
        Phase::Held => matches!(now.phase, Phase::Held | Phase::Collected),
        Phase::Collected => matches!(now.phase, Phase::Collected | Phase::Delivered),
        Phase::Delivered => now.phase == Phase::Delivered,
        _ => return true,
    };
    if is_same && goes_on {
        return true;
    }
    match cause {
        // That it has left ends it only where an order has asked anew, and the errand has
        // not heard that: it cannot tell whether another place is meant.
        Some(Command::Follow {
            attempt,
            stage: Stage::Collected,
        }) => *attempt > before.attempt,
        Some(Command::Follow { attempt, .. }) => of.has_ended(*attempt),
        // It is to be collected elsewhere.
        Some(Command::Wish(wish)) => before.site.as_ref() != Some(&wish.site),
        Some(Command::Force { .. } | Command::Drop { .. }) => before.phase == Phase::Held,
        _ => false,
    }
}

/// Whom the errand has asked or given it has the claim, and knows how far it is, or will.
fn backed(world: &mut World, cell: usize, order: usize) {
    let Some(errand) = world.cells[cell].state.errands.get(&order) else {
        return;
    };
    let wanted = match errand.phase {
        Phase::Offered => Progress::Offered,
        Phase::Held => Progress::Held,
        Phase::Collected => Progress::Collected,
        _ => return,
    };
    let Some(name) = &errand.driver else {
        return;
    };
    let shift = &world.drivers[number_in(name)].state.shift;
    let claim = shift.claims.get(&errand.order_id);
    let claim = claim.filter(|one| one.number == errand.claim && number_in(&one.cell) == cell);
    let (phase, number) = (errand.phase, errand.claim);
    let will_hear = |effect: &Effect| {
        matches!(effect, Effect::Note { is_collected, .. }
            if *is_collected == (phase == Phase::Collected))
    };
    match claim {
        None => world.violation(format!(
            "A4: o{order} is {phase:?} with {name}, who has no claim {number}"
        )),
        Some(claim) if claim.progress < wanted && errand.outbox.find(will_hear).is_none() => {
            world.violation(format!(
                "A6: {name} will not hear that o{order} is {phase:?}"
            ));
        }
        Some(_) => {}
    }
}

fn claim(world: &mut World, driver: usize, order: usize) {
    let name = &world.names[order];
    let shift = &world.drivers[driver].state.shift;
    if let Some(claim) = shift.claims.get(name) {
        let now = (claim.number, claim.progress);
        let key = (driver, order);
        let last = world.ledger.live.insert(key, now);
        let cell = number_in(&claim.cell);
        let closed = world.ledger.closed.get(&(driver, order, cell)).copied();
        if last.is_some_and(|last| last > now) {
            world.violation(format!("claim {now:?} of o{order} went back"));
        }
        if closed.is_some_and(|closed| now.0 <= closed) {
            world.violation(format!("claim {} of o{order} is closed, and lives", now.0));
        }
        let name = &world.names[order];
        let all = world.drivers.iter();
        let with_it = all.filter(|one| one.state.shift.claims.contains_key(name));
        if with_it.count() > 1 {
            world.violation(format!("A4: o{order} is with two drivers"));
        }
    }
    for cell in 0..world.cells.len() {
        backed(world, cell, order);
    }
}

/// Nobody who is there is called away for anything but a claim that is closed.
pub fn away(world: &mut World, driver: usize, take: &Message) {
    let Message::Take {
        order,
        cell,
        number,
        forced,
        ..
    } = take
    else {
        return;
    };
    let key = (driver, *order, *cell);
    let closed = world.ledger.closed.get(&key).copied().unwrap_or(0);
    let is_there = *forced || world.drivers[driver].state.shift.is_open();
    if is_there && *number > closed {
        world.violation(format!(
            "d{driver} is there, and refuses claim {number} of o{order}"
        ));
    }
}

fn capacity(world: &mut World, driver: usize) {
    let state = &world.drivers[driver].state;
    if state.shift.claims.len() > usize::try_from(state.capacity).unwrap_or(0) {
        world.violation(format!("A4: d{driver} is above its capacity"));
    }
}

/// M1: a report is applied once, and an older one never.
pub fn heard(world: &mut World, order: usize, version: u32, heard: Heard) {
    if heard != Heard::News {
        return;
    }
    let now = (world.orders[order].state.hail.attempt, version);
    let last = world.ledger.believed.insert(order, now);
    if last.is_some_and(|last| last >= now) {
        world.violation(format!("M1: o{order} believed {last:?}, and then {now:?}"));
    }
}
