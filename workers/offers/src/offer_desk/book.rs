//! The offers of a desk's orders: in memory while something is going on, and written before
//! anybody is answered or anything is done.
//!
//! What must hold: what is told or done of a page is written. Commands that come at the
//! same time share a write, so a page may be ahead of its row for a moment, and whoever
//! reads it for an answer writes it first. A page whose write failed leaves memory, so
//! the next command reads what is written. An order's offers are rows of their own and are
//! written when their revision changes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::iter::repeat;
use std::rc::Rc;

use contract::Problem;
use contract::assignment::OrderFacts;
use domain::assignment::{Assignment, Command, Effect, Offer};
use edge::clock;
use futures::channel::oneshot;

use super::deciding::Decided;
use super::rows::{OfferRow, Rows};
use super::settings::Plan;

/// Pages in memory. Those with nothing to do go first.
const PAGES_MAX: usize = 1_000;

/// Half of what is written in a millisecond.
const BYTES_A_MS: usize = 50_000;

/// What came of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// Not known yet, or for good: it may ring.
    Perhaps,
    Taken,
    /// Nobody took it; a device may have it all the same.
    Refused,
    /// There is nothing that could be rung.
    Nothing,
}

/// A round only ever gets more offers, so their places in the state tell them apart.
struct Written {
    round: u32,
    revisions: Vec<u32>,
}

impl Written {
    fn of(engine: &Assignment) -> Self {
        Self {
            round: engine.round,
            revisions: engine.offers.iter().map(|offer| offer.revision).collect(),
        }
    }
}

/// One order's assignment.
pub struct Page {
    pub engine: Assignment,
    pub order: Rc<OrderFacts>,
    /// Who waits for a change.
    pub waiting: Vec<oneshot::Sender<()>>,
    /// Vendors whose devices were rung, by offer.
    pub alerted: BTreeMap<(u32, String), Rung>,
    /// It was read after a crash or an eviction, so more may have been done than memory
    /// says.
    pub was_read: bool,
    /// What the crash left is still to be taken up.
    to_resume: bool,
    /// Devices are being asked for, and not looked for again before then.
    pub asking_until_ms: i64,
    /// It is ahead of its row, or has none yet.
    is_ahead: bool,
    /// What is written of its offers; `None` while it has no row.
    written: Option<Written>,
}

impl Page {
    fn new(engine: Assignment, order: OrderFacts) -> Self {
        Self {
            engine,
            order: Rc::new(order),
            waiting: Vec::new(),
            alerted: BTreeMap::new(),
            was_read: false,
            to_resume: false,
            asking_until_ms: 0,
            is_ahead: false,
            written: None,
        }
    }

    fn changed_offers(&self) -> Vec<OfferRow> {
        let written = self.written.as_ref();
        let written = written.filter(|written| written.round == self.engine.round);
        let revisions = written.map_or(&[][..], |written| &written.revisions);
        let revisions = revisions.iter().copied().map(Some).chain(repeat(None));
        let offers = self.engine.offers.iter().zip(revisions);
        let changed = offers.filter(|(offer, written)| *written != Some(offer.revision));
        changed.map(|(offer, _)| OfferRow::of(offer)).collect()
    }

    /// Offers of earlier rounds are history, which the database has.
    fn is_new_round(&self) -> bool {
        let written = self.written.as_ref();
        written.is_some_and(|written| written.round != self.engine.round)
    }

    /// When somebody has to look at it: the engine's time, or that of an offer that no
    /// device has shown.
    pub fn wake_ms(&self, unseen_ms: i64) -> Option<i64> {
        let unseen = self.unseen(unseen_ms).map(|(_, _, at_ms)| at_ms).min();
        let unseen = unseen.map(|at_ms| at_ms.max(self.asking_until_ms));
        self.engine.wake_at().into_iter().chain(unseen).min()
    }

    /// Open offers that are on no device as far as is known, and until when that is
    /// borne: longer where an alert is under way.
    pub fn unseen(&self, unseen_ms: i64) -> impl Iterator<Item = (&Offer, bool, i64)> {
        let offers = self.engine.open_offers();
        let unseen = offers.filter(|offer| {
            offer.delivered_ms.is_none() && offer.answered_ms.is_none() && offer.claim.is_none()
        });
        unseen.map(move |offer| {
            let key = (offer.tag.batch, offer.vendor_id.clone());
            let taken = self.alerted.get(&key).copied();
            let may_ring = matches!(taken, Some(Rung::Taken | Rung::Perhaps));
            let twice = if may_ring { 2 } else { 1 };
            let wait_ms = unseen_ms.saturating_mul(twice);
            let at_ms = offer.made_ms.saturating_add(wait_ms);
            let is_known = taken.is_some_and(|rung| rung != Rung::Perhaps);
            (offer, is_known, at_ms)
        })
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.engine.wake_at().is_none()
    }
}

#[derive(Default)]
pub struct Book {
    pages: RefCell<BTreeMap<String, Page>>,
    /// When somebody has to look at what was written; see [`Book::wake_ms`].
    wake_ms: Cell<Option<i64>>,
    /// Bytes of the last write.
    wrote: Cell<usize>,
}

impl Book {
    /// Whether the page lies open, which only those that were begun do.
    pub fn is_open(&self, order_id: &str) -> bool {
        self.pages.borrow().contains_key(order_id)
    }

    /// Whether the order was ever to be offered.
    pub fn has(&self, rows: &Rows, order_id: &str) -> Result<bool, Problem> {
        Ok(self.is_open(order_id) || rows.begun(order_id)?.is_some())
    }

