use super::*;

fn address() -> Address {
    Address {
        name: "Ada".into(),
        line1: "1 Lane".into(),
        line2: None,
        city: "Town".into(),
        state: "ST".into(),
        postal_code: "12345".into(),
        country: "DE".into(),
        phone: "+49".into(),
        email: None,
        latitude: 1.0,
        longitude: 1.0,
    }
}

fn filled() -> Carts {
    let mut carts = Carts::default();
    carts.set_line("A", 2, || "c1".into()).unwrap();
    carts.set_address(address()).unwrap();
    carts
}

fn claim(carts: &mut Carts, key: &str, order: &str) -> Result<Claimed, Refusal> {
    carts.claim((key, "f"), order, 60, 1_000)
}

#[test]
fn a_claimed_cart_is_locked_and_joined_only_by_its_key() {
    let mut carts = filled();
    assert!(matches!(
        claim(&mut carts, "k", "o1"),
        Ok(Claimed::Fresh { .. })
    ));
    assert_eq!(carts.set_line("B", 1, || "c2".into()), Err(Refusal::Locked));
    assert_eq!(carts.remove_line("A"), Err(Refusal::Locked));
    assert_eq!(carts.set_address(address()), Err(Refusal::Locked));
    assert_eq!(claim(&mut carts, "other", "o2"), Err(Refusal::Locked));
    assert_eq!(
        claim(&mut carts, "k", "o2"),
        Ok(Claimed::Under {
            order_id: "o1".into()
        })
    );
}

#[test]
fn a_released_cart_can_be_claimed_again() {
    let mut carts = filled();
    claim(&mut carts, "k", "o1").unwrap();
    carts.release("someone-else");
    assert!(claim(&mut carts, "x", "o2").is_err());
    carts.release("o1");
    carts.release("o1");
    assert!(matches!(
        claim(&mut carts, "x", "o2"),
        Ok(Claimed::Fresh { .. })
    ));
}

#[test]
fn a_completed_cart_answers_for_ten_minutes_until_something_newer_is_in_it() {
    let mut carts = filled();
    claim(&mut carts, "", "o1").unwrap();
    assert_eq!(carts.complete("o1", 1_000).unwrap().cart_id, "c1");
    assert_eq!(carts.complete("o1", 2_000), None);
    let placed = Claimed::Placed {
        order_id: "o1".into(),
    };
    assert_eq!(claim(&mut carts, "", "o2"), Ok(placed));
    assert_eq!(claim(&mut carts, "key", "o2"), Err(Refusal::Empty));
    assert_eq!(
        carts.claim(("", ""), "o2", 60, 1_000 + CART_REPLAY_MS),
        Err(Refusal::Empty)
    );
    carts.set_line("A", 1, || "c2".into()).unwrap();
    assert!(matches!(
        claim(&mut carts, "", "o2"),
        Ok(Claimed::Fresh { .. })
    ));
}

#[test]
fn only_fresh_claims_count_against_the_limit() {
    let mut carts = filled();
    carts.claim(("", ""), "o1", 1, 0).unwrap();
    for _ in 0..5 {
        assert!(matches!(
            carts.claim(("", ""), "o2", 1, 0),
            Ok(Claimed::Under { .. })
        ));
    }
    carts.release("o1");
    assert_eq!(
        carts.claim(("", ""), "o3", 1, 0),
        Err(Refusal::TooMany { retry_after_s: 60 })
    );
}

#[test]
fn a_new_plan_keeps_the_claim() {
    let mut carts = filled();
    claim(&mut carts, "k", "o1").unwrap();
    assert!(carts.reclaim("o1", "o2"));
    assert!(!carts.reclaim("o1", "o3"));
    assert_eq!(carts.complete("o1", 0), None);
    assert!(carts.complete("o2", 0).is_some());
}

#[test]
fn a_key_serves_the_request_that_it_came_with() {
    let mut carts = filled();
    claim(&mut carts, "k", "o1").unwrap();
    assert_eq!(
        carts.claim(("k", "other"), "o2", 60, 1_000),
        Err(Refusal::KeyReused)
    );
}

#[test]
fn a_doubted_cart_is_locked_until_its_order_is_found_or_it_goes_on_under_another_id() {
    let mut carts = filled();
    assert!(carts.doubt(0));
    assert!(!carts.doubt(0));
    assert_eq!(carts.set_line("B", 1, || "c2".into()), Err(Refusal::Locked));
    carts.reopen("c0", || "c2".into());
    assert_eq!(carts.remove_line("A"), Err(Refusal::Locked));
    let mut found = carts.clone();
    carts.reopen("c1", || "c2".into());
    carts.reopen("c1", || "c3".into());
    assert_eq!(carts.current.as_ref().unwrap().cart_id, "c2");
    carts.remove_line("A").unwrap();
    assert!(!carts.doubt(0), "there is nothing to make an order of");
    found.found("o1", "k", "f");
    assert!(found.complete("o1", 0).is_some());
}

#[test]
fn lines_and_quantities_have_bounds() {
    let mut carts = Carts::default();
    for n in 0..LINES_MAX {
        carts.set_line(&format!("S{n}"), 1, || "c".into()).unwrap();
    }
    assert_eq!(
        carts.set_line("one-more", 1, || "c".into()),
        Err(Refusal::TooManyLines)
    );
    for bad in [0, -1, QUANTITY_MAX + 1, i64::MAX, i64::MIN] {
        assert_eq!(
            carts.set_line("S0", bad, || "c".into()),
            Err(Refusal::BadQuantity)
        );
    }
}

#[test]
fn the_goods_of_an_order_that_came_to_nothing_come_back_once_unless_there_is_something_newer() {
    let lines = || {
        vec![Wanted {
            sku: "A".into(),
            quantity: 2,
        }]
    };
    let ordered = || {
        let mut carts = filled();
        claim(&mut carts, "", "o1").unwrap();
        carts.complete("o1", 1_000);
        carts
    };
    let mut carts = ordered();
    assert!(
        !carts.give_back("o2", &lines(), || "c2".into()),
        "another's"
    );
    assert!(carts.give_back("o1", &lines(), || "c2".into()));
    assert_eq!(carts.lines(), lines());
    carts.remove_line("A").unwrap();
    assert!(!carts.give_back("o1", &lines(), || "c3".into()), "once");
    assert!(carts.lines().is_empty());

    let mut newer = ordered();
    newer.set_line("B", 1, || "c2".into()).unwrap();
    assert!(!newer.give_back("o1", &lines(), || "c3".into()));
    assert_eq!(newer.lines().len(), 1);
}
