use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn all<T: Copy + std::fmt::Debug + 'static>(
    of: &'static [T],
) -> impl Strategy<Value = T> + 'static {
    proptest::sample::select(of)
}

fn lives() -> impl Strategy<Value = Life> {
    (
        all(Status::ALL),
        all(PaymentStatus::ALL),
        all(Mode::ALL),
        all(Method::ALL),
    )
        .prop_map(|(status, payment, mode, method)| Life {
            status,
            payment,
            ..Life::placed(method, mode)
        })
}

fn at(status: Status, method: Method) -> Life {
    Life {
        status,
        ..Life::placed(method, Mode::Vendor)
    }
}

#[test]
fn every_pair_of_states_by_everybody_is_an_edge_or_refused_with_the_legal_ones() {
    let mut taken = 0;
    for method in Method::ALL {
        for from in Status::ALL {
            for to in Status::ALL {
                for by in By::ALL {
                    let life = at(*from, *method);
                    let drawn = EDGES.iter().any(|edge| {
                        edge.from == *from
                            && edge.to == *to
                            && edge.by.contains(&by)
                            && (edge.when == When::Always || *method != Method::Card)
                    });
                    match life.step(*to, by) {
                        Ok((after, _)) => {
                            assert!(drawn, "{from:?} -> {to:?} by {by:?}");
                            assert_eq!((after.status, after.version), (*to, 2));
                            taken += 1;
                        }
                        Err(illegal) => {
                            assert!(!drawn, "{from:?} -> {to:?} by {by:?}");
                            assert_eq!(illegal.legal, life.next(Some(by)));
                        }
                    }
                }
            }
        }
    }
    assert!(taken > 100, "{taken}");
}

#[test]
fn no_edge_is_drawn_twice_and_every_state_is_reached_from_the_first() {
    let pairs: BTreeSet<_> = EDGES.iter().map(|edge| (edge.from, edge.to)).collect();
    assert_eq!(pairs.len(), EDGES.len());
    let mut reached = BTreeSet::from([Status::Pending]);
    for _ in Status::ALL {
        let more = EDGES.iter().filter(|edge| reached.contains(&edge.from));
        reached.extend(more.map(|edge| edge.to).collect::<Vec<_>>());
    }
    assert_eq!(reached.len(), Status::ALL.len());
}

#[test]
fn an_unpaid_card_order_is_nobody_s_work() {
    let card = Life::placed(Method::Card, Mode::Vendor);
    assert_eq!(card.next(None), [Status::Paid, Status::Cancelled]);
    assert!(card.awaits_payment() && !card.starts_by_itself());
    for method in [Method::Cod, Method::Credit] {
        let later = Life::placed(method, Mode::Vendor);
        assert!(later.starts_by_itself() && !later.awaits_payment());
        assert!(later.step(Status::AwaitingAssignment, By::House).is_ok());
    }
    assert!(!Life::placed(Method::Cod, Mode::Warehouse).starts_by_itself());
}

#[test]
fn a_customer_cancels_until_somebody_prepares_and_staff_until_it_has_left() {
    let may = |by: By| -> Vec<&str> {
        Status::ALL
            .iter()
            .filter(|status| {
                at(**status, Method::Card)
                    .step(Status::Cancelled, by)
                    .is_ok()
            })
            .map(|status| status.name())
            .collect()
    };
    let until_preparing = [
        "pending",
        "paid",
        "awaiting_assignment",
        "vendor_accepted",
        "failed",
    ];
    assert_eq!(may(By::Customer), until_preparing);
    assert_eq!(
        may(By::Staff),
        [
            "pending",
            "paid",
            "awaiting_assignment",
            "vendor_accepted",
            "preparing",
            "ready",
            "processing",
            "failed"
        ]
    );
    assert_eq!(may(By::House), ["pending"]);
    assert!(may(By::Vendor).is_empty() && may(By::Driver).is_empty());
}

