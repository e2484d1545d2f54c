//! Taking something from an order that stands: lines, goods that come back, money.
//!
//! The rules are in `domain::amend`. What must hold: the amendment, what is due since, the
//! history and what stock and money have to do are one write. Safe to repeat: a key answers
//! its own request with the same bytes, stock counts each amendment once by its number, and
//! what goes back follows from what is due, not from how often that was said.

use std::rc::Rc;

use contract::order::AmendedOrder;
use contract::{Actor, Problem, code};
use domain::amend::{Amendment, Line, Units, Wrong};
use domain::lifecycle::{By, Chores, Fulfilment, PaymentStatus, Status};
use domain::stock::{AdjustLine, Op, Place, RestoreLine};
use edge::{Scope, clock, faults, json};

use super::Desk;
use super::life::by_of;
use super::money::{due_of, give_back_by_hand};
use super::rows::{Amending, ChoreRow, OrderRow, Step, kind};

/// What is asked, and by whom. The key is its asker's own, or empty.
pub(super) struct Asked {
    pub actor: Actor,
    pub key: String,
    pub fingerprint: String,
    pub amendment: Amendment,
    pub reason: Option<String>,
}

/// The bytes of an answer, and whether they were sent before.
pub(super) struct AmendReply {
    pub body: String,
    pub replayed: bool,
}

impl Desk {
    pub(super) async fn amend(
        self: &Rc<Self>,
        scope: &Scope,
        order: &str,
        asked: &Asked,
    ) -> Result<AmendReply, Problem> {
        let row = self.order_for(scope, order, &asked.actor).await?;
        faults::before(scope, "order.amend")?;
        if let Some(known) = self.rows.amended_under(&row.order_id, &asked.key)? {
            if known.fingerprint != asked.fingerprint {
                let detail = "this Idempotency-Key came with another request; use a new key";
                return Err(Problem::new(code::KEY_REUSED, detail).of_field("Idempotency-Key"));
            }
            return Ok(AmendReply {
                body: known.answer,
                replayed: true,
            });
        }
        let by = by_of(&asked.actor);
        may_amend(&row, by, &asked.amendment)?;
        let body = self.take_amendment(scope, &row, asked)?;
        self.follow(scope, &row.order_id).await?;
        Ok(AmendReply {
            body,
            replayed: false,
        })
    }

    /// One synchronous stretch: all of it is written, or nothing.
    fn take_amendment(
        &self,
        scope: &Scope,
        row: &OrderRow,
        asked: &Asked,
    ) -> Result<String, Problem> {
        let (content, now) = (row.content()?, clock::now_ms());
        let lines: Vec<Line> = content
            .lines
            .iter()
            .map(|line| Line {
                sku: line.sku.clone(),
                price_minor: line.price_minor,
                quantity: line.quantity,
            })
            .collect();
        let mut standing = row.standing();
        let mut amended = standing.amended.take().unwrap_or_default();
        // Nothing is due for an order that is over, and what people took is still with them.
        let is_over = row.life().status == Status::Cancelled;
        let before = if is_over {
            amended.due(&lines, &content.totals)
        } else {
            due_of(row)?
        };
        let units = amended
            .apply(
                &asked.amendment,
                &lines,
                &content.allocations,
                &content.totals,
            )
            .map_err(wrong)?;
        let due_minor = amended.due(&lines, &content.totals);
        let mut life = row.life();
        life.version = life.version.saturating_add(1);
        if let Amendment::Return { .. } = asked.amendment {
            let all = lines.iter().all(|line| amended.left(line) == 0);
            life.fulfilment = if all {
                Fulfilment::Returned
            } else {
                Fulfilment::PartiallyReturned
            };
        }
        let given_back_minor = before.saturating_sub(due_minor);
        let number = amended.count;
        standing.due_minor = Some(due_minor);
        standing.amended = Some(amended);
        give_back_by_hand(&mut life, &mut standing, given_back_minor);
        let answer = json::text(&AmendedOrder {
            success: true,
            order_id: row.order_id.clone(),
            order_number: row.number.clone().unwrap_or_default(),
            amendment: number,
            version: life.version,
            due_minor: if is_over { 0 } else { due_minor },
            given_back_minor,
            currency: content.currency,
        });
        let (tag, reason) = (asked.actor.tag(), words(&asked.amendment));
        let step = Step {
            life,
            standing,
            chores: Chores {
                money: true,
                ..Chores::default()
            },
            by: &tag,
            reason: Some(asked.reason.as_deref().unwrap_or(reason)),
            tracking_number: None,
            at_ms: now,
        };
        self.take(scope, row, &step)?;
        self.rows.add_amendment(&Amending {
            order_id: &row.order_id,
            number,
            amendment: &asked.amendment,
            units: &units,
            key: &asked.key,
            fingerprint: &asked.fingerprint,
            answer: &answer,
            at_ms: now,
        })?;
        let shards: std::collections::BTreeSet<u16> =
            units.iter().map(|(place, _)| place.shard).collect();
        for shard in shards {
            let what = format!("{}{number}", kind::AMEND);
            self.rows
                .add_chore(&row.order_id, shard, &what, life.version, now)?;
        }
        Ok(answer)
    }

