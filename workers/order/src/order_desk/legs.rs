//! The legs of a placement: what is asked of the stock shards, and of the buyer's credit
//! line, and how their answers are understood. An answer that did not come is no answer: its outcome
//! is unknown, and the rules in `domain::placement` decide what follows.

use std::collections::BTreeSet;
use std::rc::Rc;

use contract::Problem;
use contract::order::OrderContent;
use contract::payment::{Credit, PAYMENT_SERVICE, SetCredit};
use contract::stock::{STOCK_DESK, SettleOrders, StockCommand, desk_name};
use domain::lifecycle::Life;
use domain::placement::{CREDIT, Cause, Event, Placement};
use domain::plan::{Allocation, Shortage};
use domain::stock::{Answer, DeductLine, Op, Place, RestoreLine};
use edge::call::{To, call};
use edge::{CallError, Scope, telemetry};

use super::Desk;
use super::rows::OrderRow;

/// The key under which a failed placement gives its stock back.
const UNDO: &str = "undo";

/// A placement that is being worked on.
pub(super) struct Work {
    pub scope: Scope,
    pub life: Life,
    pub content: OrderContent,
    pub number: String,
    pub created_ms: i64,
    pub placement: Placement,
    pub wait_until_ms: i64,
    /// Deductions look for their own holds first.
    pub repeat: bool,
    /// Shards that wait to hear the order's end.
    pub to_settle: BTreeSet<u16>,
}

impl Work {
    /// One that was journaled before, and goes on from there.
    pub fn again(scope: Scope, row: &OrderRow, placement: Placement) -> Result<Self, Problem> {
        Ok(Self {
            scope,
            life: Life::placed(row.method(), row.standing().mode),
            content: row.content()?,
            number: row.number.clone().unwrap_or_default(),
            created_ms: row.created_ms,
            placement,
            wait_until_ms: 0,
            repeat: true,
            to_settle: BTreeSet::new(),
        })
    }

    pub fn order_id(&self) -> &str {
        &self.content.order_id
    }

    fn of_shard(&self, shard: u16) -> impl Iterator<Item = &Allocation> {
        self.content
            .allocations
            .iter()
            .filter(move |allocation| allocation.shard == shard)
    }
}

impl Desk {
    /// What came of it, and whether the shard waits to hear the order's end.
    pub(super) async fn deduct(&self, work: &Work, shard: u16, last: bool) -> (Event, bool) {
        if shard == CREDIT {
            return (self.reserve_credit(work).await, false);
        }
        let lines = work
            .of_shard(shard)
            .map(|allocation| DeductLine {
                place: place_of(allocation),
                quantity: allocation.quantity,
                expected_stock: None,
            })
            .collect();
        let op = Op::Deduct {
            order_id: work.order_id().to_owned(),
            lines,
            settled: last,
            wait_until_ms: work.wait_until_ms,
            repeat: work.repeat,
        };
        let cause = match self.stock(work, shard, op).await {
            Ok(Answer::Held { rows }) => {
                let awaited = work.repeat || rows.iter().any(|row| row.in_flight > 0);
                return (Event::Held { shard }, awaited && !last);
            }
            Ok(Answer::Short { lines }) => Cause::Short {
                lines: lines
                    .into_iter()
                    .map(|fact| Shortage {
                        sku: fact.place.sku,
                        requested: fact.requested,
                        available: fact.available,
                    })
                    .collect(),
            },
            // A row that is gone is as good as an empty one.
            Ok(Answer::Missing { places }) => Cause::Short {
                lines: places
                    .into_iter()
                    .map(|place| Shortage {
                        requested: quantity_at(work, &place),
                        sku: place.sku,
                        available: 0,
                    })
                    .collect(),
            },
            Ok(Answer::Closed) => Cause::Closed,
            _ => return (Event::Lost { shard }, false),
        };
        (Event::Refused { shard, cause }, false)
    }

    pub(super) async fn release(&self, work: &Work, shard: u16) -> Event {
        if shard == CREDIT {
            return self.release_credit(work).await;
        }
        telemetry::count("rollbacks", &[("shard", &shard.to_string())], 1);
        let lines = work
            .of_shard(shard)
            .map(|allocation| RestoreLine {
                place: place_of(allocation),
                quantity: None,
            })
            .collect();
        let op = Op::Restore {
            order_id: work.order_id().to_owned(),
            lines,
            key: UNDO.into(),
        };
        match self.stock(work, shard, op).await {
            Ok(Answer::Done { .. }) => Event::Released { shard },
            _ => Event::Lost { shard },
        }
    }

    /// Sets the total aside from the buyer's credit line. A repeat finds its own.
    async fn reserve_credit(&self, work: &Work) -> Event {
        let total = work.content.totals.total_minor;
        match self.credit(work, total, 1).await {
            Ok(credit) if credit.reserved_minor >= total => Event::Held { shard: CREDIT },
            Ok(_) => Event::Refused {
                shard: CREDIT,
                cause: Cause::NoCredit,
            },
            Err(_) => Event::Lost { shard: CREDIT },
        }
    }

    /// Under the last version there is, so that a copy of the question that comes late
    /// finds the door shut.
    async fn release_credit(&self, work: &Work) -> Event {
        match self.credit(work, 0, u32::MAX).await {
            Ok(_) => Event::Released { shard: CREDIT },
            Err(_) => Event::Lost { shard: CREDIT },
        }
    }

    async fn credit(
        &self,
        work: &Work,
        reserved_minor: i64,
        version: u32,
    ) -> Result<Credit, CallError> {
        let set = SetCredit {
            order_id: work.order_id().to_owned(),
            customer_id: work.content.customer_id.clone(),
            reserved_minor,
            used_minor: 0,
            version,
        };
        call(&self.env, &work.scope, To::Service(PAYMENT_SERVICE), set).await
    }

    async fn stock(&self, work: &Work, shard: u16, op: Op) -> Result<Answer, CallError> {
        let name = desk_name(shard);
        let to = To::Object(STOCK_DESK, &name);
        call(&self.env, &work.scope, to, StockCommand { shard, op }).await
    }

    /// Tells a shard, after the reply, that nobody need wait for this order. Best
    /// effort: a shard that is not told waits a bounded time.
    pub(super) fn settle(self: &Rc<Self>, work: &Work, shard: u16) {
        let (desk, scope) = (Rc::clone(self), work.scope.clone());
        let order_ids = vec![work.order_id().to_owned()];
        self.background(async move {
            let name = desk_name(shard);
            let command = SettleOrders { shard, order_ids };
            let told = call(&desk.env, &scope, To::Object(STOCK_DESK, &name), command).await;
            if told.is_err() {
                telemetry::warn("settle_not_told", &[("shard", &shard.to_string())]);
            }
        });
    }
}

fn place_of(allocation: &Allocation) -> Place {
    Place {
        warehouse_id: allocation.warehouse_id.clone(),
        sku: allocation.sku.clone(),
    }
}

fn quantity_at(work: &Work, place: &Place) -> i64 {
    work.content
        .allocations
        .iter()
        .find(|allocation| place_of(allocation) == *place)
        .map_or(0, |allocation| allocation.quantity)
}
