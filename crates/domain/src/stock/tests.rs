//! The desk against a model of the database that applies a batch as SQL would:
//! compare-and-set on rows, primary keys on holds and movements, all or nothing.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Default, Clone)]
struct Database {
    rows: BTreeMap<Place, Row>,
    holds: BTreeMap<(String, Place), Hold>,
    movements: BTreeSet<(MovementKind, String, String, Place)>,
    trips: u32,
}

impl Database {
    fn with(rows: &[(&str, &str, i64)]) -> Self {
        let mut db = Self::default();
        for (warehouse, sku, stock) in rows {
            let row = Row {
                stock: *stock,
                held: 0,
            };
            db.rows.insert(place(warehouse, sku), row);
        }
        db
    }

    fn read(&mut self, reads: &Reads) -> Found {
        self.trips += 1;
        let mut found = Found::default();
        for (place, row) in self
            .rows
            .iter()
            .filter(|(p, _)| reads.skus.contains(&p.sku))
        {
            let rows = found.rows.entry(place.sku.clone()).or_default();
            rows.insert(place.warehouse_id.clone(), *row);
        }
        for ((order, place), hold) in &self.holds {
            if reads.orders.contains(order) {
                let holds = found.holds.entry(order.clone()).or_default();
                holds.insert(place.clone(), hold.clone());
            }
        }
        for (kind, _, key, _) in &self.movements {
            if *kind == MovementKind::Adjust && reads.adjust_keys.contains(key) {
                found.applied_keys.push(key.clone());
            }
        }
        found
    }

    fn commit(&mut self, batch: &Batch) -> bool {
        self.trips += 1;
        let mut next = self.clone();
        for write in &batch.rows {
            let now = next.rows.get(&write.place).copied();
            if now.map(|row| row.stock) != write.old_stock {
                return false;
            }
            let held = now.unwrap_or_default().held + write.held_delta;
            assert!(
                write.stock >= 0 && held >= 0,
                "counters never go below zero"
            );
            let row = Row {
                stock: write.stock,
                held,
            };
            next.rows.insert(write.place.clone(), row);
        }
        for write in &batch.holds {
            let key = (write.order_id.clone(), write.place.clone());
            let now = next
                .holds
                .get(&key)
                .map(|hold| (hold.released, hold.shipped));
            if now != write.old {
                return false;
            }
            assert!(write.hold.remaining() >= 0);
            next.holds.insert(key, write.hold.clone());
        }
        for m in &batch.movements {
            let key = (m.kind, m.cause.clone(), m.key.clone(), m.place.clone());
            if !next.movements.insert(key) {
                return false;
            }
        }
        *self = next;
        true
    }
}

fn place(warehouse: &str, sku: &str) -> Place {
    Place {
        warehouse_id: warehouse.into(),
        sku: sku.into(),
    }
}

fn deduct(order: &str, lines: &[(&str, &str, i64)]) -> Op {
    Op::Deduct {
        order_id: order.into(),
        lines: lines
            .iter()
            .map(|(warehouse, sku, quantity)| DeductLine {
                place: place(warehouse, sku),
                quantity: *quantity,
                expected_stock: None,
            })
            .collect(),
        settled: true,
        wait_until_ms: 0,
        repeat: false,
    }
}

fn restore(order: &str, lines: &[(&str, &str)]) -> Op {
    Op::Restore {
        order_id: order.into(),
        lines: lines
            .iter()
            .map(|(warehouse, sku)| RestoreLine {
                place: place(warehouse, sku),
                quantity: None,
            })
            .collect(),
        key: "restore".into(),
    }
}

/// Runs the desk until it rests.
fn settle(desk: &mut Desk, db: &mut Database, now: i64) -> BTreeMap<u64, Answer> {
    let mut answers = BTreeMap::new();
    loop {
        match desk.step(now) {
            Step::Rest => break,
            Step::Read(reads) => desk.read_done(db.read(&reads)),
            Step::Commit(batch) if db.commit(&batch) => desk.committed(now),
            Step::Commit(_) => desk.conflicted(),
        }
    }
    answers.extend(desk.answers());
    answers
}

fn run(desk: &mut Desk, db: &mut Database, op: Op) -> Answer {
    desk.submit(1, op);
    settle(desk, db, 0).remove(&1).expect("an answer")
}

fn is_held(answer: &Answer) -> bool {
    matches!(answer, Answer::Held { .. })
}

#[test]
fn a_deduction_repeated_is_the_same_deduction() {
    let (mut desk, mut db) = (Desk::default(), Database::with(&[("w", "A", 5)]));
    for _ in 0..3 {
        assert!(is_held(&run(
            &mut desk,
            &mut db,
            deduct("o", &[("w", "A", 2)])
        )));
    }
    assert_eq!(db.rows[&place("w", "A")], Row { stock: 3, held: 2 });
}

