//! Every interleaving at small bounds: the desk with its engine and its timer, the
//! vendors' objects with their places, the row in D1, what is in the desk's hands and
//! lost by a crash, and messages that arrive late, twice or never. The checker visits
//! every state there is and says how many.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a host program, where such a thing should stop it at once"
)]

mod act;
mod properties;
mod world;

use stateright::{Checker, Expectation, HasDiscoveries, Model, Property};

use act::Action;
use world::{Bounds, World};

impl Model for Bounds {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        // What follows from a broken rule explains nothing.
        if world.broken.is_none() {
            world.possible(self, actions);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.act(self, action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

/// Exhaustive: without a limit of time or states the checker ends when nothing is left.
fn check(name: &str, bounds: Bounds) {
    let checker = bounds.checker().threads(2).spawn_dfs().join();
    println!(
        "{name}: {} states, {} of them distinct",
        checker.state_count(),
        checker.unique_state_count(),
    );
    let wanted = |property: &Property<Bounds>| {
        property.expectation != Expectation::Sometimes || bounds.allows(property.name)
    };
    for property in bounds.properties().iter().filter(|one| wanted(one)) {
        match property.expectation {
            Expectation::Sometimes => {
                checker.assert_any_discovery(property.name);
            }
            _ => checker.assert_no_discovery(property.name),
        }
    }
}

/// Two vendors race for one order, and one of them has a single place.
#[test]
fn two_vendors_two_epochs() {
    let bounds = Bounds {
        crashes: 1,
        late: 1,
        releases: 1,
        ..Bounds::SMALL
    };
    check("two vendors, two epochs", bounds);
}

/// The third is asked when the first two are out.
#[test]
fn three_vendors_two_batches() {
    let bounds = Bounds {
        vendors: 3,
        crashes: 1,
        ..Bounds::SMALL
    };
    check("three vendors, two batches", bounds);
}

#[test]
fn an_admin_interferes() {
    let bounds = Bounds {
        forces: 1,
        crashes: 1,
        ..Bounds::SMALL
    };
    check("two vendors and an admin", bounds);
}

#[test]
fn vendors_insist_and_crashes_too() {
    let bounds = Bounds {
        accepts: 2,
        crashes: 2,
        ..Bounds::SMALL
    };
    check("two vendors who insist, two crashes", bounds);
}

/// Minutes: `cargo test --release -p simulate --test assignment_model -- --ignored`.
#[test]
#[ignore = "takes minutes, and only makes sense in a release build"]
fn larger_bounds() {
    let all = Bounds {
        crashes: 1,
        late: 1,
        releases: 1,
        forces: 1,
        ..Bounds::SMALL
    };
    check("two vendors, all of it", all);
    let three = Bounds {
        vendors: 3,
        late: 0,
        forces: 0,
        ..all
    };
    check("three vendors, two epochs", three);
}

/// The model can fail: a late write of an epoch that is over is let through to the row.
#[test]
fn a_row_without_its_fence_is_caught() {
    let bounds = Bounds {
        late: 1,
        releases: 1,
        fenced: false,
        ..Bounds::SMALL
    };
    let checker = bounds
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let found = checker.discoveries();
    assert!(found.keys().any(|name| name.starts_with("A5")), "{found:?}");
}
