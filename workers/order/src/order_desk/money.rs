//! What the order desk has to do with money: it says what is due, and hears what was taken.
//!
//! What must hold (P1): whoever takes the money by card asks what is due, and the order is
//! marked before it answers; a change of what is due behind the mark is told, as a chore that
//! was written with it. So no money is kept for an order that is over: either the mark comes
//! first, and the end is told, or the end does, and nothing is due. Credit needs no mark: it
//! was set aside before the order came to stand. Safe to repeat: what is due, and how the
//! money stands, come with versions, and the older of two says nothing.

use std::rc::Rc;

use contract::cart::{CART_DESK, ReopenCart};
use contract::order::{AskPayable, PayFacts, Payable};
use contract::payment::{PAYMENT_DESK, PAYMENT_SERVICE, SayDue, SetCredit, payment_desk_name};
use contract::{Empty, Problem};
use domain::ids::{desk_of_uuid, shard_of};
use domain::lifecycle::{By, Chores, Life, Method, PaymentStatus, Status};
use domain::payment::Told;
use edge::call::{To, call};
use edge::{Scope, clock, telemetry};

use super::rows::{OrderRow, Standing, Step};
use super::{Desk, system};

/// What has to be paid for an order as it is.
pub(super) fn due_of(row: &OrderRow) -> Result<i64, Problem> {
    if row.life().status == Status::Cancelled {
        return Ok(0);
    }
    match row.standing().due_minor {
        Some(due) => Ok(due),
        None => Ok(row.content()?.totals.total_minor),
    }
}

impl Desk {
    pub(super) async fn payable(
        self: &Rc<Self>,
        scope: &Scope,
        ask: &AskPayable,
    ) -> Result<Payable, Problem> {
        let row = self.order_for(scope, &ask.order, &ask.viewer).await?;
        let life = row.life();
        if !life.awaits_payment() {
            return Ok(Payable::No {
                status: life.status,
                payment_status: life.payment,
            });
        }
        let mut standing = row.standing();
        if !standing.is_paying {
            standing.is_paying = true;
            self.rows.set_standing(&row.order_id, &standing)?;
        }
        Ok(Payable::Yes(PayFacts {
            due_minor: due_of(&row)?,
            currency: row.content()?.currency,
            number: row.number.clone().unwrap_or_default(),
            customer_id: row.customer_id.clone(),
            version: row.version,
            order_id: row.order_id,
        }))
    }

    /// How the money stands, of those who take it.
    pub(super) async fn money(
        self: &Rc<Self>,
        scope: &Scope,
        order_id: &str,
        told: &Told,
    ) -> Result<Empty, Problem> {
        let Some(row) = self.rows.order(order_id)?.filter(OrderRow::is_order) else {
            return Ok(Empty {});
        };
        if self.take_money(scope, &row, told)? {
            Box::pin(self.follow(scope, order_id)).await?;
        }
        Ok(Empty {})
    }

    /// True when the order has changed. One whose payment was declined is over: its stock
    /// goes back, and its shopper gets the cart back.
    fn take_money(&self, scope: &Scope, row: &OrderRow, told: &Told) -> Result<bool, Problem> {
        let mut standing = row.standing();
        if told.version <= standing.money_version {
            return Ok(false);
        }
        standing.money_version = told.version;
        if standing.paid_by_hand {
            self.rows.set_standing(&row.order_id, &standing)?;
            return Ok(false);
        }
        standing.captured_minor = told.captured_minor;
        standing.refunded_minor = told.refunded_minor;
        let Some((life, chores)) = row.life().paid_so(told.status) else {
            self.rows.set_standing(&row.order_id, &standing)?;
            return Ok(false);
        };
        let by = system().tag();
        let step = Step {
            life,
            standing,
            chores,
            by: &by,
            reason: Some(words(told.status)),
            tracking_number: None,
            at_ms: clock::now_ms(),
        };
        self.take(scope, row, &step)?;
        let declined = told.status == PaymentStatus::Failed && life.status == Status::Pending;
        if let Some(row) = self.rows.order(&row.order_id)?.filter(|_| declined) {
            self.give_up(scope, &row)?;
        }
        Ok(true)
    }

    fn give_up(&self, scope: &Scope, row: &OrderRow) -> Result<(), Problem> {
        let (life, chores) = row
            .life()
            .step(Status::Cancelled, By::House)
            .map_err(|illegal| {
                super::life::illegal_step(row.life().status, Status::Cancelled, &illegal)
            })?;
        let by = system().tag();
        let step = Step {
            life,
            standing: row.standing(),
            chores: Chores {
                cart: true,
                ..chores
            },
            by: &by,
            reason: Some("the payment was declined"),
            tracking_number: None,
            at_ms: clock::now_ms(),
        };
        self.take(scope, row, &step)
    }

