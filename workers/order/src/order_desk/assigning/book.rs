//! The assignments of a desk: in memory while something is going on, and written before
//! anybody is answered or anything is done.
//!
//! What must hold: what is told or done of a page is written. Commands that come at the
//! same time share a write, so a page may be ahead of its row for a moment, and whoever
//! reads it for an answer writes it first. A page whose write failed leaves memory, so
//! the next command reads what is written. An order's offers are rows of their own and are
//! written when their revision changes.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use contract::Problem;
use domain::assignment::{Assignment, Command, Effect, Offer};
use domain::geo::Point;
use edge::clock;
use futures::channel::oneshot;

use super::super::rows::{OfferRow, OrderRow, Rows};
use super::Decided;
use super::settings::Plan;

/// Pages in memory. Those with nothing to do go first.
const PAGES_MAX: usize = 1_000;

/// Half of what is written in a millisecond.
const BYTES_A_MS: usize = 50_000;

/// What others are told of an order.
pub struct Facts {
    pub order_id: String,
    pub number: String,
    pub customer_id: String,
    pub total_minor: i64,
    pub currency: String,
    pub items: i64,
    pub address: String,
    pub at: Point,
}

impl Facts {
    fn of(row: &OrderRow) -> Result<Self, Problem> {
        let content = row.content()?;
        let address = &content.address;
        let items = content
            .lines
            .iter()
            .fold(0_i64, |sum, line| sum.saturating_add(line.quantity));
        let parts = [
            Some(address.line1.as_str()),
            address.line2.as_deref(),
            Some(&address.postal_code),
            Some(&address.city),
        ];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        Ok(Self {
            order_id: row.order_id.clone(),
            number: row.number.clone().unwrap_or_default(),
            customer_id: row.customer_id.clone(),
            total_minor: content.totals.total_minor,
            items,
            at: address.point(),
            address: parts.join(", "),
            currency: content.currency,
        })
    }
}

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

/// One order's assignment.
pub struct Page {
    pub engine: Assignment,
    pub order: Rc<Facts>,
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
    /// It is ahead of its row.
    is_ahead: bool,
    /// The revisions of offers as they are written.
    written: BTreeMap<(u32, String), u32>,
}

impl Page {
    fn changed_offers(&self) -> Vec<OfferRow> {
        let is_new = |offer: &&Offer| {
            let key = (offer.tag.batch, offer.vendor_id.clone());
            self.written.get(&key) != Some(&offer.revision)
        };
        let offers = self.engine.offers.iter().filter(is_new);
        offers.map(OfferRow::of).collect()
    }

    /// Offers of earlier rounds are history, which the database has.
    fn gone_offers(&mut self) -> bool {
        let here: BTreeSet<(u32, &str)> = self
            .engine
            .offers
            .iter()
            .map(|offer| (offer.tag.batch, offer.vendor_id.as_str()))
            .collect();
        let before = self.written.len();
        self.written
            .retain(|(batch, vendor), _| here.contains(&(*batch, vendor.as_str())));
        self.written.len() < before
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

    /// Whether the order was ever offered to anybody.
    pub fn has(&self, rows: &Rows, order_id: &str) -> Result<bool, Problem> {
        Ok(self.is_open(order_id) || rows.has_assignment(order_id)?)
    }

    /// Opens the page of an order, a new one where there is none.
    fn open(&self, rows: &Rows, order_id: &str, plan: &Plan) -> Result<(), Problem> {
        if self.is_open(order_id) {
            return Ok(());
        }
        let row = rows.order(order_id)?.filter(OrderRow::is_order);
        let row = row.ok_or_else(|| Problem::not_found("order"))?;
        let stored = rows.assignment(order_id)?;
        let was_read = stored.is_some();
        let engine = stored
            .unwrap_or_else(|| Assignment::new(order_id, plan.settings.clone(), clock::now_ms()));
        let written = engine
            .offers
            .iter()
            .map(|offer| ((offer.tag.batch, offer.vendor_id.clone()), offer.revision));
        let page = Page {
            written: written.collect(),
            engine,
            order: Rc::new(Facts::of(&row)?),
            waiting: Vec::new(),
            alerted: BTreeMap::new(),
            was_read,
            to_resume: was_read,
            is_ahead: false,
            asking_until_ms: 0,
        };
        let mut pages = self.pages.borrow_mut();
        if pages.len() >= PAGES_MAX {
            pages.retain(|_, page| !page.is_idle());
        }
        pages.insert(order_id.to_owned(), page);
        Ok(())
    }

    /// Looks at a page, or notes what is no part of its state.
    pub fn with<T>(
        &self,
        rows: &Rows,
        order_id: &str,
        plan: &Plan,
        look: impl FnOnce(&mut Page) -> T,
    ) -> Result<T, Problem> {
        self.open(rows, order_id, plan)?;
        let mut pages = self.pages.borrow_mut();
        let page = pages.get_mut(order_id);
        page.map(look).ok_or_else(|| Problem::not_found("order"))
    }

    /// Changes a page, in memory alone. It is written by [`Book::write`].
    pub(super) fn change(
        &self,
        rows: &Rows,
        order_id: &str,
        plan: &Plan,
        change: Change<'_>,
    ) -> Result<Decided, Problem> {
        let now = clock::now_ms();
        self.with(rows, order_id, plan, |page| {
            let mut effects = Vec::new();
            if std::mem::take(&mut page.to_resume) {
                effects = page.engine.resume(now);
            }
            let (refused, more, is_new) = match change {
                Change::Command(command) => match page.engine.apply(command, now) {
                    Ok(more) => (None, more, false),
                    Err(refused) => (Some(refused), page.engine.left_over(), false),
                },
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
    pub(super) fn write(&self, rows: &Rows, plan: &Plan) -> Result<(), Problem> {
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
            let some_gone = page.gone_offers();
            match rows.write_assignment(&mut page.engine, &offers, some_gone, wake_ms) {
                Ok(bytes) => {
                    self.wrote.set(self.wrote.get().saturating_add(bytes));
                    for row in offers {
                        page.written
                            .insert((row.batch, row.vendor_id), row.revision);
                    }
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
