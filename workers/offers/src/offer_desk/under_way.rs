//! Effects that are being performed, and what is left of each.
//!
//! In memory alone: a crash forgets it, and what was written asks for every effect again.

use std::cell::RefCell;
use std::collections::BTreeMap;

use domain::assignment::Effect;

use super::telling::Told;

/// What has to happen before an effect is done.
pub mod part {
    /// Those whom it concerns have heard of it.
    pub const TOLD: u8 = 1;
    /// The database has it.
    pub const RECORDED: u8 = 2;
    /// What rang has stopped.
    pub const SILENT: u8 = 4;
    /// The order's desk knows who has it.
    pub const ORDER: u8 = 8;
}

/// Effects under way, with the parts that are left of each.
#[derive(Default)]
pub struct UnderWay {
    left: RefCell<BTreeMap<Told, u8>>,
    /// Those that are all done, until the state is told.
    done: RefCell<Vec<Told>>,
}

impl UnderWay {
    /// True when it had been begun before, and has not come to its end.
    pub fn begin(&self, effect: Told, parts: u8) -> bool {
        self.left.borrow_mut().insert(effect, parts).is_some()
    }

    pub fn came(&self, effect: &Told, part: u8) {
        let mut left = self.left.borrow_mut();
        let Some(parts) = left.get_mut(effect) else {
            return;
        };
        *parts &= !part;
        if *parts == 0 {
            left.remove(effect);
            self.done.borrow_mut().push(effect.clone());
        }
    }

    pub fn lacks(&self, effect: &Told, part: u8) -> bool {
        let left = self.left.borrow();
        left.get(effect).is_some_and(|parts| parts & part != 0)
    }

    pub fn take_done(&self) -> BTreeMap<String, Vec<String>> {
        let mut by_order: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for effect in self.done.take() {
            let of_order = by_order.entry(effect.order_id).or_default();
            of_order.push(effect.effect_id);
        }
        by_order
    }

    /// What the state does not want any more need not be remembered.
    pub fn keep(&self, order_id: &str, is_wanted: impl Fn(&str) -> bool) {
        self.left
            .borrow_mut()
            .retain(|effect, _| effect.order_id != order_id || is_wanted(&effect.effect_id));
    }
}

/// What has to happen before an effect is done, besides that what rings has to stop.
pub fn parts_of(effect: &Effect) -> u8 {
    match effect {
        Effect::Push { .. } | Effect::Attention { .. } => part::TOLD,
        Effect::Failed { .. } => part::TOLD | part::ORDER,
        Effect::CancelPush { .. } => part::TOLD | part::RECORDED,
        Effect::Won { .. } | Effect::Released { .. } => part::TOLD | part::RECORDED | part::ORDER,
        Effect::RecordOffer { .. } | Effect::RecordEvent { .. } => part::RECORDED,
        Effect::Find { .. }
        | Effect::TakePlace { .. }
        | Effect::GivePlaceBack { .. }
        | Effect::WakeAt { .. } => 0,
    }
}
