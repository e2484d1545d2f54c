use proptest::prelude::*;

use super::*;

fn line(sku: &str, price_minor: i64, quantity: i64) -> Line {
    Line {
        sku: sku.into(),
        price_minor,
        quantity,
    }
}

fn from(sku: &str, warehouse: &str, quantity: i64) -> Allocation {
    Allocation {
        sku: sku.into(),
        warehouse_id: warehouse.into(),
        shard: 0,
        quantity,
    }
}

fn wanted(sku: &str, quantity: i64) -> Vec<Wanted> {
    vec![Wanted {
        sku: sku.into(),
        quantity,
    }]
}

fn order() -> (Vec<Line>, Vec<Allocation>, Totals) {
    let lines = vec![line("A", 1000, 5), line("B", 333, 3)];
    let from = vec![
        from("A", "near", 3),
        from("A", "far", 2),
        from("B", "near", 3),
    ];
    let prices = lines.iter().map(|line| (line.price_minor, line.quantity));
    let totals = crate::totals::compute(prices, 900, 1000).unwrap();
    (lines, from, totals)
}

fn places(units: &Units) -> Vec<(&str, i64)> {
    units
        .iter()
        .map(|(place, units)| (place.warehouse_id.as_str(), *units))
        .collect()
}

#[test]
fn units_are_counted_off_from_the_end_and_back_from_the_beginning() {
    let (lines, from, totals) = order();
    let mut amended = Amended::default();
    let cancel = |quantity| Amendment::Cancel {
        lines: wanted("A", quantity),
    };
    let one = amended.apply(&cancel(1), &lines, &from, &totals).unwrap();
    assert_eq!(places(&one), [("far", 1)]);
    let two = amended.apply(&cancel(2), &lines, &from, &totals).unwrap();
    assert_eq!(places(&two), [("far", 1), ("near", 1)]);
    let back = Amendment::Return {
        lines: wanted("A", 2),
        restock: true,
        refund: true,
    };
    let three = amended.apply(&back, &lines, &from, &totals).unwrap();
    assert_eq!(places(&three), [("near", 2)]);
    let wrong = amended.apply(&back, &lines, &from, &totals).unwrap_err();
    assert_eq!(
        wrong,
        Wrong::TooMany {
            sku: "A".into(),
            left: 0
        }
    );
    assert_eq!(amended.count, 3);
}

#[test]
fn what_is_due_is_what_the_rest_costs() {
    let (lines, from, totals) = order();
    let mut amended = Amended::default();
    assert_eq!(amended.due(&lines, &totals), totals.total_minor);
    let cancel = Amendment::Cancel {
        lines: wanted("B", 3),
    };
    amended.apply(&cancel, &lines, &from, &totals).unwrap();
    assert_eq!(amended.due(&lines, &totals), 5000 + 500 + 900);
    let part = Amendment::Refund { minor: Some(400) };
    amended.apply(&part, &lines, &from, &totals).unwrap();
    assert_eq!(amended.due(&lines, &totals), 6000);
    let much = Amendment::Refund { minor: Some(6001) };
    assert_eq!(
        amended.apply(&much, &lines, &from, &totals),
        Err(Wrong::TooMuch { due_minor: 6000 })
    );
    let rest = Amendment::Refund { minor: None };
    amended.apply(&rest, &lines, &from, &totals).unwrap();
    assert_eq!(amended.due(&lines, &totals), 0);
    assert!(
        amended.apply(&rest, &lines, &from, &totals).is_err(),
        "nothing is due any more"
    );
}

#[test]
fn an_order_is_not_cancelled_line_by_line_to_its_end() {
    let (lines, from, totals) = order();
    let mut amended = Amended::default();
    let all = Amendment::Cancel {
        lines: [wanted("A", 5), wanted("B", 3)].concat(),
    };
    assert_eq!(
        amended.apply(&all, &lines, &from, &totals),
        Err(Wrong::Everything)
    );
    assert_eq!(amended, Amended::default(), "nothing was changed");
    let other = Amendment::Cancel {
        lines: wanted("C", 1),
    };
    let wrong = amended.apply(&other, &lines, &from, &totals).unwrap_err();
    assert_eq!(wrong, Wrong::NotOrdered { sku: "C".into() });
}

proptest! {
    #[test]
    fn no_unit_goes_twice_and_what_is_due_only_falls(
        deeds in prop::collection::vec((0..3_u8, 0..2_usize, 1..4_i64, any::<bool>()), 0..20),
    ) {
        let (lines, from, totals) = order();
        let mut amended = Amended::default();
        let (mut due, mut gone) = (totals.total_minor, BTreeMap::<(String, String), i64>::new());
        for (kind, at, quantity, flag) in deeds {
            let sku = ["A", "B"][at];
            let amendment = match kind {
                0 => Amendment::Cancel { lines: wanted(sku, quantity) },
                1 => Amendment::Return { lines: wanted(sku, quantity), restock: true, refund: flag },
                _ => Amendment::Refund { minor: Some(quantity * 300) },
            };
            let before = amended.clone();
            if let Ok(units) = amended.apply(&amendment, &lines, &from, &totals) {
                for (place, count) in units {
                    *gone.entry((place.sku, place.warehouse_id)).or_default() += count;
                }
            } else {
                prop_assert_eq!(&amended, &before);
            }
            let now = amended.due(&lines, &totals);
            prop_assert!(0 <= now && now <= due);
            due = now;
        }
        for place in &from {
            let count = gone.get(&(place.sku.clone(), place.warehouse_id.clone()));
            prop_assert!(count.copied().unwrap_or_default() <= place.quantity);
        }
    }
}
