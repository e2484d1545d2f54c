//! What must hold in every state, and what must be possible in some.

use domain::assignment::{Command, Phase};
use stateright::Property;

use super::world::{Bounds, World, index};

/// From every state the weather may turn fair, and nobody does anything any more: then
/// this many steps of the desk alone lead to an end.
const FAIR_STEPS: usize = 60;

pub fn all() -> Vec<Property<Bounds>> {
    vec![
        Property::always(
            "A1: one winner an epoch, whose offer is not cancelled",
            |_, world: &World| world.broken.is_none(),
        ),
        Property::always(
            "A2: who has the order is asked nothing, and neither is anybody else",
            |_, world: &World| {
                let open = world.desk.open_offers().count();
                open == 0 || world.desk.phase == Phase::Offering
            },
        ),
        Property::always(
            "A5: the row never names another winner",
            |_, world: &World| {
                let row = &world.row;
                let winner = world.winners.get(&row.epoch);
                row.epoch <= world.desk.epoch
                    && row.locked.is_none_or(|vendor| winner == Some(&vendor))
            },
        ),
        Property::always("A5: the row catches up", |_, world: &World| {
            let lock = world.desk.lock.as_ref();
            let lock = lock.map(|lock| (lock.epoch, Some(index(&lock.vendor_id))));
            let wanted = lock.unwrap_or((world.desk.epoch, None));
            !world.todo().is_empty() || (world.row.epoch, world.row.locked) == wanted
        }),
        Property::always("A6: no work without a timer", |_, world: &World| {
            let waits = world.desk.timer().is_some() || !world.desk.outbox.is_empty();
            !waits || world.alarm.is_some()
        }),
        Property::always("no vendor above its capacity", |_, world: &World| {
            world.places.iter().all(|places| places.held.len() <= 1)
        }),
        Property::always("no place leaks", |_, world: &World| {
            let assigned = world.desk.phase == Phase::Assigned;
            let lock = world.desk.lock.as_ref().filter(|_| assigned);
            let wanted = lock.and_then(|lock| lock.claim);
            let mut held = world
                .places
                .iter()
                .flat_map(|places| places.held.union(&places.forced));
            let open = world.desk.open_offers().any(|offer| offer.claim.is_some());
            let first = held.next().copied();
            open || !world.todo().is_empty() || (first == wanted && held.next().is_none())
        }),
        Property::always("every run can end", can_end),
        Property::sometimes("somebody wins within the grace", |_, world: &World| {
            world.graceful
        }),
        Property::sometimes("two epochs have different winners", |_, world: &World| {
            world
                .winners
                .get(&1)
                .is_some_and(|first| world.winners.get(&2).is_some_and(|second| first != second))
        }),
        Property::sometimes("nobody is found", |_, world: &World| {
            world.desk.phase == Phase::Failed
        }),
        Property::sometimes(
            "a place is given back after a lost race",
            |_, world: &World| {
                let closed: usize = world.places.iter().map(|places| places.closed.len()).sum();
                closed > 0 && world.desk.phase == Phase::Assigned && world.releases == 0
            },
        ),
    ]
}

fn can_end(bounds: &Bounds, world: &World) -> bool {
    let mut world = world.clone();
    for _ in 0..FAIR_STEPS {
        if let Some(op) = world.hand.first().copied() {
            world.act(bounds, super::act::Action::Perform(op));
        } else if let Some(at_ms) = world.alarm {
            world.now_ms = world.now_ms.max(at_ms);
            world.command(Command::Due);
        } else {
            return world.is_over() && world.todo().is_empty();
        }
    }
    false
}