    /// True when those who have the money know what is due.
    pub(super) async fn settle_money(
        self: &Rc<Self>,
        scope: &Scope,
        order_id: &str,
    ) -> Result<bool, Problem> {
        let Some(row) = self.rows.order(order_id)? else {
            return Ok(true);
        };
        let told = match row.method() {
            Method::Cod => return Ok(true),
            Method::Card => self.say_due(scope, &row).await?,
            Method::Credit => self.set_credit(scope, &row).await?,
        };
        let Some(told) = told else { return Ok(false) };
        // It may have changed while others were asked.
        if let Some(row) = self.rows.order(order_id)?
            && self.take_money(scope, &row, &told)?
        {
            Box::pin(self.follow(scope, order_id)).await?;
        }
        Ok(true)
    }

    async fn say_due(&self, scope: &Scope, row: &OrderRow) -> Result<Option<Told>, Problem> {
        let say = SayDue {
            order_id: row.order_id.clone(),
            minor: if row.standing().paid_by_hand {
                0
            } else {
                due_of(row)?
            },
            version: row.version,
            currency: row.content()?.currency,
        };
        let name = payment_desk_name(desk_of_uuid(&row.order_id).unwrap_or_default());
        let said = call(&self.env, scope, To::Object(PAYMENT_DESK, &name), say).await;
        Ok(said.ok())
    }

    /// Set aside until somebody works on the order, then taken; nothing of an order that is
    /// over. The order's version makes the last word the last.
    async fn set_credit(&self, scope: &Scope, row: &OrderRow) -> Result<Option<Told>, Problem> {
        let (life, due) = (row.life(), due_of(row)?);
        let is_taken = !matches!(
            life.status,
            Status::Pending | Status::AwaitingAssignment | Status::Failed
        ) || row.standing().captured_minor > 0;
        let set = SetCredit {
            order_id: row.order_id.clone(),
            customer_id: row.customer_id.clone(),
            reserved_minor: if is_taken { 0 } else { due },
            used_minor: if is_taken { due } else { 0 },
            version: row.version,
        };
        let (captured, set_used) = (row.standing().captured_minor, set.used_minor);
        let said = call(&self.env, scope, To::Service(PAYMENT_SERVICE), set).await;
        let Ok(credit) = said else { return Ok(None) };
        if credit.used_minor != set_used {
            telemetry::error("credit_not_set", &[("order_id", &row.order_id)]);
            return Ok(None);
        }
        let captured_minor = captured.max(credit.used_minor);
        let refunded_minor = captured_minor.saturating_sub(credit.used_minor);
        let status = match (captured_minor, refunded_minor) {
            (0, _) if due == 0 => PaymentStatus::Cancelled,
            (0, _) => PaymentStatus::Authorized,
            (_, 0) => PaymentStatus::Paid,
            (all, back) if back < all => PaymentStatus::PartiallyRefunded,
            _ => PaymentStatus::Refunded,
        };
        Ok(Some(Told {
            status,
            captured_minor,
            refunded_minor,
            version: row.version,
        }))
    }

    /// True when the shopper has the cart back, or has moved on.
    pub(super) async fn reopen_cart(&self, scope: &Scope, row: &OrderRow) -> Result<bool, Problem> {
        let content = row.content()?;
        let name = contract::cart::desk_name(shard_of(&content.customer_id, self.cart_desks));
        let reopen = ReopenCart {
            customer_id: content.customer_id,
            cart_id: content.cart_id,
            order_id: content.order_id,
            lines: content
                .lines
                .into_iter()
                .map(|line| domain::plan::Wanted {
                    sku: line.sku,
                    quantity: line.quantity,
                })
                .collect(),
        };
        let said = call(&self.env, scope, To::Object(CART_DESK, &name), reopen).await;
        Ok(said.is_ok())
    }
}

/// What people took they give back, and this says that they did.
pub(super) fn give_back_by_hand(life: &mut Life, standing: &mut Standing, minor: i64) {
    let was_paid = matches!(
        life.payment,
        PaymentStatus::Paid | PaymentStatus::PartiallyRefunded
    );
    if !standing.paid_by_hand || !was_paid || minor == 0 {
        return;
    }
    standing.refunded_minor = standing.refunded_minor.saturating_add(minor);
    let is_all = standing.refunded_minor >= standing.captured_minor;
    life.payment = if is_all {
        PaymentStatus::Refunded
    } else {
        PaymentStatus::PartiallyRefunded
    };
    if is_all && life.status == Status::Delivered {
        life.status = Status::Refunded;
    }
}

fn words(status: PaymentStatus) -> &'static str {
    match status {
        PaymentStatus::Pending => "the payment is awaited",
        PaymentStatus::Authorized => "the money is set aside",
        PaymentStatus::Paid => "the money has come in",
        PaymentStatus::Failed => "the payment was declined",
        PaymentStatus::Cancelled => "nothing will be taken",
        PaymentStatus::PartiallyRefunded => "some of the money has gone back",
        PaymentStatus::Refunded => "the money has gone back",
    }
}
