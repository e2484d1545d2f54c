//! The list of those who run the shop: every order, by any of its filters, as pages, as a file, and as
//! counts. It shows what the database shows, which follows within moments. A page goes on where the
//! last ended, by the id of an order; ids are in order of time, so what comes meanwhile stands before
//! the newest and moves nothing. In the other direction an order may arrive behind a later one, and
//! then is not on a page that went past it.

mod filters;
mod select;

use contract::Problem;
use edge::d1::{Db, Sql};
use edge::{Incoming, Outcome, http};
use serde_json::{Map, Value};
use worker::{Env, Response};

use filters::Filters;
use select::Shape;

/// Rows of a file, unless fewer are asked for.
const FILE_MAX: u32 = 10_000;
/// Rows that a file takes in one trip, and trips at most.
const FILE_TRIP: u32 = 2_000;
const FILE_TRIPS: u32 = 12;

/// `GET /api/admin/orders`
pub async fn list(env: &Env, incoming: &Incoming) -> Outcome {
    let limit = incoming.limit(20, 100)?;
    let reading = Reading::new(env, incoming)?;
    let (rows, next) = reading.page(Shape::Json, limit).await?;
    let mut text = String::from("{\"orders\":[");
    for (n, row) in rows.iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        text.push_str(text_of(Some(row), "shown"));
    }
    text.push(']');
    if let Some(next) = next {
        text.push_str(",\"next_cursor\":\"");
        text.push_str(&next);
        text.push('"');
    }
    text.push('}');
    http::json_text(200, text)
}

/// `GET /api/admin/orders.csv`: the next file, if there is one, is named in a link.
pub async fn file(env: &Env, incoming: &Incoming) -> Outcome {
    let mut left = incoming.limit(FILE_MAX, FILE_MAX)?;
    let mut reading = Reading::new(env, incoming)?;
    let mut text = String::from(select::FILE_HEAD);
    let mut next = None;
    for _ in 0..FILE_TRIPS {
        let (rows, last) = reading.page(Shape::File, left.min(FILE_TRIP)).await?;
        left = left.saturating_sub(u32::try_from(rows.len()).unwrap_or(left));
        for row in &rows {
            text.push_str(text_of(Some(row), "shown"));
        }
        next = last;
        if next.is_none() || left == 0 {
            break;
        }
        reading.filters.cursor.clone_from(&next);
    }
    let name = "attachment; filename=\"orders.csv\"";
    let response = http::text("text/csv; charset=utf-8; header=present", text)?;
    let response = with_header(response, "content-disposition", name)?;
    let Some(next) = next else {
        return Ok(response);
    };
    let link = format!("<{}>; rel=\"next\"", target_from(incoming, &next));
    with_header(response, "link", &link)
}

fn with_header(response: Response, name: &str, value: &str) -> Outcome {
    let set = response.headers().set(name, value);
    set.map(|()| response).map_err(http::internal)
}

/// The same request from that order on.
fn target_from(incoming: &Incoming, cursor: &str) -> String {
    let (path, query) = incoming
        .target
        .split_once('?')
        .unwrap_or((&incoming.target, ""));
    let mut target = format!("{path}?cursor={cursor}");
    for pair in query.split('&') {
        if !pair.is_empty() && !pair.starts_with("cursor=") {
            target.push('&');
            // Left as it is, this would end the link.
            target.extend(pair.chars().map(|c| if c == '>' { '_' } else { c }));
        }
    }
    target
}

/// `GET /api/admin/orders/counts`: how many orders stand how, in each respect. What there is none of
/// may be left out.
pub async fn counts(env: &Env, incoming: &Incoming) -> Outcome {
    let rows: Vec<Row> = Db::open(env, "DB")?
        .rows(&incoming.scope, "orders.counts", Sql::new(COUNTS))
        .await?;
    http::json_text(200, text_of(rows.first(), "counts").to_owned())
}

const COUNTS: &str = "
    WITH kinds AS (SELECT * FROM order_kinds WHERE orders > 0),
    counted(name, word, orders) AS (
      SELECT 'status', status, sum(orders) FROM kinds GROUP BY status
      UNION ALL SELECT 'payment_status', payment_status, sum(orders) FROM kinds GROUP BY payment_status
      UNION ALL SELECT 'payment_method', payment_method, sum(orders) FROM kinds GROUP BY payment_method
      UNION ALL
      SELECT 'fulfilment_status', fulfilment_status, sum(orders) FROM kinds GROUP BY fulfilment_status
      UNION ALL
      SELECT 'delivery_status', delivery_status, sum(orders) FROM kinds GROUP BY delivery_status)
    SELECT json_patch(json_object('total', (SELECT coalesce(sum(orders), 0) FROM kinds)),
      coalesce(json_group_object(name, json(words)), '{}')) AS counts
    FROM (SELECT name, json_group_object(word, orders) AS words FROM counted GROUP BY name)";

/// A row as the database gives it: an order's id, and what is shown of it as text.
type Row = Map<String, Value>;

fn text_of<'a>(row: Option<&'a Row>, column: &str) -> &'a str {
    let value = row.and_then(|row| row.get(column));
    value.and_then(Value::as_str).unwrap_or_default()
}

/// A list that is being read.
struct Reading<'a> {
    db: Db,
    incoming: &'a Incoming,
    filters: Filters,
}

impl<'a> Reading<'a> {
    fn new(env: &Env, incoming: &'a Incoming) -> Result<Self, Problem> {
        Ok(Self {
            db: Db::open(env, "DB")?,
            incoming,
            filters: Filters::read(&incoming.query)?,
        })
    }

    async fn rows(&self, statement: Sql) -> Result<Vec<Row>, Problem> {
        let scope = &self.incoming.scope;
        let rows = self.db.rows(scope, "orders.admin_list", statement);
        Ok(rows.await?)
    }

    /// The rows of a page, and the last order that it went past if there may be more behind. A page may
    /// be shorter than was asked for and still have a next. One trip; two where the bound was met.
    async fn page(&self, shape: Shape, limit: u32) -> Result<(Vec<Row>, Option<String>), Problem> {
        // One more than is shown tells whether there is a next page.
        let wanted = limit.saturating_add(1);
        let Some(statement) = select::page(&self.filters, shape, wanted) else {
            return Ok((Vec::new(), None));
        };
        let mut rows = self.rows(statement).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if rows.len() > limit {
            rows.truncate(limit);
            let next = text_of(rows.last(), "order_id").to_owned();
            return Ok((rows, Some(next)));
        }
        let Some(statement) = select::last_looked_at(&self.filters) else {
            return Ok((rows, None));
        };
        let last = self.rows(statement).await?;
        let next = last
            .first()
            .map(|_| text_of(last.first(), "order_id").to_owned());
        Ok((rows, next))
    }
}
