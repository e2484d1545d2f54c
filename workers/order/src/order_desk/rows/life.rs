//! What an order's life leaves in the desk's tables: its state, and the history of it.

use contract::Problem;
use domain::lifecycle::{Chores, Life, OffersChore, Status, StockChore};
use edge::json;
use edge::sqlite::{int, text, text_or_null};

use super::{OrderRow, Rows, Standing, kind};

/// One change of an order: what it becomes, by whom, and what it asks of others.
pub struct Step<'a> {
    pub life: Life,
    pub standing: Standing,
    pub chores: Chores,
    pub by: &'a str,
    pub reason: Option<&'a str>,
    pub tracking_number: Option<&'a str>,
    pub at_ms: i64,
}

impl Rows {
    /// State, history and chores in one stretch, so that it is all of them or none.
    pub fn take(&self, row: &OrderRow, step: &Step<'_>) -> Result<(), Problem> {
        self.set_life(&row.order_id, step)?;
        self.add_history(row, step)?;
        self.add_chores(row, step)
    }

    fn set_life(&self, order_id: &str, step: &Step<'_>) -> Result<(), Problem> {
        let life = step.life;
        let standing = Standing {
            mode: life.mode,
            fulfilment: life.fulfilment,
            delivery: life.delivery,
            ..step.standing.clone()
        };
        self.tables.run(
            "UPDATE orders SET status = ?2, payment = ?3, version = ?4,
               tracking_number = COALESCE(?5, tracking_number), updated_ms = ?6,
               pay_by_ms = CASE WHEN ?7 THEN pay_by_ms ELSE NULL END, standing = ?8
             WHERE order_id = ?1",
            vec![
                text(order_id),
                text(life.status.name()),
                text(life.payment.name()),
                int(i64::from(life.version)),
                text_or_null(step.tracking_number.map(ToOwned::to_owned)),
                int(step.at_ms),
                int(i64::from(life.awaits_payment())),
                text(json::text(&standing)),
            ],
        )
    }

    /// What others said of it, where that is no change that anybody has to hear of.
    pub fn set_standing(&self, order_id: &str, standing: &Standing) -> Result<(), Problem> {
        self.tables.run(
            "UPDATE orders SET standing = ?2 WHERE order_id = ?1",
            vec![text(order_id), text(json::text(standing))],
        )
    }

    fn add_history(&self, row: &OrderRow, step: &Step<'_>) -> Result<(), Problem> {
        let life = step.life;
        self.tables.run(
            "INSERT INTO history (order_id, version, old_status, new_status, payment, fulfilment,
               delivery, changed_by, reason, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            vec![
                text(row.order_id.as_str()),
                int(i64::from(life.version)),
                text(row.status.as_str()),
                text(life.status.name()),
                text(life.payment.name()),
                text(life.fulfilment.name()),
                text(life.delivery.name()),
                text(step.by),
                text_or_null(step.reason.map(ToOwned::to_owned)),
                int(step.at_ms),
            ],
        )
    }

    fn add_chores(&self, row: &OrderRow, step: &Step<'_>) -> Result<(), Problem> {
        let (order_id, life, now) = (row.order_id.as_str(), step.life, step.at_ms);
        let add = |shard: u16, what: &str| self.add_chore(order_id, shard, what, life.version, now);
        if let Some(stock) = step.chores.stock {
            let what = match stock {
                StockChore::Release => kind::RELEASE,
                StockChore::Ship => kind::SHIP,
            };
            for shard in row.content()?.shards() {
                add(shard, what)?;
            }
        }
        match step.chores.offers {
            Some(OffersChore::Start) => add(0, kind::START_OFFERS)?,
            Some(OffersChore::End) if self.is_offered(order_id)? => add(0, kind::END_OFFERS)?,
            Some(OffersChore::End) | None => {}
        }
        let follows_money =
            life.method == domain::lifecycle::Method::Credit || step.standing.is_paying;
        if step.chores.money && follows_money {
            add(0, kind::MONEY)?;
        }
        if step.chores.cart && life.status == Status::Cancelled {
            add(0, kind::REOPEN_CART)?;
        }
        Ok(())
    }
}