    /// Opens the page of an order that was begun.
    fn open(&self, rows: &Rows, order_id: &str) -> Result<(), Problem> {
        if self.is_open(order_id) {
            return Ok(());
        }
        let stored = rows.assignment(order_id)?;
        let (engine, order) = stored.ok_or_else(|| Problem::not_found("order"))?;
        let page = Page {
            written: Some(Written::of(&engine)),
            was_read: true,
            to_resume: true,
            ..Page::new(engine, order)
        };
        self.put(page);
        Ok(())
    }

    /// Begins a page, where there is none.
    pub fn begin(&self, rows: &Rows, order: OrderFacts, plan: &Plan) -> Result<(), Problem> {
        if !self.has(rows, &order.order_id)? {
            let now = clock::now_ms();
            let engine = Assignment::new(&order.order_id, plan.settings.clone(), now);
            self.put(Page::new(engine, order));
        }
        Ok(())
    }

    fn put(&self, page: Page) {
        let mut pages = self.pages.borrow_mut();
        if pages.len() >= PAGES_MAX {
            pages.retain(|_, page| !page.is_idle());
        }
        pages.insert(page.engine.order_id.clone(), page);
    }

    /// Looks at a page, or notes what is no part of its state.
    pub fn with<T>(
        &self,
        rows: &Rows,
        order_id: &str,
        look: impl FnOnce(&mut Page) -> T,
    ) -> Result<T, Problem> {
        self.open(rows, order_id)?;
        let mut pages = self.pages.borrow_mut();
        let page = pages.get_mut(order_id);
        page.map(look).ok_or_else(|| Problem::not_found("order"))
    }

    /// Changes a page, in memory alone. It is written by [`Book::write`].
    pub fn change(
        &self,
        rows: &Rows,
        order_id: &str,
        change: Change<'_>,
    ) -> Result<Decided, Problem> {
        let now = clock::now_ms();
        self.with(rows, order_id, |page| {
            let mut effects = Vec::new();
            if std::mem::take(&mut page.to_resume) {
                effects = page.engine.resume(now);
            }
            let (refused, more, is_new) = match change {
                Change::Command(command) => {
                    // These change when somebody has to look, if nothing else.
                    let is_new = matches!(command, Command::Due | Command::Place { .. });
                    match page.engine.apply(command, now) {
                        Ok(more) => (None, more, is_new),
                        Err(refused) => (Some(refused), page.engine.left_over(), is_new),
                    }
                }
                Change::Commands(commands) => {
                    let mut all = Vec::new();
                    for command in commands {
                        // One that is over meanwhile is refused, which is as good.
                        all.extend(match page.engine.apply(command, now) {
                            Ok(more) => more,
                            Err(_) => page.engine.left_over(),
                        });
                    }
                    (None, all, false)
                }
                Change::Done(ids) => {
                    let ids = ids.iter().map(String::as_str).collect();
                    (None, page.engine.all_done(&ids, now), true)
                }
                Change::Look => (None, Vec::new(), true),
            };
            effects.extend(more);
            // What has no effect has changed nothing but the clock.
            let has_effect = |effect: &Effect| !matches!(effect, Effect::WakeAt { .. });
            page.is_ahead |= is_new || effects.iter().any(has_effect);
            Decided {
                refused,
                effects,
                is_ahead: page.is_ahead,
            }
        })
    }

    /// The earliest time that was written since this was asked last. The alarm is to be
    /// set in the stretch of the write.
    pub fn wake_ms(&self) -> Option<i64> {
        self.wake_ms.take()
    }

    /// How long commands gather for the next write: the longer, the more the last one
    /// wrote, so that writing a large state takes a part of the time and not all of it.
    pub fn gather_ms(&self) -> i64 {
        let more = self.wrote.get().checked_div(BYTES_A_MS).unwrap_or_default();
        i64::try_from(more.saturating_add(1)).unwrap_or(1)
    }

    /// Writes what is ahead of its row, in one stretch, and tells those who wait.
    pub fn write(&self, rows: &Rows, plan: &Plan) -> Result<(), Problem> {
        self.wrote.set(0);
        let mut pages = self.pages.borrow_mut();
        let mut lost = Vec::new();
        let mut outcome = Ok(());
        for (order_id, page) in pages.iter_mut().filter(|(_, page)| page.is_ahead) {
            page.is_ahead = false;
            let wake_ms = page.wake_ms(plan.unseen_ms);
            let earliest = self.wake_ms.get().into_iter().chain(wake_ms).min();
            self.wake_ms.set(earliest);
            let offers = page.changed_offers();
            let is_new_round = page.is_new_round();
            let order = page.written.is_none().then(|| Rc::clone(&page.order));
            let order = order.as_deref();
            match rows.write_assignment(&mut page.engine, order, &offers, is_new_round, wake_ms) {
                Ok(bytes) => {
                    page.written = Some(Written::of(&page.engine));
                    self.wrote.set(self.wrote.get().saturating_add(bytes));
                }
                Err(problem) => {
                    lost.push(order_id.clone());
                    outcome = Err(problem);
                }
            }
            page.waiting.drain(..).for_each(|waiting| {
                let _ = waiting.send(());
            });
        }
        for order_id in lost {
            pages.remove(&order_id);
        }
        outcome
    }
}

/// What is to become of a page.
pub enum Change<'a> {
    Command(Command),
    Commands(Vec<Command>),
    /// These effects are done.
    Done(&'a [String]),
    /// Nothing; but when somebody has to look at it is to be written anew.
    Look,
}
