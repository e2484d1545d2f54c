//! What must hold when everything has come to rest.

use domain::errand::{Phase, State};
use domain::shift::Progress as Way;

use super::check::waits;
use super::desk::Keeps;
use super::driver::number_in;
use super::order::{Order, Progress};
use super::world::World;

pub fn at_rest(world: &mut World) {
    let mut broken = Vec::new();
    timers(world, &mut broken);
    for order in 0..world.orders.len() {
        errands(world, order, &mut broken);
        settled(world, order, &mut broken);
    }
    for (driver, order, number) in &world.ledger.leaving {
        let claims = &world.drivers[*driver].state.shift.claims;
        let claim = claims.get(&world.names[*order]);
        if claim.is_some_and(|one| one.number == *number && one.progress < Way::Collected) {
            broken.push(format!("A6: d{driver} went, and still has o{order}"));
        }
    }
    let orders = world.orders.iter();
    let for_good = orders.filter(|one| one.state.hail.needs_somebody()).count();
    world.stats.for_good += for_good as u64;
    for text in broken {
        world.violation(text);
    }
}

fn timers(world: &World, broken: &mut Vec<String>) {
    for (number, desk) in world.orders.iter().enumerate() {
        if !desk.state.outbox.is_empty() || desk.state.wake_at().is_some() {
            broken.push(format!("A6: the desk of o{number} has something left"));
        }
    }
    for (number, desk) in world.drivers.iter().enumerate() {
        if desk.state.wake_at().is_some() {
            broken.push(format!("A6: the desk of d{number} has something left"));
        }
    }
    for (cell, desk) in world.cells.iter().enumerate() {
        for (order, errand) in &desk.state.errands {
            if waits(errand) {
                let phase = errand.phase;
                broken.push(format!("A6: o{order} is still {phase:?} in c{cell}"));
            }
            if let Some(driver) = &errand.chosen {
                broken.push(format!("{driver} was chosen for o{order} and never asked"));
            }
        }
    }
}

/// Nobody but the errand of the attempt at hand has anything of the order.
fn errands(world: &World, order: usize, broken: &mut Vec<String>) {
    let state = &world.orders[order].state;
    let mut wanted = None;
    for (cell, desk) in world.cells.iter().enumerate() {
        let Some(errand) = desk.state.errands.get(&order) else {
            continue;
        };
        let is_over = matches!(errand.phase, Phase::Over)
            || (errand.phase == Phase::Delivered && errand.over >= errand.attempt);
        let is_led = state.is_wanted() && cell == state.cell;
        if !is_led && !is_over {
            broken.push(format!("A6: the errand of o{order} in c{cell} is not over"));
        }
        if matches!(errand.phase, Phase::Held | Phase::Collected)
            && let Some(driver) = &errand.driver
        {
            wanted = Some((number_in(driver), errand.claim));
        }
    }
    for (number, desk) in world.drivers.iter().enumerate() {
        let claim = desk.state.shift.claims.get(&world.names[order]);
        if let Some(claim) = claim
            && wanted != Some((number, claim.number))
        {
            broken.push(format!("A4: d{number} still has o{order}"));
        }
    }
}

fn settled(world: &World, order: usize, broken: &mut Vec<String>) {
    let state = &world.orders[order].state;
    let hail = &state.hail;
    if !state.is_wanted() {
        return;
    }
    if matches!(state.progress, Progress::Delivered | Progress::Cancelled) {
        broken.push(format!("o{order} is over, and its hail is not"));
    }
    let Some(errand) = world.cells[state.cell].state.errands.get(&order) else {
        return broken.push(format!("A6: nobody knows of o{order}"));
    };
    if (hail.attempt, hail.version) != (errand.attempt, errand.version) {
        broken.push(format!(
            "M1: o{order} knows {:?}, its errand is at {:?}",
            (hail.attempt, hail.version),
            (errand.attempt, errand.version)
        ));
    }
    if !agrees(state, errand.phase) {
        broken.push(format!(
            "o{order} is {:?} and {:?}, and its errand {:?}",
            state.progress, hail.state, errand.phase
        ));
    }
    let has_it = matches!(errand.phase, Phase::Held | Phase::Collected);
    let driver = errand.driver.as_ref().filter(|_| has_it);
    if hail.driver.as_ref() != driver {
        broken.push(format!(
            "o{order} knows {:?}, and its errand has {driver:?}",
            hail.driver
        ));
    }
    let Some(driver) = driver else {
        return;
    };
    let shift = &world.drivers[number_in(driver)].state.shift;
    let way = shift
        .claims
        .get(&world.names[order])
        .map(|one| one.progress);
    let wanted = if errand.phase == Phase::Collected {
        Way::Collected
    } else {
        Way::Held
    };
    if way != Some(wanted) {
        broken.push(format!("{driver} has o{order} as {way:?}, not {wanted:?}"));
    }
}

fn agrees(order: &Order, phase: Phase) -> bool {
    match (order.hail.state, phase) {
        (Some(State::Assigned), Phase::Held) => order.progress == Progress::Ready,
        // Staff said so, or the driver.
        (Some(State::Assigned | State::Collected), Phase::Collected) => {
            order.progress == Progress::Collected
        }
        (Some(State::Failed), Phase::Failed) => order.hail.needs_somebody(),
        _ => false,
    }
}
