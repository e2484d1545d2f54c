//! Those who wait for a write that they share.

use std::cell::RefCell;

use contract::Problem;
use futures::channel::oneshot;

type Written = oneshot::Sender<Result<(), Problem>>;

/// `None` while nobody gathers.
#[derive(Default)]
pub struct Writes(RefCell<Option<Vec<Written>>>);

impl Writes {
    pub fn is_gathering(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits with others. True for the first, who has to see to the write.
    pub fn join(&self) -> (oneshot::Receiver<Result<(), Problem>>, bool) {
        let (sender, written) = oneshot::channel();
        let mut waiting = self.0.borrow_mut();
        let is_first = waiting.is_none();
        waiting.get_or_insert_default().push(sender);
        (written, is_first)
    }

    pub fn end(&self, outcome: &Result<(), Problem>) {
        for waiting in self.0.take().unwrap_or_default() {
            let _ = waiting.send(outcome.clone());
        }
    }
}
