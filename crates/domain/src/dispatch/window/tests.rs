use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::{Driver, Order};
use super::*;

/// A plane on which a unit is a minute.
struct Plane;

impl Travel<(f64, f64)> for Plane {
    fn km(&self, from: &(f64, f64), to: &(f64, f64)) -> f64 {
        (from.0 - to.0).hypot(from.1 - to.1)
    }

    fn minutes(&self, from: &(f64, f64), to: &(f64, f64)) -> f64 {
        self.km(from, to)
    }
}

type Place = (f64, f64);

const NOW: i64 = 50 * 60_000;

fn at(minutes: i64) -> i64 {
    NOW + minutes * 60_000
}

fn order(id: &str, site: Place, door: Place, ready: i64) -> Order<Place> {
    Order {
        id: id.into(),
        site: format!("{site:?}"),
        pickup: site,
        dropoff: door,
        placed_ms: at(-5),
        ready_ms: at(ready),
        barred: Vec::new(),
    }
}

fn driver(id: &str, place: Place) -> Driver<Place> {
    Driver {
        id: id.into(),
        place,
        free_ms: at(0),
        ends_ms: None,
        capacity: 3,
        standing: None,
        recent_offers: 0,
    }
}

fn planned(orders: Vec<Order<Place>>, drivers: Vec<Driver<Place>>) -> Plan {
    let snapshot = Snapshot {
        now_ms: NOW,
        orders,
        drivers,
    };
    plan(&snapshot, &Plane, &Settings::default(), &Memory::new())
}

const SITE: Place = (10.0, 0.0);

fn step_when_ready_in(minutes: i64, place: Place) -> Step {
    let plan = planned(
        vec![order("o", SITE, (12.0, 0.0), minutes)],
        vec![driver("d", place)],
    );
    plan.trips.first().expect("a trip").step
}

#[test]
fn nobody_is_bound_before_it_has_to_be() {
    // Ten minutes of way and two of parking.
    assert_eq!(step_when_ready_in(20, (0.0, 0.0)), Step::Later);
    assert_eq!(step_when_ready_in(13, (0.0, 0.0)), Step::Later);
    assert_eq!(step_when_ready_in(12, (0.0, 0.0)), Step::Move);
    assert_eq!(step_when_ready_in(-3, (0.0, 0.0)), Step::Move);
    let standing = |ready| {
        let driver = Driver {
            standing: Some(format!("{SITE:?}")),
            ..driver("d", SITE)
        };
        planned(vec![order("o", SITE, (12.0, 0.0), ready)], vec![driver]).trips[0].step
    };
    assert_eq!(standing(4), Step::Later);
    assert_eq!(standing(0), Step::Commit);
}

#[test]
fn the_times_of_a_trip_are_those_of_the_way() {
    let plan = planned(
        vec![order("o", SITE, (15.0, 0.0), 20)],
        vec![driver("d", (4.0, 0.0))],
    );
    let trip = &plan.trips[0];
    assert_eq!(trip.leave_ms, at(12));
    assert_eq!((trip.there_ms, trip.pickup_ms), (at(20), at(20)));
    assert_eq!(trip.dropoffs_ms, [at(20 + 2 + 5 + 2)]);
    assert_eq!(trip.free_ms, at(20 + 2 + 5 + 4));
}

#[test]
fn who_has_to_leave_is_bound_at_once_where_that_is_asked_for() {
    let snapshot = Snapshot {
        now_ms: NOW,
        orders: vec![order("o", SITE, (12.0, 0.0), 0)],
        drivers: vec![driver("d", (0.0, 0.0))],
    };
    let settings = Settings {
        bind_within: f64::INFINITY,
        ..Settings::default()
    };
    let plan = plan(&snapshot, &Plane, &settings, &Memory::new());
    assert_eq!(plan.trips[0].step, Step::Commit);
}

fn two_of_one_site() -> Vec<Order<Place>> {
    vec![
        order("a", SITE, (10.0, 9.0), 0),
        order("b", SITE, (10.0, 6.0), 0),
    ]
}

#[test]
fn one_driver_takes_two_along_by_the_shorter_way() {
    let plan = planned(two_of_one_site(), vec![driver("d", (9.0, 0.0))]);
    assert_eq!(plan.trips.len(), 1);
    assert_eq!(plan.trips[0].orders, [1, 0]);
}