#[test]
fn a_deduction_repeated_to_a_desk_that_forgot_is_the_same_deduction() {
    let mut db = Database::with(&[("w", "A", 5)]);
    for _ in 0..2 {
        let mut desk = Desk::default();
        assert!(is_held(&run(
            &mut desk,
            &mut db,
            deduct("o", &[("w", "A", 2)])
        )));
    }
    assert_eq!(db.rows[&place("w", "A")], Row { stock: 3, held: 2 });
}

#[test]
fn all_lines_or_none() {
    let (mut desk, mut db) = (
        Desk::default(),
        Database::with(&[("w", "A", 5), ("w", "B", 0)]),
    );
    let answer = run(
        &mut desk,
        &mut db,
        deduct("o", &[("w", "A", 2), ("w", "B", 1)]),
    );
    assert!(matches!(answer, Answer::Short { lines } if lines[0].available == 0));
    assert_eq!(db.rows[&place("w", "A")], Row { stock: 5, held: 0 });
    let answer = run(
        &mut desk,
        &mut db,
        deduct("o", &[("w", "A", 2), ("x", "A", 1)]),
    );
    assert!(matches!(answer, Answer::Missing { .. }));
}

#[test]
fn a_restore_counts_once_and_closes_the_door() {
    let (mut desk, mut db) = (Desk::default(), Database::with(&[("w", "A", 5)]));
    run(&mut desk, &mut db, deduct("o", &[("w", "A", 2)]));
    for _ in 0..3 {
        let answer = run(&mut desk, &mut db, restore("o", &[("w", "A")]));
        assert!(matches!(answer, Answer::Done { .. }));
    }
    let late = run(&mut desk, &mut db, deduct("o", &[("w", "A", 2)]));
    assert_eq!(late, Answer::Closed);
    let nothing = run(&mut desk, &mut db, restore("never", &[("w", "A")]));
    assert!(matches!(nothing, Answer::Done { .. }));
    let late = run(
        &mut Desk::default(),
        &mut db,
        deduct("never", &[("w", "A", 2)]),
    );
    assert_eq!(late, Answer::Closed);
    assert_eq!(db.rows[&place("w", "A")], Row { stock: 5, held: 0 });
}

#[test]
fn what_has_shipped_is_neither_held_nor_restored() {
    let (mut desk, mut db) = (Desk::default(), Database::with(&[("w", "A", 5)]));
    run(&mut desk, &mut db, deduct("o", &[("w", "A", 2)]));
    let ship = || Op::Ship {
        order_id: "o".into(),
        lines: vec![place("w", "A")],
        key: "ship".into(),
    };
    run(&mut desk, &mut db, ship());
    run(&mut desk, &mut db, ship());
    run(&mut desk, &mut db, restore("o", &[("w", "A")]));
    assert_eq!(db.rows[&place("w", "A")], Row { stock: 3, held: 0 });
}

#[test]
fn an_expected_stock_that_differs_is_refused_at_once() {
    let (mut desk, mut db) = (Desk::default(), Database::with(&[("w", "A", 5)]));
    let mut op = deduct("o", &[("w", "A", 2)]);
    if let Op::Deduct { lines, .. } = &mut op {
        lines[0].expected_stock = Some(4);
    }
    let answer = run(&mut desk, &mut db, op);
    assert!(matches!(answer, Answer::Changed { lines } if lines[0].available == 5));
}

#[test]
fn a_change_behind_its_back_is_read_again() {
    let (mut desk, mut db) = (Desk::default(), Database::with(&[("w", "A", 5)]));
    run(&mut desk, &mut db, deduct("o1", &[("w", "A", 1)]));
    db.rows.get_mut(&place("w", "A")).unwrap().stock = 1;
    let answer = run(&mut desk, &mut db, deduct("o2", &[("w", "A", 2)]));
    assert!(matches!(answer, Answer::Short { .. }), "{answer:?}");
    assert!(is_held(&run(
        &mut desk,
        &mut db,
        deduct("o3", &[("w", "A", 1)])
    )));
    assert!(desk.conflicts > 0);
}

/// As when a batch that was given up is applied after its rows were read again.
#[test]
fn memory_never_says_no() {
    let look = |fresh| Op::Look {
        skus: vec!["A".into()],
        fresh,
    };
    let free = |answer: &Answer| match answer {
        Answer::Seen { rows } => rows[0].stock,
        other => panic!("{other:?}"),
    };
    let (mut desk, mut db) = (Desk::default(), Database::with(&[("w", "A", 1)]));
    run(&mut desk, &mut db, deduct("o1", &[("w", "A", 1)]));
    db.rows.get_mut(&place("w", "A")).unwrap().stock = 2;
    assert_eq!(free(&run(&mut desk, &mut db, look(false))), 0);
    assert!(is_held(&run(
        &mut desk,
        &mut db,
        deduct("o2", &[("w", "A", 2)])
    )));
    db.rows.get_mut(&place("w", "A")).unwrap().stock = 3;
    assert_eq!(free(&run(&mut desk, &mut db, look(true))), 3);
}

