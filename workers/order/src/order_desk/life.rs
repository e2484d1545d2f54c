//! Orders along their lifecycle, and what that asks of others.
//!
//! A change, its history and its chores are written in one stretch; the chores
//! are done at once where possible and by the alarm otherwise. Safe to repeat: stock
//! moves under keys that count once, and whoever is told of an order knows its version.

use std::rc::Rc;

use contract::order::OrderView;
use contract::stock::{STOCK_DESK, StockCommand, desk_name};
use contract::{Actor, Problem, Role, code};
use domain::lifecycle::{By, Illegal, Method, PaymentStatus, Status};
use domain::placement::backoff_ms;
use domain::stock::{Answer, Op, Place, RestoreLine};
use edge::call::{To, call};
use edge::{Scope, clock, faults, http, telemetry};
use futures::join;

use super::money::due_of;
use super::rows::{ChoreRow, OrderRow, Step, kind};
use super::tracking::expect;
use super::{Desk, system};

/// As whom somebody moves an order. Whose order it is, and who has it, was looked at before.
pub(super) fn by_of(actor: &Actor) -> By {
    match actor.role {
        Role::Customer => By::Customer,
        Role::Vendor => By::Vendor,
        Role::Driver => By::Driver,
        Role::Admin | Role::Service => By::Staff,
    }
}

/// What is asked of an order.
pub(super) struct Change {
    pub to: Status,
    pub reason: Option<String>,
    pub tracking_number: Option<String>,
    pub carrier: Option<String>,
}

/// Somebody wants an order to go somewhere.
pub(super) struct Wanted<'a> {
    pub to: Status,
    pub by: By,
    pub actor: &'a Actor,
    pub reason: Option<&'a str>,
    pub tracking_number: Option<&'a str>,
    pub carrier: Option<&'a str>,
}

impl Desk {
    pub(super) async fn move_order(
        self: &Rc<Self>,
        scope: &Scope,
        order: &str,
        actor: &Actor,
        change: &Change,
    ) -> Result<OrderView, Problem> {
        let row = self.order_for(scope, order, actor).await?;
        faults::before(scope, "order.edge")?;
        let wanted = Wanted {
            to: change.to,
            by: by_of(actor),
            actor,
            reason: change.reason.as_deref(),
            tracking_number: change.tracking_number.as_deref(),
            carrier: change.carrier.as_deref(),
        };
        self.take_edge(scope, &row, &wanted)?;
        self.follow(scope, &row.order_id).await?;
        self.view(scope, row, actor).await
    }

    /// What comes of a change that was just written: everybody hears of it, and what it
    /// asks of others is done.
    pub(super) async fn follow(
        self: &Rc<Self>,
        scope: &Scope,
        order_id: &str,
    ) -> Result<(), Problem> {
        self.wake_by(clock::now_ms().saturating_add(self.recover_after_ms))
            .await
            .map_err(http::internal)?;
        // Others may carry what follows, and do not wait for our writes (M4).
        self.state.storage().sync().await.map_err(http::internal)?;
        self.project_order(order_id)?;
        self.announce_order(order_id)?;
        faults::written(&self.state, scope, "order.edge").await?;
        if let Some(row) = self.rows.order(order_id)? {
            self.do_chores(scope, &row).await;
        }
        Ok(())
    }

    /// One edge, its history and its chores, in one atomic stretch.
    /// To where the order already is by the same way is no error: a repeat gets the answer.
    pub(super) fn take_edge(
        &self,
        scope: &Scope,
        row: &OrderRow,
        wanted: &Wanted<'_>,
    ) -> Result<(), Problem> {
        let life = row.life();
        if life.status == wanted.to {
            return Ok(());
        }
        let (next, mut chores) = life
            .step(wanted.to, wanted.by)
            .map_err(|illegal| illegal_step(life.status, wanted.to, &illegal))?;
        let by = wanted.actor.tag();
        let mut standing = row.standing();
        if let Some(carrier) = wanted.carrier {
            standing.carrier = Some(carrier.to_owned());
        }
        if next.payment == PaymentStatus::Paid && life.payment != next.payment {
            chores.money = standing.is_paying || next.method == Method::Credit;
            // Nobody else counts what people take.
            if next.method != Method::Credit {
                standing.captured_minor = due_of(row)?;
                standing.paid_by_hand = true;
            }
        }
        let mut step = Step {
            life: next,
            standing,
            chores,
            by: &by,
            reason: wanted.reason,
            tracking_number: wanted.tracking_number,
            at_ms: clock::now_ms(),
        };
        expect(&mut step, None);
        self.take(scope, row, &step)
    }

