use super::priority::{Settings, assign, rank, score};
use super::*;
use crate::geo::Point;

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn the_score_is_the_documents_to_the_number() {
    // preparation, km, minutes to the pickup, minutes to the customer, score
    let rows = [
        (15.0, 2.0, 6.0, 10.0, 100.0 + 50.0 - 10.0 - 50.0),
        (9.0, 2.0, 6.0, 10.0, 100.0 + 30.0 - 10.0 - 38.0),
        (6.0, 2.0, 6.0, 10.0, 100.0 - 10.0 - 32.0),
        (4.0, 2.0, 6.0, 10.0, 100.0 - 40.0 - 10.0 - 32.0),
        (11.0, 0.0, 6.0, 0.0, 100.0 + 50.0 - 22.0),
        (11.5, 0.5, 6.0, 1.5, 100.0 + 50.0 - 2.5 - 26.0),
        (0.0, 3.0, 9.0, 12.0, 0.0),
    ];
    for (preparation, km, to_pickup, to_customer, wanted) in rows {
        let got = score(preparation, km, to_pickup, to_customer);
        assert!(near(got.total, wanted), "{got:?} is not {wanted}");
    }
    let late = score(4.0, 2.0, 6.0, 10.0);
    assert!(near(late.slack_minutes, -2.0) && near(late.slack_points, -40.0));
    assert!(near(late.distance_km, 2.0) && near(late.distance_points, -10.0));
    assert!(near(late.eta_minutes, 16.0) && near(late.eta_points, -32.0));
}

/// Kilometres along a street, three minutes each.
struct Street;

impl Travel<f64> for Street {
    fn km(&self, from: &f64, to: &f64) -> f64 {
        (from - to).abs()
    }

    fn minutes(&self, from: &f64, to: &f64) -> f64 {
        self.km(from, to) * 3.0
    }
}

const NOW: i64 = 1_000 * 60_000;

fn order(id: &str, placed: i64) -> Order<f64> {
    Order {
        id: id.into(),
        site: "site".into(),
        pickup: 0.0,
        dropoff: 2.0,
        placed_ms: NOW + placed * 60_000,
        ready_ms: NOW + 10 * 60_000,
        barred: Vec::new(),
    }
}

fn driver(id: &str, place: f64) -> Driver<f64> {
    Driver {
        id: id.into(),
        place,
        free_ms: NOW,
        ends_ms: None,
        capacity: 1,
        standing: None,
        recent_offers: 0,
    }
}

fn ids(order: &Order<f64>, drivers: &[Driver<f64>]) -> Vec<String> {
    let ranked = rank(order, drivers, NOW, &Street, Settings::default());
    ranked.into_iter().map(|one| one.driver_id).collect()
}

#[test]
fn only_who_can_come_is_ranked_and_the_best_is_first() {
    let drivers = [
        driver("far", 4.9),
        driver("near", 0.5),
        driver("too far", 5.1),
        Driver {
            free_ms: NOW + 1,
            ..driver("busy", 0.1)
        },
        Driver {
            ends_ms: Some(NOW + 9 * 60_000),
            ..driver("gone before it is ready", 0.1)
        },
        Driver {
            capacity: 0,
            ..driver("full", 0.1)
        },
        driver("said no", 0.1),
    ];
    let order = Order {
        barred: vec!["said no".into()],
        ..order("o", 0)
    };
    assert_eq!(ids(&order, &drivers), ["near", "far"]);
}

#[test]
fn of_equals_who_was_asked_less_goes_first_then_the_smaller_id() {
    let drivers = [
        driver("c", 1.0),
        Driver {
            recent_offers: 1,
            ..driver("a", 1.0)
        },
        driver("b", -1.0),
    ];
    assert_eq!(ids(&order("o", 0), &drivers), ["b", "c", "a"]);
}

#[test]
fn of_those_whose_score_is_nought_the_nearest_goes_first() {
    // The food is ready, so every minute of the way costs.
    let drivers = [driver("a", 4.5), driver("b", 4.0), driver("c", 4.2)];
    let ready = order("o", 0);
    let ready = Order {
        ready_ms: NOW,
        ..ready
    };
    let scores: Vec<f64> = rank(&ready, &drivers, NOW, &Street, Settings::default())
        .iter()
        .map(|one| one.score.total)
        .collect();
    assert_eq!(scores, [0.0; 3]);
    assert_eq!(ids(&ready, &drivers), ["b", "c", "a"]);
}

#[test]
fn the_oldest_order_takes_its_best_driver() {
    let snapshot = Snapshot {
        now_ms: NOW,
        orders: vec![order("young", -1), order("old", -5), order("third", 0)],
        drivers: vec![driver("far", 3.0), driver("near", 1.0)],
    };
    let choices = assign(&snapshot, &Street, Settings::default());
    let pairs: Vec<_> = choices.iter().map(|one| (one.order, one.driver)).collect();
    assert_eq!(pairs, [(1, 1), (0, 0)]);
}

#[test]
fn the_globe_is_measured_in_kilometres_and_minutes() {
    let place = |latitude| Point {
        latitude,
        longitude: 13.4,
    };
    let globe = Globe { km_per_hour: 30.0 };
    let (from, to) = (place(52.5), place(52.59));
    let km = globe.km(&from, &to);
    assert!((10.0..10.02).contains(&km), "{km}");
    assert!(near(globe.minutes(&from, &to), km * 2.0));
}
