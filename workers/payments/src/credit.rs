//! Credit lines: what a buyer may owe, what is set aside for orders, and what was taken.
//!
//! What must hold: a line is never used beyond its limit. It is changed by the difference
//! that an order makes, in one batch with what the order has of it, and the table itself
//! refuses a line that would be too long. Safe to repeat: what an order has comes with the
//! order's version, and an older one, or the same again, changes nothing. An order that came
//! to nothing has nothing under the last version there is, which shuts the door to copies
//! that come late.

use contract::payment::{Credit, CreditLine, LimitInput, SetCredit};
use contract::{Problem, code};
use domain::limits::CREDIT_MAX;
use edge::d1::{Db, DbError, Sql, rows_of};
use edge::{Incoming, Outcome, Scope, http};
use worker::Env;

/// See [`SetCredit`].
pub async fn set(env: &Env, scope: &Scope, set: &SetCredit) -> Result<Credit, Problem> {
    let of_order = |sql: Sql| {
        sql.text(&set.order_id)
            .text(&set.customer_id)
            .int(set.reserved_minor)
            .int(set.used_minor)
            .int(i64::from(set.version))
    };
    let statements = [
        Sql::new(
            "INSERT INTO credit_lines (customer_id, limit_minor) VALUES (?1, 0)
             ON CONFLICT DO NOTHING",
        )
        .text(&set.customer_id),
        Sql::new(
            "INSERT INTO credit_holds (order_id, customer_id) VALUES (?1, ?2)
             ON CONFLICT DO NOTHING",
        )
        .text(&set.order_id)
        .text(&set.customer_id),
        of_order(Sql::new(
            "UPDATE credit_lines SET reserved_minor = credit_lines.reserved_minor + ?3
                 - h.reserved_minor, used_minor = credit_lines.used_minor + ?4 - h.used_minor
             FROM credit_holds h WHERE h.order_id = ?1 AND h.version < ?5
               AND h.customer_id = ?2 AND credit_lines.customer_id = ?2",
        )),
        of_order(Sql::new(
            "UPDATE credit_holds SET reserved_minor = ?3, used_minor = ?4, version = ?5
             WHERE order_id = ?1 AND customer_id = ?2 AND version < ?5",
        )),
    ];
    let step = if set.reserved_minor > 0 {
        "credit.reserve.row"
    } else {
        "credit.set.row"
    };
    match Db::open(env, "DB")?.batch(scope, step, &statements).await {
        // The line is too short: nothing of it happened. What the order has says so.
        Ok(_) | Err(DbError::Constraint(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let statement =
        Sql::new("SELECT reserved_minor, used_minor FROM credit_holds WHERE order_id = ?1")
            .text(&set.order_id);
    let found: Vec<Credit> = Db::open(env, "DB")?
        .rows(scope, "credit.look", statement)
        .await?;
    Ok(found.into_iter().next().unwrap_or_default())
}

async fn look(env: &Env, scope: &Scope, customer_id: &str) -> Result<Option<CreditLine>, Problem> {
    let statement = Sql::new(
        "SELECT customer_id, limit_minor, reserved_minor, used_minor,
                limit_minor - reserved_minor - used_minor AS available_minor
         FROM credit_lines WHERE customer_id = ?1",
    )
    .text(customer_id);
    let lines: Vec<CreditLine> = Db::open(env, "DB")?
        .rows(scope, "credit.line", statement)
        .await?;
    Ok(lines.into_iter().next())
}

/// `GET /credit`, and for staff `GET /api/admin/credit-lines/{customer}`.
pub async fn show(env: &Env, incoming: &Incoming, customer_id: &str) -> Outcome {
    let line = look(env, &incoming.scope, customer_id).await?;
    let line = line.unwrap_or_else(|| CreditLine {
        customer_id: customer_id.to_owned(),
        limit_minor: 0,
        reserved_minor: 0,
        used_minor: 0,
        available_minor: 0,
    });
    http::json(200, &line)
}

/// `PUT /api/admin/credit-lines/{customer}`. A limit below what is in use is refused.
pub async fn put(env: &Env, incoming: &Incoming, customer_id: &str) -> Outcome {
    let input: LimitInput = incoming.json()?;
    if !(0..=CREDIT_MAX).contains(&input.limit_minor) {
        let wrong = "must be from 0 to 1000000000000";
        return Err(Problem::field("limit_minor", wrong));
    }
    let statements = [
        Sql::new(
            "INSERT INTO credit_lines (customer_id, limit_minor) VALUES (?1, ?2)
             ON CONFLICT (customer_id) DO UPDATE SET limit_minor = excluded.limit_minor",
        )
        .text(customer_id)
        .int(input.limit_minor),
        Sql::new(
            "SELECT customer_id, limit_minor, reserved_minor, used_minor,
                    limit_minor - reserved_minor - used_minor AS available_minor
             FROM credit_lines WHERE customer_id = ?1",
        )
        .text(customer_id),
    ];
    let db = Db::open(env, "DB")?;
    match db.batch(&incoming.scope, "credit.limit", &statements).await {
        Ok(results) => {
            let lines: Vec<CreditLine> = rows_of(results.get(1))?;
            http::json(200, &lines.first())
        }
        Err(DbError::Constraint(_)) => {
            let detail = "more than that is in use or set aside; lower it when that is settled";
            Err(Problem::new(code::NO_CREDIT, detail).of_field("limit_minor"))
        }
        Err(error) => Err(error.into()),
    }
}
