//! Looking through what was said: deliveries, mails, and what is dead.
//!
//! The database follows the desks within moments. Lists are newest first, by id. Each page
//! goes by one index and looks at [`LOOKED_AT`] rows at most, so one that filters by more than
//! that may be short, or empty, and still have a place to go on from.

use contract::Problem;
use contract::notices::{DeadPage, DeadView, DeliveryPage, DeliveryView, EmailPage, EmailView};
use domain::notices::delivery::State;
use domain::notices::kinds::{PING, is_kind};
use edge::Incoming;
use edge::d1::{Db, Sql, rows_of};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use worker::Env;

const LOOKED_AT: i64 = 1_000;

/// A page that goes by one index, and the place that it has looked up to where it is full.
struct Looks {
    page: &'static str,
    end: &'static str,
}

macro_rules! looks {
    ($columns:literal, $table:literal, $id:literal, $index:literal, $filters:literal) => {
        Looks {
            page: concat!(
                "SELECT ",
                $columns,
                " FROM (SELECT * FROM ",
                $table,
                " WHERE ",
                $index,
                " AND ",
                $id,
                " < ?2 ORDER BY ",
                $id,
                " DESC LIMIT ?3) WHERE ",
                $filters,
                " ORDER BY ",
                $id,
                " DESC LIMIT ?4"
            ),
            end: concat!(
                "SELECT ",
                $id,
                " AS id FROM ",
                $table,
                " WHERE ",
                $index,
                " AND ",
                $id,
                " < ?2 ORDER BY ",
                $id,
                " DESC LIMIT 1 OFFSET ?3 - 1"
            ),
        }
    };
}

macro_rules! deliveries {
    ($index:literal) => {
        looks!(
            "delivery_id AS id, endpoint_id, event_id, kind, order_id, state, attempts, last_status,
             last_error, next_attempt_at, created_at, delivered_at",
            "webhook_deliveries",
            "delivery_id",
            $index,
            "(?5 = '' OR endpoint_id = ?5) AND (?6 = '' OR state = ?6) AND (?7 = '' OR kind = ?7)"
        )
    };
}

macro_rules! emails {
    ($index:literal) => {
        looks!(
            "email_id AS id, event_id, kind, order_id, recipient AS \"to\", state, attempts,
             last_error, next_attempt_at, created_at, delivered_at",
            "emails",
            "email_id",
            $index,
            "(?5 = '' OR state = ?5)"
        )
    };
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

fn asked<'a>(incoming: &'a Incoming, name: &str) -> &'a str {
    incoming.query.get(name).map_or("", String::as_str)
}

/// Ids begin with digits, and so come before this.
fn cursor(incoming: &Incoming) -> &str {
    incoming.query.get("cursor").map_or("~", String::as_str)
}

/// One of those that there are, or nothing where it is left out.
fn one_of<'a>(
    incoming: &'a Incoming,
    name: &str,
    is_one: fn(&str) -> bool,
    wrong: &str,
) -> Result<&'a str, Problem> {
    match incoming.query.get(name) {
        None => Ok(""),
        Some(text) if is_one(text) => Ok(text),
        Some(_) => Err(Problem::field(name, wrong)),
    }
}

fn state(incoming: &Incoming) -> Result<&str, Problem> {
    let is_state = |text: &str| State::from_name(text).is_some();
    one_of(
        incoming,
        "state",
        is_state,
        "must be waiting, delivered or dead",
    )
}

/// The page, and where the next one begins.
async fn look<T: DeserializeOwned>(
    env: &Env,
    incoming: &Incoming,
    looks: &Looks,
    by: &str,
    filters: &[&str],
    id_of: fn(&T) -> &str,
) -> Result<(Vec<T>, Option<String>), Problem> {
    let limit = incoming.limit(20, 100)?;
    let before = cursor(incoming);
    let begun = |text| Sql::new(text).text(by).text(before).int(LOOKED_AT);
    let page = begun(looks.page).int(i64::from(limit));
    let page = filters.iter().fold(page, |page, filter| page.text(filter));
    let statements = [page, begun(looks.end)];
    let results = Db::open(env, "DB")?
        .batch(&incoming.scope, "notices.list", &statements)
        .await?;
    let rows: Vec<T> = rows_of(results.first())?;
    let end: Vec<Id> = rows_of(results.get(1))?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let next = if is_full {
        rows.last().map(|row| id_of(row).to_owned())
    } else {
        end.into_iter().next().map(|end| end.id)
    };
    Ok((rows, next))
}