    /// What the stock of a shard is asked for an amendment. None when there is nothing.
    pub(super) fn amend_op(&self, chore: &ChoreRow) -> Result<Option<Op>, Problem> {
        let number = chore
            .kind
            .strip_prefix(kind::AMEND)
            .and_then(|number| number.parse::<u32>().ok())
            .unwrap_or_default();
        let order_id = chore.order_id.clone();
        let Some((amendment, units)) = self.rows.amended_units(&order_id, number)? else {
            return Ok(None);
        };
        let here = units
            .into_iter()
            .filter(|(place, _)| place.shard == chore.shard);
        Ok(Some(op_of(&amendment, here.collect(), order_id, number)))
    }
}

fn op_of(amendment: &Amendment, units: Units, order_id: String, number: u32) -> Op {
    let places = units.into_iter().map(|(place, units)| {
        let at = Place {
            warehouse_id: place.warehouse_id,
            sku: place.sku,
        };
        (at, units)
    });
    if let Amendment::Return { .. } = amendment {
        return Op::Adjust {
            lines: places
                .map(|(place, delta)| AdjustLine { place, delta })
                .collect(),
            reason: format!("returned from {order_id}"),
            key: format!("return:{order_id}:{number}"),
        };
    }
    Op::Restore {
        lines: places
            .map(|(place, units)| RestoreLine {
                place,
                quantity: Some(units),
            })
            .collect(),
        key: format!("amend-{number}"),
        order_id,
    }
}

fn may_amend(row: &OrderRow, by: By, amendment: &Amendment) -> Result<(), Problem> {
    let life = row.life();
    let is_over = life.status == Status::Cancelled;
    let (may, detail) = match amendment {
        Amendment::Cancel { .. } => (
            life.next(Some(by)).contains(&Status::Cancelled),
            "lines can be cancelled as long as the order can",
        ),
        Amendment::Return { .. } => (
            matches!(
                life.status,
                Status::Shipped | Status::Delivered | Status::Refunded
            ),
            "only what has left can come back",
        ),
        Amendment::Refund { .. } => (
            matches!(
                life.payment,
                PaymentStatus::Paid | PaymentStatus::PartiallyRefunded
            ) && (!is_over || row.standing().paid_by_hand),
            "only what was paid can go back",
        ),
    };
    if may {
        return Ok(());
    }
    Err(Problem::new(code::NOT_AMENDABLE, detail)
        .with("order_status", life.status)
        .with("payment_status", life.payment))
}

fn wrong(wrong: Wrong) -> Problem {
    match wrong {
        Wrong::TooMany { sku, left } => {
            let detail = format!("there are {left} left of {sku} in this order");
            Problem::new(code::EXCEEDS_ORDER, detail)
                .of_field("lines")
                .with("sku", sku)
                .with("left", left)
        }
        Wrong::NotOrdered { sku } => {
            let detail = format!("{sku} is not in this order");
            Problem::new(code::UNKNOWN_SKU, detail).of_field("lines")
        }
        Wrong::Everything => {
            let detail = "nothing would be left of the order; cancel it";
            Problem::new(code::NOT_AMENDABLE, detail).of_field("lines")
        }
        Wrong::TooMuch { due_minor } => {
            let detail = "more than is due for the order cannot go back";
            Problem::new(code::EXCEEDS_DUE, detail)
                .of_field("amount_minor")
                .with("due_minor", due_minor)
        }
    }
}

fn words(amendment: &Amendment) -> &'static str {
    match amendment {
        Amendment::Cancel { .. } => "some of it was cancelled",
        Amendment::Return { .. } => "some of it came back",
        Amendment::Refund { .. } => "money is given back",
    }
}
