//! The desk of all the orders of a schedule: what is written, what is only in memory,
//! and the one timer. A command, the write after it and the timer are one stretch.

use domain::assignment::{Assignment, Command, Effect, OfferState, Phase, Refusal};

use super::mutant::Mutant;

#[derive(Debug)]
pub struct Desk {
    /// Lost in a crash, read back from what is written by whoever comes next.
    memory: Option<Vec<Assignment>>,
    pub written: Vec<Assignment>,
    pub alarm: Option<i64>,
    /// Grows with every crash: what a former life was about to do is not done.
    pub life: u32,
    mutant: Option<Mutant>,
}

/// What a command led to: effects by order, of all orders when the desk woke for it.
pub type Decided = Vec<(usize, Effect)>;

impl Desk {
    pub fn new(orders: Vec<Assignment>, mutant: Option<Mutant>) -> Self {
        Self {
            memory: Some(orders.clone()),
            written: orders,
            alarm: None,
            life: 0,
            mutant,
        }
    }

    pub fn crash(&mut self) {
        self.memory = None;
        self.life += 1;
        if self.mutant == Some(Mutant::LostAlarm) {
            self.alarm = None;
        }
    }

    fn wake(&mut self, now_ms: i64) -> (Vec<Assignment>, Decided) {
        if let Some(memory) = self.memory.take() {
            return (memory, Vec::new());
        }
        let mut orders = self.written.clone();
        let mut decided = Vec::new();
        for (number, order) in orders.iter_mut().enumerate() {
            if self.mutant == Some(Mutant::UnwrittenEffects) {
                order.outbox.drop_if(|effect| !effect.is_answered());
            }
            let effects = order.resume(now_ms);
            decided.extend(effects.into_iter().map(|effect| (number, effect)));
        }
        (orders, decided)
    }

    pub fn command(
        &mut self,
        number: usize,
        command: Command,
        now_ms: i64,
    ) -> (Decided, Result<(), Refusal>) {
        let (mut orders, mut decided) = self.wake(now_ms);
        let order = &mut orders[number];
        if self.mutant == Some(Mutant::NoLockCheck) {
            unlock(order, &command);
        }
        let releases = matches!(command, Command::Release { .. });
        let (effects, result) = match order.apply(command, now_ms) {
            Ok(effects) => (effects, Ok(())),
            Err(refusal) => (order.left_over(), Err(refusal)),
        };
        if self.mutant == Some(Mutant::NoEpoch) && releases && result.is_ok() {
            order.epoch -= 1;
        }
        let wins = effects.iter().any(|one| matches!(one, Effect::Won { .. }));
        if self.mutant == Some(Mutant::CancelToWinner) && wins {
            decided.extend(cancels(order).into_iter().map(|effect| (number, effect)));
        }
        decided.extend(effects.into_iter().map(|effect| (number, effect)));
        self.write(orders);
        (decided, result)
    }

    pub fn done(&mut self, number: usize, id: &str, now_ms: i64) -> Decided {
        let (mut orders, mut decided) = self.wake(now_ms);
        let effects = orders[number].done(id, now_ms);
        decided.extend(effects.into_iter().map(|effect| (number, effect)));
        self.write(orders);
        decided
    }

    pub fn alarm(&mut self, now_ms: i64) -> Decided {
        let (mut orders, mut decided) = self.wake(now_ms);
        self.alarm = None;
        for (number, order) in orders.iter_mut().enumerate() {
            if order.wake_at().is_some_and(|at_ms| at_ms <= now_ms) {
                let effects = order.apply(Command::Due, now_ms).unwrap_or_default();
                decided.extend(effects.into_iter().map(|effect| (number, effect)));
            }
        }
        self.write(orders);
        decided
    }

    fn write(&mut self, orders: Vec<Assignment>) {
        self.alarm = orders.iter().filter_map(Assignment::wake_at).min();
        self.written.clone_from(&orders);
        self.memory = Some(orders);
    }
}

/// The lock is not looked at: whoever accepts finds the door open.
fn unlock(order: &mut Assignment, command: &Command) {
    let Command::Accept { vendor, .. } = command else {
        return;
    };
    let mut offers = order.offers.iter_mut().rev();
    if let Some(offer) = offers.find(|offer| offer.vendor_id == *vendor)
        && offer.state == OfferState::Lost
        && order.phase == Phase::Assigned
    {
        offer.state = OfferState::Open;
        offer.limited = false;
        order.lock = None;
        order.phase = Phase::Offering;
    }
}

fn cancels(order: &Assignment) -> Vec<Effect> {
    let reason = domain::assignment::CancelReason::AcceptedByAnother;
    let batch = order.batch;
    let asked = order.offers.iter().filter(|offer| offer.tag.batch == batch);
    asked
        .map(|offer| Effect::CancelPush {
            vendor: offer.vendor_id.clone(),
            tag: offer.tag,
            reason,
        })
        .collect()
}