    /// Writes a change.
    pub(super) fn take(
        &self,
        scope: &Scope,
        row: &OrderRow,
        step: &Step<'_>,
    ) -> Result<(), Problem> {
        self.rows.take(row, step)?;
        self.hail_along(row, step)?;
        let to = step.life.status.name();
        telemetry::count("order_edges", &[("to", to)], 1);
        telemetry::info(
            "order_moved",
            &[
                ("order_id", &row.order_id),
                ("trace_id", &scope.trace),
                ("to", to),
                ("payment", step.life.payment.name()),
                ("by", step.by),
            ],
        );
        Ok(())
    }

    pub(super) async fn do_chores(self: &Rc<Self>, scope: &Scope, row: &OrderRow) {
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

    /// Others hear of a change while stock moves: neither waits for the other.
    async fn try_chores(self: &Rc<Self>, scope: &Scope, row: &OrderRow) -> Result<(), Problem> {
        let chores = self.rows.chores_of(&row.order_id)?;
        let (stock, others): (Vec<ChoreRow>, Vec<ChoreRow>) = chores
            .into_iter()
            .partition(|chore| kind::is_stock(&chore.kind));
        let (told, moved) = join!(
            self.do_each(scope, row, others),
            self.do_each(scope, row, stock)
        );
        told.and(moved)
    }

    async fn do_each(
        self: &Rc<Self>,
        scope: &Scope,
        row: &OrderRow,
        chores: Vec<ChoreRow>,
    ) -> Result<(), Problem> {
        let mut waiting = std::collections::BTreeSet::new();
        for chore in chores {
            // Stock moves in order: what an amendment gives back goes before the rest.
            if kind::is_stock(&chore.kind) && waiting.contains(&chore.shard) {
                continue;
            }
            let order_id = row.order_id.as_str();
            // One is made of others, which would make the type of this of itself.
            let is_done = match chore.kind.as_str() {
                kind::START_OFFERS => Box::pin(self.start_offers(scope, order_id)).await?,
                kind::END_OFFERS => self.end_offers(scope, order_id).await?,
                kind::MONEY => Box::pin(self.settle_money(scope, order_id)).await?,
                kind::REOPEN_CART => self.reopen_cart(scope, row).await?,
                kind::END_ERRAND => self.end_errands(scope, order_id).await?,
                kind::HAIL => {
                    // It is done again by its own clock, which is no failure.
                    if let Some(due) = self.send_wish(scope, row).await? {
                        self.rows.chore_again(&chore, due)?;
                        self.wake_by(due).await.map_err(http::internal)?;
                        continue;
                    }
                    true
                }
                _ => self.move_stock(scope, row, &chore).await?,
            };
            if is_done {
                self.rows.chore_done(&chore)?;
                continue;
            }
            waiting.insert(chore.shard);
            let attempts = chore.attempts.saturating_add(1);
            let due = clock::now_ms().saturating_add(backoff_ms(attempts));
            self.rows.chore_again(&chore, due)?;
            self.wake_by(due).await.map_err(http::internal)?;
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
        let op = if chore.kind.starts_with(kind::AMEND) {
            let Some(op) = self.amend_op(chore)? else {
                return Ok(true);
            };
            op
        } else {
            op_of(chore, places)
        };
        let command = StockCommand {
            shard: chore.shard,
            op,
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
            let expired = Wanted {
                to: Status::Cancelled,
                by: By::House,
                actor: &system(),
                reason: Some("not paid in time"),
                tracking_number: None,
                carrier: None,
            };
            let scope = super::no_scope();
            let taken = self.take_edge(&scope, &row, &expired);
            let done = match taken {
                Ok(()) => self.follow(&scope, &row.order_id).await,
                Err(problem) => Err(problem),
            };
            if let Err(problem) = done {
                telemetry::error("expire_failed", &[("reason", &problem.detail)]);
            }
        }
    }
}

/// Names where it could go instead.
pub(super) fn illegal_step(from: Status, to: Status, illegal: &Illegal) -> Problem {
    let names: Vec<&str> = illegal.legal.iter().map(|status| status.name()).collect();
    let detail = format!(
        "an order that is {} cannot become {}",
        from.name(),
        to.name()
    );
    Problem::new(code::ILLEGAL_TRANSITION, detail)
        .with("order_status", from)
        .with("legal", names)
}

fn op_of(chore: &ChoreRow, places: Vec<Place>) -> Op {
    let (order_id, key) = (chore.order_id.clone(), chore.kind.clone());
    let is_ship = chore.kind == kind::SHIP;
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