/// A first deduction does not read what its order holds elsewhere.
#[test]
fn a_hold_that_is_not_remembered_is_not_missing() {
    let mut db = Database::with(&[("w", "A", 5), ("w", "B", 5)]);
    run(&mut Desk::default(), &mut db, deduct("o", &[("w", "B", 1)]));
    let mut desk = Desk::default();
    run(&mut desk, &mut db, deduct("o", &[("w", "A", 1)]));
    let ship = Op::Ship {
        order_id: "o".into(),
        lines: vec![place("w", "A"), place("w", "B")],
        key: "ship".into(),
    };
    let answer = run(&mut desk, &mut db, ship);
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
}

#[test]
fn a_refusal_that_is_read_again_leaves_the_rest_of_its_batch_alone() {
    let (mut desk, mut db) = (Desk::default(), Database::with(&[("w", "A", 1)]));
    let adjust = || Op::Adjust {
        lines: vec![AdjustLine {
            place: place("w", "B"),
            delta: 7,
        }],
        reason: "count".into(),
        key: "k".into(),
    };
    run(&mut desk, &mut db, adjust());
    run(&mut desk, &mut db, deduct("o1", &[("w", "A", 1)]));
    desk.submit(1, adjust());
    desk.submit(2, deduct("o2", &[("w", "A", 1)]));
    desk.submit(3, deduct("o3", &[("w", "B", 1)]));
    let answers = settle(&mut desk, &mut db, 0);
    assert!(matches!(answers[&1], Answer::Done { .. }));
    assert!(matches!(answers[&2], Answer::Short { .. }));
    assert!(is_held(&answers[&3]));
    assert_eq!(db.rows[&place("w", "B")].stock, 6);
    assert_eq!(desk.conflicts, 0);
}

#[test]
fn many_orders_share_one_trip() {
    let (mut desk, mut db) = (Desk::default(), Database::with(&[("w", "A", 1000)]));
    run(&mut desk, &mut db, deduct("warm", &[("w", "A", 1)]));
    db.trips = 0;
    for n in 0..100 {
        desk.submit(n, deduct(&format!("o{n}"), &[("w", "A", 1)]));
    }
    let answers = settle(&mut desk, &mut db, 0);
    assert_eq!(answers.values().filter(|a| is_held(a)).count(), 100);
    assert_eq!(db.trips, 1);
}

#[test]
fn a_buyer_waits_for_the_end_of_an_unfinished_order() {
    let wanting = |order: &str, settled, wait_until_ms| {
        let mut op = deduct(order, &[("w", "A", 1)]);
        if let Op::Deduct {
            settled: s,
            wait_until_ms: w,
            ..
        } = &mut op
        {
            (*s, *w) = (settled, wait_until_ms);
        }
        op
    };
    // The other order is undone: the buyer gets the goods.
    let (mut desk, mut db) = (Desk::default(), Database::with(&[("w", "A", 1)]));
    desk.submit(1, wanting("o1", false, 0));
    settle(&mut desk, &mut db, 0);
    desk.submit(2, wanting("o2", true, 2_000));
    assert!(settle(&mut desk, &mut db, 10).is_empty());
    assert_eq!(desk.wake_at(), Some(2_000));
    desk.submit(3, restore("o1", &[("w", "A")]));
    let answers = settle(&mut desk, &mut db, 20);
    assert!(is_held(&answers[&2]), "{answers:?}");

    // The other order stands: the buyer is refused as soon as that is known.
    let (mut desk, mut db) = (Desk::default(), Database::with(&[("w", "A", 1)]));
    desk.submit(1, wanting("o1", false, 0));
    desk.submit(2, wanting("o2", true, 2_000));
    settle(&mut desk, &mut db, 0);
    desk.submit(9, wanting("o3", true, 2_000));
    assert!(settle(&mut desk, &mut db, 10).is_empty());
    desk.settle("o1");
    let answers = settle(&mut desk, &mut db, 20);
    assert!(matches!(answers[&9], Answer::Short { .. }));

    // Its end is never told: the wait is bounded.
    let (mut desk, mut db) = (Desk::default(), Database::with(&[("w", "A", 1)]));
    desk.submit(1, wanting("o1", false, 0));
    settle(&mut desk, &mut db, 0);
    desk.submit(2, wanting("o2", true, 2_000));
    assert!(settle(&mut desk, &mut db, 1_999).is_empty());
    let answers = settle(&mut desk, &mut db, 2_000);
    assert!(matches!(answers[&2], Answer::Short { .. }));
}