fn delivery_id(row: &DeliveryView) -> &str {
    &row.id
}

fn email_id(row: &EmailView) -> &str {
    &row.id
}

/// `GET /api/admin/webhooks/deliveries?endpoint=&order=&state=&kind=`.
pub async fn deliveries(env: &Env, incoming: &Incoming) -> Result<DeliveryPage, Problem> {
    let is_known = |kind: &str| is_kind(kind) || kind == PING;
    let wrong = "must be a kind of event that there is";
    let kind = one_of(incoming, "kind", is_known, wrong)?;
    let state = state(incoming)?;
    let (order, endpoint) = (asked(incoming, "order"), asked(incoming, "endpoint"));
    let (looks, by) = match (order, endpoint, state) {
        ("", "", "") => (deliveries!("?1 = ''"), ""),
        ("", "", state) => (deliveries!("state = ?1"), state),
        ("", endpoint, _) => (deliveries!("endpoint_id = ?1"), endpoint),
        (order, ..) => (deliveries!("order_id = ?1"), order),
    };
    let filters = [endpoint, state, kind];
    let page = look(env, incoming, &looks, by, &filters, delivery_id);
    let (deliveries, next_cursor) = page.await?;
    Ok(DeliveryPage {
        deliveries,
        next_cursor,
    })
}

/// `GET /api/admin/emails?order=&state=`.
pub async fn emails(env: &Env, incoming: &Incoming) -> Result<EmailPage, Problem> {
    let state = state(incoming)?;
    let (looks, by) = match (asked(incoming, "order"), state) {
        ("", "") => (emails!("?1 = ''"), ""),
        ("", state) => (emails!("state = ?1"), state),
        (order, _) => (emails!("order_id = ?1"), order),
    };
    let filters = [state];
    let page = look(env, incoming, &looks, by, &filters, email_id);
    let (emails, next_cursor) = page.await?;
    Ok(EmailPage {
        emails,
        next_cursor,
    })
}

const DEAD: &str = "
    SELECT * FROM (
      SELECT delivery_id AS id, 'webhook' AS channel, endpoint_id AS receiver, event_id, kind,
             order_id, attempts, last_status, last_error, created_at
      FROM webhook_deliveries WHERE state = 'dead' AND delivery_id < ?1
      ORDER BY delivery_id DESC LIMIT ?2)
    UNION ALL
    SELECT * FROM (
      SELECT email_id AS id, 'email' AS channel, recipient AS receiver, event_id, kind,
             order_id, attempts, NULL AS last_status, last_error, created_at
      FROM emails WHERE state = 'dead' AND email_id < ?1
      ORDER BY email_id DESC LIMIT ?2)
    ORDER BY id DESC LIMIT ?2";

/// `GET /api/admin/notices/dead`: what was given up and waits for somebody to look.
pub async fn dead(env: &Env, incoming: &Incoming) -> Result<DeadPage, Problem> {
    let limit = incoming.limit(20, 100)?;
    let sql = Sql::new(DEAD).text(cursor(incoming)).int(i64::from(limit));
    let dead: Vec<DeadView> = Db::open(env, "DB")?
        .rows(&incoming.scope, "notices.dead", sql)
        .await?;
    let is_full = u32::try_from(dead.len()).is_ok_and(|count| count >= limit);
    let next_cursor = dead.last().filter(|_| is_full).map(|last| last.id.clone());
    Ok(DeadPage { dead, next_cursor })
}
