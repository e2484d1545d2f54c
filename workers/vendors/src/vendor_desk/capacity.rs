//! Looks at capacities in the database, and what they found.
//!
//! All who want to know the same vendor's capacity at one time share a trip. A look runs
//! apart from the request that began it, so one who hangs up takes it from nobody. What
//! was found is only a memory: losing it costs a trip. A look that failed leaves what was
//! known before, and everybody who waited for it is told that nothing is known.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use contract::{Problem, code};
use domain::places::Seen;
use edge::d1::{Db, Sql};
use edge::{Scope, clock, telemetry};
use futures::channel::oneshot;
use serde::Deserialize;
use worker::Env;

use super::Desk;

/// So many vendors are remembered at most.
const SEEN_MAX: usize = 10_000;

type Told = Result<(), Problem>;

#[derive(Debug, Default)]
pub struct Looks {
    seen: RefCell<BTreeMap<String, Seen>>,
    /// Who waits for the look at a vendor that is on.
    waiting: RefCell<BTreeMap<String, Vec<oneshot::Sender<Told>>>>,
    begun: Cell<u64>,
}

impl Looks {
    /// How many looks have begun, at whomever.
    pub fn begun(&self) -> u64 {
        self.begun.get()
    }

    pub fn seen(&self, vendor_id: &str) -> Option<Seen> {
        self.seen.borrow().get(vendor_id).copied()
    }

    /// Waits for the look that is on, or for the one of this number, which is to be made.
    fn wait(&self, vendor_id: &str) -> (Option<u64>, oneshot::Receiver<Told>) {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.borrow_mut();
        if let Some(others) = waiting.get_mut(vendor_id) {
            others.push(sender);
            return (None, receiver);
        }
        waiting.insert(vendor_id.to_owned(), vec![sender]);
        let look = self.begun.get().saturating_add(1);
        self.begun.set(look);
        (Some(look), receiver)
    }

    fn end(&self, vendor_id: &str, found: Result<Seen, Problem>) {
        let told = found.map(|seen| {
            let mut known = self.seen.borrow_mut();
            if known.len() >= SEEN_MAX {
                known.clear();
            }
            known.insert(vendor_id.to_owned(), seen);
        });
        let waited = self.waiting.borrow_mut().remove(vendor_id);
        for sender in waited.unwrap_or_default() {
            // One who has gone away will ask again.
            let _ = sender.send(told.clone());
        }
    }
}

impl Desk {
    /// Looks at a vendor's capacity, with all who want it now.
    pub(super) async fn look(self: &Rc<Self>, scope: &Scope, vendor_id: &str) -> Told {
        let (look, receiver) = self.looks.wait(vendor_id);
        if let Some(look) = look {
            let (desk, scope, vendor_id) = (Rc::clone(self), scope.clone(), vendor_id.to_owned());
            self.state.wait_until(async move {
                let at_ms = clock::now_ms();
                let found = capacity(&desk.env, &scope, &vendor_id).await;
                let seen = found.map(|capacity| Seen {
                    capacity,
                    look,
                    at_ms,
                });
                desk.looks.end(&vendor_id, seen);
                telemetry::flush_soon(&desk.env, &desk.state);
            });
        }
        let gone = || Problem::new(code::UNAVAILABLE, "the capacity is not known; try again");
        receiver
            .await
            .unwrap_or_else(|_| Err(gone().retry_after(1)))
    }
}

#[derive(Deserialize)]
struct Found {
    capacity: Option<i64>,
}

/// Nobody has places with a vendor who is not there.
async fn capacity(env: &Env, scope: &Scope, vendor_id: &str) -> Result<Option<i64>, Problem> {
    let sql = Sql::new("SELECT capacity FROM vendors WHERE vendor_id = ?1 AND retired = 0");
    let found: Vec<Found> = Db::open(env, "DB")?
        .rows(scope, "vendors.capacity", sql.text(vendor_id))
        .await?;
    Ok(found.first().map_or(Some(0), |found| found.capacity))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Seen = Seen {
        capacity: Some(3),
        look: 1,
        at_ms: 5,
    };

    #[test]
    fn those_who_want_the_same_share_a_look_and_are_all_told() {
        let looks = Looks::default();
        let (first, mut one) = looks.wait("a");
        let (second, mut two) = looks.wait("a");
        let (other, mut three) = looks.wait("b");
        assert_eq!((first, second, other), (Some(1), None, Some(2)));
        assert_eq!(looks.begun(), 2);
        looks.end("a", Ok(SEEN));
        assert_eq!(looks.seen("a"), Some(SEEN));
        assert_eq!(one.try_recv(), Ok(Some(Ok(()))));
        assert_eq!(two.try_recv(), Ok(Some(Ok(()))));
        assert_eq!(three.try_recv(), Ok(None));
        assert_eq!(looks.wait("a").0, Some(3));
    }

    #[test]
    fn a_look_that_failed_leaves_what_was_known() {
        let looks = Looks::default();
        looks.end("a", Ok(SEEN));
        let (_, mut waiting) = looks.wait("a");
        looks.end("a", Err(Problem::new(code::UNAVAILABLE, "down")));
        assert!(matches!(waiting.try_recv(), Ok(Some(Err(_)))));
        assert_eq!(looks.seen("a"), Some(SEEN));
    }
}