#[test]
fn two_drivers_at_the_door_take_one_each() {
    let drivers = vec![driver("d", (9.0, 0.0)), driver("e", (10.0, 1.0))];
    assert_eq!(planned(two_of_one_site(), drivers).trips.len(), 2);
}

#[test]
fn capacity_ends_shifts_and_refusals_are_kept() {
    let small = Driver {
        capacity: 1,
        ..driver("d", (9.0, 0.0))
    };
    assert_eq!(planned(two_of_one_site(), vec![small]).trips.len(), 2);
    let gone = Driver {
        ends_ms: Some(at(2)),
        ..driver("d", (9.0, 0.0))
    };
    assert_eq!(planned(two_of_one_site(), vec![gone]).unplanned, [0, 1]);
    let mut orders = two_of_one_site();
    orders[0].barred.push("d".into());
    let plan = planned(orders, vec![driver("d", (9.0, 0.0))]);
    assert_eq!(plan.unplanned, [0]);
}

#[test]
fn what_is_far_ahead_or_nowhere_stays_unplanned() {
    let far = order("far", SITE, SITE, 500);
    let nowhere = order("nowhere", (f64::NAN, 0.0), SITE, 0);
    let no_door = order("no door", SITE, (f64::INFINITY, 0.0), 0);
    let lost = driver("lost", (f64::NAN, f64::NAN));
    let good = order("good", SITE, (11.0, 0.0), 0);
    let drivers = vec![lost, driver("d", (9.0, 0.0))];
    let plan = planned(vec![far, nowhere, no_door, good], drivers);
    assert_eq!(
        plan.unplanned.iter().copied().collect::<BTreeSet<_>>(),
        BTreeSet::from([0, 1, 2])
    );
    assert_eq!(plan.trips.len(), 1);
    assert_eq!((plan.trips[0].driver, plan.trips[0].orders[0]), (1, 3));
    assert_eq!(planned(Vec::new(), Vec::new()), Plan::default());
}

