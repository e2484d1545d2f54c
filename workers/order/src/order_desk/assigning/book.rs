//! The assignments of a desk: in memory while something is going on, written after every
//! command.
//!
//! What must hold: memory and rows say the same. A page whose write failed leaves memory,
//! so the next command reads what is written. An order's offers are rows of their own and
//! are written when their revision changes, so a command costs the same however many
//! vendors were asked.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use contract::Problem;
use domain::assignment::{Assignment, Effect, Offer, Refusal};
use domain::geo::Point;
use edge::clock;
use futures::channel::oneshot;

use super::super::rows::{OfferRow, OrderRow, Rows};
use super::Decided;
use super::settings::Plan;

/// Pages in memory. Those with nothing to do go first.
const PAGES_MAX: usize = 1_000;

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

/// One order's assignment.
pub struct Page {
    pub engine: Assignment,
    pub order: Rc<Facts>,
    /// Who waits for a change.
    pub waiting: Vec<oneshot::Sender<()>>,
    /// Vendors whose devices were rung, by offer; `false` when nobody took the alert.
    pub alerted: BTreeMap<(u32, String), bool>,
    /// It was read after a crash or an eviction, so more may have been done than memory
    /// says.
    pub was_read: bool,
    /// What the crash left is still to be taken up.
    to_resume: bool,
    /// Devices are being asked for, and not looked for again before then.
    pub asking_until_ms: i64,
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
            let twice = if taken == Some(true) { 2 } else { 1 };
            let wait_ms = unseen_ms.saturating_mul(twice);
            let at_ms = offer.made_ms.saturating_add(wait_ms);
            (offer, taken.is_some(), at_ms)
        })
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.engine.wake_at().is_none()
    }
}

#[derive(Default)]
pub struct Book {
    pages: RefCell<BTreeMap<String, Page>>,
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

    pub fn look<T>(
        &self,
        rows: &Rows,
        order_id: &str,
        plan: &Plan,
        look: impl FnOnce(&Assignment) -> T,
    ) -> Result<T, Problem> {
        self.with(rows, order_id, plan, |page| look(&page.engine))
    }

    /// Changes a page and writes it. Whoever waits is told.
    pub(super) fn change(
        &self,
        rows: &Rows,
        order_id: &str,
        plan: &Plan,
        change: impl FnOnce(&mut Assignment, i64) -> Result<Vec<Effect>, Refusal>,
    ) -> Result<Decided, Problem> {
        let now = clock::now_ms();
        let changed = self.with(rows, order_id, plan, |page| {
            let mut effects = Vec::new();
            if std::mem::take(&mut page.to_resume) {
                effects = page.engine.resume(now);
            }
            let refused = match change(&mut page.engine, now) {
                Ok(more) => {
                    effects.extend(more);
                    None
                }
                Err(refused) => {
                    effects.extend(page.engine.left_over());
                    Some(refused)
                }
            };
            let wake_ms = page.wake_ms(plan.unseen_ms);
            let offers = page.changed_offers();
            let some_gone = page.gone_offers();
            rows.write_assignment(&mut page.engine, &offers, some_gone, wake_ms)?;
            for row in offers {
                page.written
                    .insert((row.batch, row.vendor_id), row.revision);
            }
            page.waiting.drain(..).for_each(|waiting| {
                let _ = waiting.send(());
            });
            Ok(Decided {
                refused,
                effects,
                wake_ms,
            })
        })?;
        if changed.is_err() {
            self.pages.borrow_mut().remove(order_id);
        }
        changed
    }
}