#[test]
fn stock_goes_back_once_or_out_once() {
    for edge in EDGES {
        let life = at(edge.from, Method::Cod);
        let by = *edge.by.first().unwrap();
        let (_, chores) = life.step(edge.to, by).unwrap();
        let wanted = match edge.to {
            Status::Cancelled => Some(StockChore::Release),
            Status::Shipped => Some(StockChore::Ship),
            _ => None,
        };
        assert_eq!(chores.stock, wanted, "{edge:?}");
    }
    // Whatever let the stock go is behind it.
    let behind = [
        Status::Cancelled,
        Status::Shipped,
        Status::Delivered,
        Status::Refunded,
    ];
    for edge in EDGES.iter().filter(|edge| behind.contains(&edge.from)) {
        assert!(![Status::Cancelled, Status::Shipped].contains(&edge.to));
    }
}

#[test]
fn money_follows_the_order_and_the_order_follows_the_money() {
    let card = Life::placed(Method::Card, Mode::Vendor);
    let (paid, chores) = card.paid_so(PaymentStatus::Paid).unwrap();
    assert_eq!(paid.status, Status::Paid);
    assert_eq!(chores.offers, Some(OffersChore::Start));
    assert_eq!(paid.paid_so(PaymentStatus::Paid), None, "known already");

    // Paid after it was cancelled: the order stays so, and the money goes back.
    let (cancelled, chores) = card.step(Status::Cancelled, By::Customer).unwrap();
    assert!(chores.money);
    assert_eq!(cancelled.payment, PaymentStatus::Cancelled);
    let (late, _) = cancelled.paid_so(PaymentStatus::Paid).unwrap();
    assert_eq!(late.status, Status::Cancelled);
    let (back, _) = late.paid_so(PaymentStatus::Refunded).unwrap();
    assert_eq!(
        (back.status, back.payment),
        (Status::Cancelled, PaymentStatus::Refunded)
    );

    // What was paid is not called cancelled while it has to go back.
    let (paid, _) = card.step(Status::Paid, By::House).unwrap();
    let (off, _) = paid.step(Status::Cancelled, By::Staff).unwrap();
    assert_eq!(off.payment, PaymentStatus::Paid);

    let delivered = at(Status::Delivered, Method::Card);
    let (part, _) = delivered.paid_so(PaymentStatus::PartiallyRefunded).unwrap();
    assert_eq!(part.status, Status::Delivered);
    let (all, _) = part.paid_so(PaymentStatus::Refunded).unwrap();
    assert_eq!(all.status, Status::Refunded);

    let door = at(Status::Shipped, Method::Cod);
    let (paid, _) = door.step(Status::Delivered, By::Driver).unwrap();
    assert_eq!(paid.payment, PaymentStatus::Paid);
}

#[test]
fn names_come_back_and_serve_as_json() {
    for status in Status::ALL {
        assert_eq!(Status::from_name(status.name()), Some(*status));
        assert_eq!(
            serde_json::to_string(status).unwrap(),
            format!("\"{}\"", status.name())
        );
    }
    assert_eq!(Status::from_name("lost"), None);
}

#[test]
fn the_drawing_has_every_edge() {
    let drawn = document();
    for edge in EDGES {
        let arrow = format!("{} --> {}:", edge.from.name(), edge.to.name());
        assert!(drawn.contains(&arrow), "{arrow}");
        let row = format!("| `{}` | `{}` |", edge.from.name(), edge.to.name());
        assert!(drawn.contains(&row), "{row}");
    }
}

proptest! {
    #[test]
    fn a_life_is_one_version_older_after_each_change_and_its_end_absorbs(
        life in lives(),
        to in all(Status::ALL),
        by in proptest::sample::select(By::ALL.to_vec()),
        payment in all(PaymentStatus::ALL),
    ) {
        if let Ok((after, chores)) = life.step(to, by) {
            prop_assert_eq!(after.version, life.version + 1);
            prop_assert!(![Status::Cancelled, Status::Refunded].contains(&life.status));
            prop_assert!(chores.stock.is_none() || !life.is_finished());
        }
        if let Some((after, chores)) = life.paid_so(payment) {
            prop_assert_eq!(after.version, life.version + 1);
            prop_assert_eq!(after.payment, payment);
            prop_assert!(chores.stock.is_none(), "money moves no stock");
            prop_assert!(
                after.status == life.status
                    || [Status::Paid, Status::Refunded].contains(&after.status)
            );
        }
    }
}