#[test]
fn the_one_who_ends_soon_goes_where_nobody_else_would() {
    // Near to both is who ends soon; the other one can do either, but only after him.
    let ends = Driver {
        ends_ms: Some(at(5)),
        ..driver("ends", (8.0, 0.0))
    };
    let late = Driver {
        free_ms: at(3),
        ..driver("late", (9.0, 0.0))
    };
    let orders = vec![
        order("soon", SITE, (12.0, 0.0), 0),
        order("later", (10.0, 1.0), (12.0, 0.0), 8),
    ];
    let plan = planned(orders, vec![ends, late]);
    let by = |driver| {
        let trips = plan.trips.iter().filter(move |trip| trip.driver == driver);
        trips
            .flat_map(|trip| trip.orders.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!((by(0), by(1)), (vec![0], vec![1]));
}

/// The least waiting in all when every order is brought alone, by trying everything.
fn least(problem: &Problem, chains: &mut Vec<Chain>, task: usize) -> f64 {
    if task == problem.tasks.len() {
        return build::costs_of(problem, chains).iter().sum();
    }
    let mut found = f64::INFINITY;
    for worker in 0..chains.len() {
        for place in 0..=chains[worker].0.len() {
            chains[worker].put_alone(place, task);
            found = found.min(least(problem, chains, task + 1));
            chains[worker].take_out(place);
        }
    }
    found
}

fn places(number: usize) -> impl Strategy<Value = Vec<(Place, Place, i64)>> {
    let place = || (0_i32..30, 0_i32..30).prop_map(|(x, y)| (f64::from(x), f64::from(y)));
    proptest::collection::vec((place(), place(), -10_i64..25), 1..=number)
}

fn snapshot_of(orders: &[(Place, Place, i64)], drivers: &[(Place, Place, i64)]) -> Snapshot<Place> {
    let orders = orders.iter().enumerate();
    let drivers = drivers.iter().enumerate();
    Snapshot {
        now_ms: NOW,
        orders: orders
            .map(|(index, (site, door, ready))| order(&format!("o{index}"), *site, *door, *ready))
            .collect(),
        drivers: drivers
            .map(|(index, (place, _, free))| Driver {
                free_ms: at(*free),
                ends_ms: (index % 3 == 1).then(|| at(free + 40)),
                ..driver(&format!("d{index}"), *place)
            })
            .collect(),
    }
}

/// Few sites, so that there is something to bundle.
fn crowded(mut snapshot: Snapshot<Place>) -> Snapshot<Place> {
    for order in &mut snapshot.orders {
        order.pickup = ((order.pickup.0 / 15.0).floor() * 15.0, 3.0);
        order.site = format!("{:?}", order.pickup);
    }
    if let Some(first) = snapshot.orders.first_mut() {
        first.barred.push("d0".into());
    }
    snapshot
}

fn assert_sound(snapshot: &Snapshot<Place>, plan: &Plan) {
    let mut seen: Vec<usize> = plan.unplanned.clone();
    let mut free: Vec<i64> = snapshot
        .drivers
        .iter()
        .map(|driver| driver.free_ms.max(NOW))
        .collect();
    for trip in &plan.trips {
        let driver = &snapshot.drivers[trip.driver];
        let orders: Vec<_> = trip
            .orders
            .iter()
            .map(|order| &snapshot.orders[*order])
            .collect();
        seen.extend(&trip.orders);
        assert!(!orders.is_empty() && orders.len() <= 3);
        assert!(orders.iter().all(|order| order.site == orders[0].site));
        assert!(orders.iter().all(|order| order.ready_ms <= trip.pickup_ms));
        assert!(
            orders
                .iter()
                .all(|order| !order.barred.contains(&driver.id))
        );
        assert!(
            driver
                .ends_ms
                .is_none_or(|ends_ms| trip.pickup_ms <= ends_ms)
        );
        assert!(trip.leave_ms >= free[trip.driver] && trip.pickup_ms >= trip.leave_ms);
        assert!(
            trip.dropoffs_ms
                .windows(2)
                .all(|two| two[1] - two[0] >= 4 * 60_000)
        );
        free[trip.driver] = trip.free_ms;
        assert_eq!(trip.dropoffs_ms.len(), orders.len());
    }
    seen.sort_unstable();
    let all: Vec<usize> = (0..snapshot.orders.len()).collect();
    assert_eq!(seen, all, "each order once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_plan_is_sound_and_the_same_every_time(orders in places(14), drivers in places(5)) {
        let snapshot = crowded(snapshot_of(&orders, &drivers));
        let settings = Settings::default();
        let first = plan(&snapshot, &Plane, &settings, &Memory::new());
        assert_sound(&snapshot, &first);
        prop_assert_eq!(&first, &plan(&snapshot, &Plane, &settings, &Memory::new()));
        // What the last plan left may be of a world that has moved on.
        let mut memory = first.memory(&snapshot);
        memory.insert("d1".into(), vec![vec!["o0".into(), "gone".into(), "o0".into()], vec!["o0".into()]]);
        let mut later = snapshot;
        later.now_ms = at(3);
        later.drivers.reverse();
        assert_sound(&later, &plan(&later, &Plane, &settings, &memory));
    }

    #[test]
    fn small_plans_are_as_good_as_can_be(orders in places(4), drivers in places(3)) {
        let mut snapshot = snapshot_of(&orders, &drivers);
        for (index, order) in snapshot.orders.iter_mut().enumerate() {
            order.site = format!("own {index}");
        }
        for driver in &mut snapshot.drivers {
            driver.ends_ms = None;
        }
        let settings = Settings { rounds: 300, ..Settings::default() };
        let problem = Problem::new(&snapshot, &Plane, &settings);
        let plan = plan(&snapshot, &Plane, &settings, &Memory::new());
        let mut chains = vec![Chain::default(); snapshot.drivers.len()];
        for trip in &plan.trips {
            let place = chains[trip.driver].0.len();
            chains[trip.driver].put_alone(place, trip.orders[0]);
        }
        let got: f64 = build::costs_of(&problem, &chains).iter().sum();
        let mut none = vec![Chain::default(); snapshot.drivers.len()];
        let wanted = least(&problem, &mut none, 0);
        prop_assert!(got <= wanted * 1.02 + 1e-6, "{got} for {wanted}");
    }
}
