use super::*;

const NOW: i64 = 10_000_000;

fn at(latitude: f64, longitude: f64) -> Point {
    Point {
        latitude,
        longitude,
    }
}

fn ping(driver: &str, seq: i64, latitude: f64) -> Ping {
    Ping {
        driver_id: driver.into(),
        at: at(latitude, 13.4),
        accuracy_m: Some(10.0),
        seq,
        at_ms: NOW,
    }
}

fn facts(driver: &str, room: u32, version: i64) -> DriverFacts {
    DriverFacts {
        driver_id: driver.into(),
        is_on: true,
        ends_ms: None,
        capacity: 2,
        room,
        carries: Vec::new(),
        version,
    }
}

fn free(fleet: &Fleet, now_ms: i64) -> Vec<&str> {
    let found = fleet.free_around(at(52.5, 13.4), 5.0, now_ms);
    found.into_iter().map(|(id, _)| id).collect()
}

#[test]
fn of_two_positions_the_older_changes_nothing() {
    let mut fleet = Fleet::default();
    assert!(fleet.ping(&ping("d", 5, 52.5), NOW));
    assert!(!fleet.ping(&ping("d", 4, 52.6), NOW));
    assert!(!fleet.ping(&ping("d", 5, 52.6), NOW), "sent twice");
    assert_eq!(fleet.get("d").unwrap().at, at(52.5, 13.4));
    let anew = Ping {
        at_ms: NOW + STALE_MS + 1,
        ..ping("d", 1, 52.6)
    };
    assert!(
        fleet.ping(&anew, NOW + STALE_MS + 1),
        "a device begins anew"
    );
}

#[test]
fn what_is_vague_or_old_says_nothing() {
    let mut fleet = Fleet::default();
    let vague = Ping {
        accuracy_m: Some(501.0),
        ..ping("d", 1, 52.5)
    };
    assert!(!fleet.ping(&vague, NOW));
    assert!(!fleet.ping(&ping("d", 1, 52.5), NOW + GONE_MS));
    assert!(fleet.is_empty());
}

#[test]
fn those_are_free_who_are_here_on_a_shift_and_have_room() {
    let mut fleet = Fleet::default();
    for (driver, latitude) in [("a", 52.5), ("b", 52.51), ("c", 52.52), ("far", 52.7)] {
        assert!(fleet.ping(&ping(driver, 1, latitude), NOW));
        fleet.know(facts(driver, 1, 1));
    }
    assert_eq!(free(&fleet, NOW), ["a", "b", "c"]);
    fleet.know(facts("a", 0, 2));
    fleet.know(facts("a", 1, 1));
    assert_eq!(free(&fleet, NOW), ["b", "c"], "the older word says nothing");
    fleet.know(DriverFacts {
        is_on: false,
        ..facts("b", 1, 2)
    });
    assert_eq!(free(&fleet, NOW), ["c"]);
    fleet.know(DriverFacts {
        ends_ms: Some(NOW + 10),
        ..facts("c", 1, 2)
    });
    assert_eq!(free(&fleet, NOW + 10), [""; 0]);
}

#[test]
fn positions_get_stale_and_then_are_dropped() {
    let mut fleet = Fleet::default();
    fleet.ping(&ping("d", 1, 52.5), NOW);
    fleet.know(facts("d", 1, 1));
    assert!(!fleet.get("d").unwrap().is_stale(NOW + STALE_MS - 1));
    assert!(fleet.get("d").unwrap().is_stale(NOW + STALE_MS));
    assert_eq!(free(&fleet, NOW + GONE_MS - 1), ["d"]);
    assert_eq!(free(&fleet, NOW + GONE_MS), [""; 0]);
    fleet.drop_gone(NOW + GONE_MS - 1);
    assert!(!fleet.is_empty());
    fleet.drop_gone(NOW + GONE_MS);
    assert!(fleet.is_empty());
    assert!(fleet.spots.is_empty());
}

#[test]
fn a_search_among_many_finds_those_that_a_look_at_everybody_finds() {
    let mut fleet = Fleet::default();
    for n in 0..2_000_i32 {
        let (x, y) = (f64::from(n % 50), f64::from(n / 50));
        let one = Ping {
            driver_id: format!("d{n}"),
            at: at(52.3 + y * 0.01, 13.1 + x * 0.015),
            ..ping("", 1, 0.0)
        };
        assert!(fleet.ping(&one, NOW));
    }
    for radius in [0.5, 2.0, 5.0, 9.0, 30.0] {
        let middle = at(52.5, 13.4);
        let mut found: Vec<&str> = fleet
            .around(middle, radius)
            .into_iter()
            .map(|one| one.0)
            .collect();
        found.sort_unstable();
        let near = |(_, known): &(&String, &Known)| distance_km(known.at, middle) <= radius;
        let all: Vec<&str> = fleet
            .all()
            .filter(near)
            .map(|(id, _)| id.as_str())
            .collect();
        assert_eq!(found, all, "{radius}");
        assert!(!all.is_empty());
    }
}

#[test]
fn what_is_written_down_is_read_back() {
    let mut fleet = Fleet::default();
    fleet.ping(&ping("d", 1, 52.5), NOW);
    fleet.know(facts("d", 1, 1));
    let written = fleet.snapshot(NOW, 30_000).unwrap().clone();
    assert!(
        fleet.snapshot(NOW + 60_000, 30_000).is_none(),
        "nothing new"
    );
    let text = serde_json::to_string(&written).unwrap();
    let fleet = Fleet::of(serde_json::from_str(&text).unwrap());
    assert_eq!(free(&fleet, NOW), ["d"]);
}

#[test]
fn offers_of_late_are_counted_for_an_hour() {
    let mut fleet = Fleet::default();
    fleet.ping(&ping("d", 1, 52.5), NOW);
    fleet.offered("d", NOW);
    fleet.offered("d", NOW + 1);
    let count = |fleet: &Fleet, now| fleet.get("d").unwrap().recent_offers(now);
    assert_eq!(count(&fleet, NOW + 2), 2);
    assert_eq!(count(&fleet, NOW + OFFERS_MS + 1), 0);
    fleet.offered("d", NOW + OFFERS_MS + 1);
    assert_eq!(count(&fleet, NOW + OFFERS_MS + 1), 1);
}
