//! Orders along their lifecycle, and what that asks of the stock and of their offers.
//!
//! A change, its history and its chores are written in one stretch; the chores
//! are done at once where possible and by the alarm otherwise, each under a key
//! that counts once, so that stock goes back, or out, exactly once.

use std::rc::Rc;

use contract::order::{MoveOrder, OrderView};
use contract::stock::{STOCK_DESK, StockCommand, desk_name};
use contract::{Problem, code};
use domain::assignment::is_end;
use domain::lifecycle::{Status, StockChore};
use domain::placement::backoff_ms;
use domain::stock::{Answer, Op, Place, RestoreLine};
use edge::call::{To, call};
use edge::{Scope, clock, faults, telemetry};
use futures::join;

use super::offering::END_OFFERS;
use super::rows::{ChoreRow, OrderRow};
use super::{Desk, broken, system};

impl Desk {
    pub(super) async fn move_order(
        self: &Rc<Self>,
        scope: Scope,
        change: &MoveOrder,
    ) -> Result<OrderView, Problem> {
        let row = self.order_for(&scope, &change.order, &change.actor).await?;
        faults::before(&scope, "order.edge")?;
        self.take_edge(&scope, &row, change)?;
        self.wake_by(clock::now_ms().saturating_add(self.recover_after_ms))
            .await
            .map_err(broken)?;
        // Others may carry what follows, and do not wait for our writes (M4).
        self.state.storage().sync().await.map_err(broken)?;
        self.project_order(&row.order_id)?;
        self.announce_order(&row.order_id)?;
        faults::written(&self.state, &scope, "order.edge").await?;
        self.do_chores(&scope, &row).await;
        self.view(&scope, row).await
    }

    /// One edge, its history and its chores, in one atomic stretch.
    /// To where the order already is by the same way is no error: a repeat gets the answer.
    fn take_edge(&self, scope: &Scope, row: &OrderRow, change: &MoveOrder) -> Result<(), Problem> {
        let life = row.life();
        if life.status == change.to {
            return Ok(());
        }
        let (next, chore) = life.step(change.to).map_err(|legal| {
            let names: Vec<&str> = legal.iter().map(|status| status.name()).collect();
            let detail = format!(
                "an order that is {} cannot become {}",
                life.status.name(),
                change.to.name()
            );
            Problem::new(code::ILLEGAL_TRANSITION, detail)
                .with("order_status", life.status)
                .with("legal", names)
        })?;
        let now = clock::now_ms();
        let (order_id, by) = (row.order_id.as_str(), change.actor.tag());
        let shards: std::collections::BTreeSet<u16> = row
            .content()?
            .allocations
            .iter()
            .map(|allocation| allocation.shard)
            .collect();
        self.rows
            .set_life(order_id, next, change.tracking_number.as_deref(), now)?;
        self.rows.add_history(
            order_id,
            next.version,
            Some(life.status),
            next.status,
            &by,
            change.reason.as_deref(),
            now,
        )?;
        if let Some(chore) = chore {
            for shard in shards {
                self.rows.add_chore(order_id, shard, kind_of(chore), now)?;
            }
        }
        if is_end(next.status) && self.rows.is_offered(order_id)? {
            self.rows.add_chore(order_id, 0, END_OFFERS, now)?;
        }
        telemetry::count("order_edges", &[("to", next.status.name())], 1);
        telemetry::info(
            "order_moved",
            &[
                ("order_id", order_id),
                ("trace_id", &scope.trace),
                ("to", next.status.name()),
                ("by", &by),
            ],
        );
        Ok(())
    }

    async fn do_chores(self: &Rc<Self>, scope: &Scope, row: &OrderRow) {
        let fresh = self
            .chores_running
            .borrow_mut()
            .insert(row.order_id.clone());
        if !fresh {
            return;
        }
        if let Err(problem) = self.try_chores(scope, row).await {
            telemetry::error("chores_failed", &[("reason", &problem.detail)]);
        }
        self.chores_running.borrow_mut().remove(&row.order_id);
    }

