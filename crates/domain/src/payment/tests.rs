//! The machine against a provider that may answer late, twice, or not at all, and a
//! shopper who pays, is declined, and pays again: whatever the order of things, at most
//! one charge, and what is kept in the end is what is due.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The provider: intents by their names, each alive, dead or paid, and refunds by theirs.
#[derive(Debug, Default, Clone)]
struct Provider {
    /// By idempotency key: id and amount.
    made: BTreeMap<u32, (String, i64)>,
    paid: BTreeMap<String, i64>,
    dead: Vec<String>,
    refunds: BTreeMap<u32, i64>,
}

impl Provider {
    fn make(&mut self, attempt: u32, minor: i64) -> Event {
        let entry = self
            .made
            .entry(attempt)
            .or_insert_with(|| (format!("pi_{attempt}"), minor));
        assert_eq!(entry.1, minor, "one name, two amounts");
        Event::Made {
            attempt,
            id: entry.0.clone(),
            secret: "s".into(),
        }
    }

    fn pay(&mut self, id: &str) -> Option<Event> {
        let minor = self.made.values().find(|made| made.0 == id)?.1;
        let may = !self.dead.iter().any(|dead| dead == id) && !self.paid.contains_key(id);
        may.then(|| {
            self.paid.insert(id.to_owned(), minor);
            Event::Succeeded {
                id: id.to_owned(),
                minor,
            }
        })
    }

    fn end(&mut self, id: &str) -> Event {
        let id = id.to_owned();
        if let Some(minor) = self.paid.get(&id).copied() {
            return Event::Succeeded { id, minor };
        }
        self.dead.push(id.clone());
        Event::Died { id }
    }

    fn give_back(&mut self, refund: Refund) -> Event {
        let made = *self.refunds.entry(refund.number).or_insert(refund.minor);
        assert_eq!(made, refund.minor, "one refund, two amounts");
        Event::Refunded {
            number: refund.number,
        }
    }

    fn kept(&self) -> i64 {
        self.paid.values().sum::<i64>() - self.refunds.values().sum::<i64>()
    }
}

/// What happens next: who does something, and what becomes of the answer.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Start,
    Pay,
    Decline,
    Due(i64),
    /// The effect of that index is performed, and its answer arrives, is lost, or comes twice.
    Perform(usize, u8),
    /// A message of the provider's that waits somewhere arrives, and may arrive again.
    Deliver(usize, bool),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        2 => Just(Deed::Start),
        2 => Just(Deed::Pay),
        1 => Just(Deed::Decline),
        1 => (0_i64..=100).prop_map(Deed::Due),
        6 => (0_usize..3, 0_u8..3).prop_map(|(at, fate)| Deed::Perform(at, fate)),
        4 => (0_usize..8, any::<bool>()).prop_map(|(at, again)| Deed::Deliver(at, again)),
    ];
    proptest::collection::vec(deed, 0..60)
}

struct World {
    payment: Payment,
    provider: Provider,
    messages: Vec<Event>,
    order_version: u32,
}

impl World {
    fn new() -> Self {
        Self {
            payment: Payment::new(100, 1, "EUR"),
            provider: Provider::default(),
            messages: Vec::new(),
            order_version: 1,
        }
    }

    fn perform(&mut self, effect: &Effect) -> Event {
        match effect {
            Effect::Make { attempt, minor } => self.provider.make(*attempt, *minor),
            Effect::End { id } => self.provider.end(id),
            Effect::GiveBack { refund, .. } => self.provider.give_back(*refund),
            Effect::Tell(told) => Event::Heard {
                version: told.version,
            },
        }
    }

    fn last_intent(&self) -> Option<String> {
        self.provider
            .made
            .values()
            .last()
            .map(|made| made.0.clone())
    }

    fn happen(&mut self, deed: Deed) {
        match deed {
            Deed::Start => {
                self.payment.apply(Event::Start);
            }
            Deed::Pay => {
                if let Some(event) = self.last_intent().and_then(|id| self.provider.pay(&id)) {
                    self.messages.push(event);
                }
            }
            Deed::Decline => {
                if let Some(id) = self.last_intent() {
                    self.messages.push(Event::Declined { id });
                }
            }
            Deed::Due(minor) => {
                self.order_version += 1;
                let minor = minor.min(self.payment.due_minor);
                let version = self.order_version;
                self.payment.apply(Event::Due { minor, version });
            }
            Deed::Perform(at, fate) => {
                let effects = self.payment.effects();
                let Some(effect) = effects.get(at) else {
                    return;
                };
                let answer = self.perform(effect);
                match fate {
                    0 => {
                        self.payment.apply(answer);
                    }
                    1 => {}
                    _ => self.messages.extend([answer.clone(), answer]),
                }
            }
            Deed::Deliver(at, again) => {
                if at < self.messages.len() {
                    let event = self.messages.remove(at);
                    if again {
                        self.messages.push(event.clone());
                    }
                    self.payment.apply(event);
                }
            }
        }
        self.check();
    }