#[test]
fn an_adjustment_counts_once_and_never_goes_below_nothing() {
    let (mut desk, mut db) = (Desk::default(), Database::default());
    let adjust = |delta, key: &str| Op::Adjust {
        lines: vec![AdjustLine {
            place: place("w", "A"),
            delta,
        }],
        reason: "count".into(),
        key: key.into(),
    };
    for _ in 0..2 {
        run(&mut desk, &mut db, adjust(7, "k1"));
    }
    assert_eq!(db.rows[&place("w", "A")].stock, 7);
    let answer = run(&mut desk, &mut db, adjust(-8, "k2"));
    assert!(matches!(answer, Answer::Exceeds { .. }));
    run(&mut Desk::default(), &mut db, adjust(7, "k1"));
    run(&mut desk, &mut db, adjust(-7, "k3"));
    assert_eq!(db.rows[&place("w", "A")].stock, 0);
}

#[derive(Debug, Clone)]
enum Do {
    Deduct(u8, u8, i64),
    Restore(u8),
    Ship(u8),
    Adjust(u8, i64),
    Forget,
    /// The next commit fails: before it happens, or after.
    Fail(bool),
}

fn doing() -> impl Strategy<Value = Do> {
    prop_oneof![
        6 => (0..12_u8, 0..3_u8, 1..4_i64).prop_map(|(o, s, q)| Do::Deduct(o, s, q)),
        3 => (0..12_u8).prop_map(Do::Restore),
        1 => (0..12_u8).prop_map(Do::Ship),
        1 => (0..3_u8, -3..6_i64).prop_map(|(s, d)| Do::Adjust(s, d)),
        1 => Just(Do::Forget),
        2 => any::<bool>().prop_map(Do::Fail),
    ]
}

proptest! {
    /// I1 to I3 after any run of operations, failures and lost memories.
    #[test]
    fn counters_are_explained(runs in prop::collection::vec(prop::collection::vec(doing(), 1..6), 1..20)) {
        let skus = ["A", "B", "C"];
        let mut desk = Desk::default();
        let mut db = Database::with(&[("w", "A", 5), ("w", "B", 5), ("w", "C", 5)]);
        let mut adjusted = BTreeMap::from([("A", 5_i64), ("B", 5), ("C", 5)]);
        let mut ticket = 0_u64;
        let mut adjustments = BTreeMap::new();
        for group in runs {
            let mut fail = None;
            for step in group {
                ticket += 1;
                let order = |o: u8| format!("o{o}");
                let all = |o| restore(&order(o), &[("w", "A"), ("w", "B"), ("w", "C")]);
                match step {
                    Do::Deduct(o, s, q) => desk.submit(ticket, deduct(&order(o), &[("w", skus[s as usize], q)])),
                    Do::Restore(o) => desk.submit(ticket, all(o)),
                    Do::Ship(o) => desk.submit(ticket, Op::Ship { order_id: order(o), lines: vec![place("w", "A")], key: "ship".into() }),
                    Do::Adjust(s, delta) => {
                        adjustments.insert(ticket, (skus[s as usize], delta));
                        let lines = vec![AdjustLine { place: place("w", skus[s as usize]), delta }];
                        desk.submit(ticket, Op::Adjust { lines, reason: "count".into(), key: format!("k{ticket}") });
                    }
                    Do::Forget => desk = Desk::default(),
                    Do::Fail(after) => fail = Some(after),
                }
            }
            let mut answers = BTreeMap::new();
            loop {
                match (desk.step(0), fail.take()) {
                    (Step::Rest, _) => break,
                    (Step::Read(reads), keep) => { fail = keep; desk.read_done(db.read(&reads)); }
                    (Step::Commit(_), Some(false)) => desk.failed(),
                    (Step::Commit(batch), Some(true)) => { db.commit(&batch); desk.failed(); }
                    (Step::Commit(batch), None) => if db.commit(&batch) { desk.committed(0) } else { desk.conflicted() },
                }
            }
            answers.extend(desk.answers());
            for (ticket, answer) in answers {
                if let (Some((sku, delta)), Answer::Done { .. }) = (adjustments.get(&ticket), &answer) {
                    *adjusted.get_mut(sku).unwrap() += delta;
                }
            }
        }
        for sku in skus {
            let row = db.rows[&place("w", sku)];
            let holds = db.holds.iter().filter(|((_, p), _)| p.sku == sku).map(|(_, hold)| hold);
            let (mut remaining, mut shipped) = (0, 0);
            for hold in holds {
                prop_assert!(hold.released >= 0 && hold.shipped >= 0 && hold.remaining() >= 0);
                remaining += hold.remaining();
                shipped += hold.shipped;
            }
            prop_assert_eq!(row.held, remaining);
            prop_assert_eq!(row.stock + row.held + shipped, adjusted[sku]);
        }
    }
}