    /// Vendors hear of an end while stock goes back: neither waits for the other.
    async fn try_chores(&self, scope: &Scope, row: &OrderRow) -> Result<(), Problem> {
        let chores = self.rows.chores_of(&row.order_id)?;
        let (ends, stock): (Vec<ChoreRow>, Vec<ChoreRow>) = chores
            .into_iter()
            .partition(|chore| chore.kind == END_OFFERS);
        let (ended, moved) = join!(
            self.do_each(scope, row, ends),
            self.do_each(scope, row, stock)
        );
        ended.and(moved)
    }

    async fn do_each(
        &self,
        scope: &Scope,
        row: &OrderRow,
        chores: Vec<ChoreRow>,
    ) -> Result<(), Problem> {
        for chore in chores {
            let is_done = if chore.kind == END_OFFERS {
                self.end_offers(scope, &row.order_id).await?
            } else {
                self.move_stock(scope, row, &chore).await?
            };
            if is_done {
                self.rows.chore_done(&chore)?;
                continue;
            }
            let attempts = chore.attempts.saturating_add(1);
            let due = clock::now_ms().saturating_add(backoff_ms(attempts));
            self.rows.chore_again(&chore, due)?;
            self.wake_by(due).await.map_err(broken)?;
            telemetry::error(
                "chore_not_done",
                &[("order_id", &chore.order_id), ("kind", &chore.kind)],
            );
        }
        Ok(())
    }

    async fn move_stock(
        &self,
        scope: &Scope,
        row: &OrderRow,
        chore: &ChoreRow,
    ) -> Result<bool, Problem> {
        let allocations = row.content()?.allocations;
        let places: Vec<Place> = allocations
            .iter()
            .filter(|allocation| allocation.shard == chore.shard)
            .map(|allocation| Place {
                warehouse_id: allocation.warehouse_id.clone(),
                sku: allocation.sku.clone(),
            })
            .collect();
        let command = StockCommand {
            shard: chore.shard,
            op: op_of(chore, places),
        };
        let name = desk_name(chore.shard);
        let answer = call(&self.env, scope, To::Object(STOCK_DESK, &name), command).await;
        Ok(matches!(answer, Ok(Answer::Done { .. })))
    }

    /// Chores that are due: what a crash or a failure left.
    pub(super) async fn finish_chores(self: &Rc<Self>, now: i64) {
        for order_id in self.rows.chores_due(now).unwrap_or_default() {
            if let Ok(Some(row)) = self.rows.order(&order_id) {
                self.do_chores(&super::no_scope(), &row).await;
            }
        }
    }

    /// An order lives unpaid for a stated time; then its stock goes back.
    pub(super) async fn expire_unpaid(self: &Rc<Self>, now: i64) {
        for row in self.rows.unpaid(now).unwrap_or_default() {
            let change = MoveOrder {
                order: row.order_id.clone(),
                actor: system(),
                to: Status::Cancelled,
                reason: Some("not paid in time".into()),
                tracking_number: None,
            };
            if let Err(problem) = self.move_order(super::no_scope(), &change).await {
                telemetry::error("expire_failed", &[("reason", &problem.detail)]);
            }
        }
    }
}

fn op_of(chore: &ChoreRow, places: Vec<Place>) -> Op {
    let (order_id, key) = (chore.order_id.clone(), chore.kind.clone());
    let is_ship = chore.kind == kind_of(StockChore::Ship);
    if is_ship {
        return Op::Ship {
            order_id,
            lines: places,
            key,
        };
    }
    let lines = places
        .into_iter()
        .map(|place| RestoreLine {
            place,
            quantity: None,
        })
        .collect();
    Op::Restore {
        order_id,
        lines,
        key,
    }
}

fn kind_of(chore: StockChore) -> &'static str {
    match chore {
        StockChore::Release => "release",
        StockChore::Ship => "ship",
    }
}