    fn check(&self) {
        assert!(self.provider.paid.len() <= 1, "charged twice");
        let payment = &self.payment;
        assert!(payment.refunded_minor <= payment.captured_minor);
        assert!(payment.told <= payment.version);
        if payment.status() == PaymentStatus::Failed {
            let id = self.last_intent().unwrap();
            assert!(
                self.provider.dead.contains(&id),
                "declined, and may still be paid"
            );
        }
    }

    /// Everything arrives, everything is done.
    fn rest(&mut self) {
        for event in std::mem::take(&mut self.messages) {
            self.payment.apply(event);
        }
        for _ in 0..20 {
            let effects = self.payment.effects();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                let answer = self.perform(&effect);
                self.payment.apply(answer);
                self.check();
            }
        }
        assert!(self.payment.is_at_rest(), "{:?}", self.payment);
        assert_eq!(self.payment.told, self.payment.version);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn at_most_one_charge_and_what_is_kept_is_what_is_due(deeds in deeds()) {
        let mut world = World::new();
        for deed in deeds {
            world.happen(deed);
        }
        world.rest();
        let payment = &world.payment;
        prop_assert_eq!(world.provider.kept(), payment.captured_minor - payment.refunded_minor);
        if payment.captured_minor > 0 {
            prop_assert_eq!(world.provider.kept(), payment.due_minor.min(payment.captured_minor));
        }
        if payment.due_minor == 0 {
            let open = matches!(payment.intent, Intent::Open { .. } | Intent::Asked);
            prop_assert!(!open, "nothing is due, and somebody could still pay");
        }
    }
}

fn made(payment: &mut Payment) {
    payment.apply(Event::Start);
    let attempt = payment.attempt;
    payment.apply(Event::Made {
        attempt,
        id: format!("pi_{attempt}"),
        secret: "s".into(),
    });
}

#[test]
fn a_shopper_who_asks_again_gets_the_same_intent() {
    let mut payment = Payment::new(500, 1, "EUR");
    made(&mut payment);
    let before = payment.clone();
    assert!(!payment.apply(Event::Start));
    assert_eq!(payment, before);
}

#[test]
fn a_webhook_may_overtake_the_answer_that_made_its_intent() {
    let mut payment = Payment::new(500, 1, "EUR");
    payment.apply(Event::Start);
    let id = "pi_1".to_owned();
    payment.apply(Event::Succeeded { id, minor: 500 });
    assert_eq!(payment.status(), PaymentStatus::Paid);
    let secret = String::new();
    let id = "pi_1".into();
    let attempt = 1;
    assert!(
        !payment.apply(Event::Made {
            attempt,
            id,
            secret
        }),
        "late"
    );
}

#[test]
fn a_decline_is_told_when_nothing_can_be_taken_any_more_and_a_payment_before_that_counts() {
    let declined = || {
        let mut payment = Payment::new(500, 1, "EUR");
        made(&mut payment);
        payment.apply(Event::Declined { id: "pi_1".into() });
        assert_eq!(payment.status(), PaymentStatus::Pending);
        assert!(
            payment
                .effects()
                .contains(&Effect::End { id: "pi_1".into() })
        );
        payment
    };
    let mut dead = declined();
    dead.apply(Event::Died { id: "pi_1".into() });
    assert_eq!(dead.status(), PaymentStatus::Failed);
    let mut paid = declined();
    let id = "pi_1".into();
    paid.apply(Event::Succeeded { id, minor: 500 });
    assert_eq!(paid.status(), PaymentStatus::Paid);
}

#[test]
fn an_older_version_of_the_order_does_not_say_what_is_due() {
    let mut payment = Payment::new(500, 1, "EUR");
    payment.apply(Event::Due {
        minor: 0,
        version: 3,
    });
    assert!(!payment.apply(Event::Due {
        minor: 500,
        version: 2
    }));
    assert_eq!(payment.due_minor, 0);
    payment.apply(Event::Start);
    assert_eq!(payment.intent, Intent::None, "nothing is due");
}
