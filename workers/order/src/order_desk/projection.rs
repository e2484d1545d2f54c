//! From the desk to the database: many orders in one trip, a moment later.
//!
//! What changed gathers with the rows of other desks (see [`edge::gather`]). What
//! does not arrive that way is found by `projected <> version` when the alarm goes
//! off, and sent by the desk itself. What is said to the outside goes along, and a version
//! has arrived when both have it. Safe to repeat: a row is written only over a
//! lower version, history only when it is not there.

use std::rc::Rc;

use contract::fulfillment::PricedLine;
use contract::order::{HistoryEntry, OrderContent};
use contract::{Problem, code};
use domain::lifecycle::{Life, Status};
use domain::plan::Allocation;
use domain::time::rfc3339;
use edge::d1::{Db, DbError, Sql};
use edge::gather::{Gather, Given, Parcel, list};
use edge::{clock, json, telemetry};
use futures::join;
use serde::Serialize;
use serde_json::{Value, json};
use worker::Env;

use super::legs::Work;
use super::rows::{GoodEnd, OrderRow, Reached, Standing};
use super::{Desk, no_scope, noticing};

thread_local! {
    static GATHERED: Gather = const { Gather::new() };
}

/// Versions that were given to be carried to the database.
pub fn given() -> Given<Sent> {
    Given::to(&GATHERED)
}

/// A version of an order.
#[derive(Debug, Clone, Serialize)]
pub struct Sent {
    #[serde(rename = "i")]
    pub order_id: String,
    #[serde(rename = "v")]
    pub version: u32,
}

impl Sent {
    pub fn parcel_id(&self) -> String {
        format!("{}:{}", self.order_id, self.version)
    }
}

/// What the database shows of an order.
pub(super) struct Shown<'a> {
    pub content: &'a OrderContent,
    pub number: &'a str,
    pub life: Life,
    pub standing: Standing,
    tracking_number: Option<&'a str>,
    created_ms: i64,
    updated_ms: i64,
}

impl Shown<'_> {
    pub fn due(&self) -> i64 {
        if self.life.status == Status::Cancelled {
            return 0;
        }
        let total = self.content.totals.total_minor;
        self.standing.due_minor.unwrap_or(total)
    }
}

/// An order that has just come to stand.
pub fn placed(work: &Work, end: &GoodEnd) -> (Sent, Parcel) {
    let shown = Shown {
        content: &work.content,
        number: &work.number,
        life: end.life,
        standing: Standing::of_mode(end.life.mode),
        tracking_number: None,
        created_ms: work.created_ms,
        updated_ms: end.at_ms,
    };
    let first = super::rows::placed_entry(
        &end.order_id,
        &work.content.customer_id,
        work.content.payment_method,
        work.created_ms,
    );
    parcel(&shown, &[first], 0)
}

/// `said` is the version up to which the outside has heard of it.
fn parcel(shown: &Shown<'_>, history: &[HistoryEntry], said: u32) -> (Sent, Parcel) {
    let sent = Sent {
        order_id: shown.content.order_id.clone(),
        version: shown.life.version,
    };
    let parcel = Parcel {
        id: sent.parcel_id(),
        rows: vec![order_json(shown)],
        more: history
            .iter()
            .map(|entry| history_json(&sent.order_id, entry))
            .collect(),
        notices: noticing::notices(shown, history, said),
    };
    (sent, parcel)
}

impl Desk {
    /// Gives a version to be carried, soon.
    pub(super) fn project_soon(self: &Rc<Self>, (sent, parcel): (Sent, Parcel)) {
        if !self.projected.give(sent, parcel, clock::now_ms()) {
            return;
        }
        let desk = Rc::clone(self);
        self.background(async move {
            clock::pause(desk.gather_ms).await;
            carry(&desk.env).await;
            telemetry::flush_soon(&desk.env, &desk.state);
        });
    }

    /// An order has changed, and that is written.
    pub(super) fn project_order(self: &Rc<Self>, order_id: &str) -> Result<(), Problem> {
        if let Some(row) = self.rows.order(order_id)? {
            let parcel = self.parcel_of(&row)?;
            self.project_soon(parcel);
        }
        Ok(())
    }

    fn parcel_of(&self, row: &OrderRow) -> Result<(Sent, Parcel), Problem> {
        let shown = Shown {
            content: &row.content()?,
            number: row.number.as_deref().unwrap_or_default(),
            life: row.life(),
            standing: row.standing(),
            tracking_number: row.tracking_number.as_deref(),
            created_ms: row.created_ms,
            updated_ms: row.updated_ms,
        };
        Ok(parcel(&shown, &self.rows.history(row)?, row.projected))
    }

    /// What the database lacks of this desk.
    pub(super) async fn project_rows(&self, behind: &[OrderRow]) -> Result<(), Problem> {
        let (orders, others): (Vec<&OrderRow>, Vec<&OrderRow>) =
            behind.iter().partition(|row| row.is_order());
        let mut parcels = Vec::with_capacity(orders.len());
        for row in orders {
            parcels.push(self.parcel_of(row)?.1);
        }
        let mut statements = order_statements(&parcels);
        if !others.is_empty() {
            statements.extend(stuck_statements(&others));
        }
        let (written, said) = join!(
            write(&self.env, &statements),
            noticing::say(&self.env, &parcels)
        );
        written?;
        if !said {
            let detail = "the outside has not heard of it";
            return Err(Problem::new(code::UNAVAILABLE, detail));
        }
        let versions: Vec<Sent> = behind
            .iter()
            .map(|row| Sent {
                order_id: row.order_id.clone(),
                version: row.version,
            })
            .collect();
        self.projected.forget(|sent| {
            let same = |row: &Sent| row.order_id == sent.order_id && row.version >= sent.version;
            versions.iter().any(same)
        });
        let versions: Vec<&Sent> = versions.iter().collect();
        self.rows.set_reached(Reached::Database, &versions)
    }
}

/// Carries what gathered, of all desks, trip after trip.
async fn carry(env: &Env) {
    loop {
        let parcels = GATHERED.with(|gathered| gathered.take(clock::now_ms()));
        if parcels.is_empty() {
            return;
        }
        // Neither waits for the other, and what did not get to both has to go again.
        let statements = order_statements(&parcels);
        let (written, said) = join!(write(env, &statements), noticing::say(env, &parcels));
        if let Err(error) = &written {
            telemetry::error("projection_failed", &[("reason", &format!("{error:?}"))]);
        }
        // Their desks still have the others as lacking.
        if written.is_ok() && said {
            GATHERED.with(|gathered| gathered.carried(&parcels));
        }
    }
}

async fn write(env: &Env, statements: &[Sql]) -> Result<(), DbError> {
    let db = Db::open(env, "DB")?;
    db.batch(&no_scope(), "orders.project", statements).await?;
    Ok(())
}

fn order_statements(parcels: &[Parcel]) -> Vec<Sql> {
    if parcels.is_empty() {
        return Vec::new();
    }
    vec![
        Sql::new(WRITE_ORDERS).text(&list(parcels.iter().flat_map(|parcel| &parcel.rows))),
        Sql::new(WRITE_HISTORY).text(&list(parcels.iter().flat_map(|parcel| &parcel.more))),
    ]
}

/// Shows stuck placements to admins, and takes those from the list that have ended.
fn stuck_statements(placements: &[&OrderRow]) -> [Sql; 2] {
    let (stuck, ended): (Vec<&OrderRow>, Vec<&OrderRow>) =
        placements.iter().partition(|row| row.phase == "stuck");
    let shown: Vec<Value> = stuck
        .iter()
        .map(|row| {
            let cause = row.placement().ok().and_then(|placement| placement.cause);
            json!({ "i": row.order_id, "u": row.customer_id, "c": json::text(&cause),
                    "t": rfc3339(row.updated_ms) })
        })
        .collect();
    let ended: Vec<&str> = ended.iter().map(|row| row.order_id.as_str()).collect();
    [
        Sql::new(
            "INSERT INTO stuck_placements (order_id, customer_id, cause, since)
             SELECT value ->> 'i', value ->> 'u', value ->> 'c', value ->> 't'
             FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
        )
        .json(&shown),
        Sql::new(
            "DELETE FROM stuck_placements WHERE order_id IN (SELECT value FROM json_each(?1))",
        )
        .json(&ended),
    ]
}

const WRITE_ORDERS: &str = "
    INSERT INTO orders
      (order_id, order_number, user_id, cart_id, products, address, delivery_mode, delivery_tier,
       currency, subtotal_minor, delivery_minor, tax_minor, total_minor, status, payment_status,
       estimated_delivery_date, tracking_number, special_instructions, version, created_at,
       updated_at, payment_method, fulfilment_mode, fulfilment_status, delivery_status, vendor_id,
       driver_id, due_minor, captured_minor, refunded_minor)
    SELECT value ->> 'i', value ->> 'n', value ->> 'u', value ->> 'c', value ->> 'p', value ->> 'a',
           value ->> 'm', value ->> 't', value ->> 'y', value ->> 's', value ->> 'd', value ->> 'x',
           value ->> 'o', value ->> 'st', value ->> 'ps', value ->> 'e', value ->> 'tn',
           value ->> 'si', value ->> 'v', value ->> 'ca', value ->> 'ua', value ->> 'pm',
           value ->> 'fm', value ->> 'fs', value ->> 'ds', value ->> 've', value ->> 'dr',
           value ->> 'du', value ->> 'cp', value ->> 'rf'
    FROM json_each(?1) WHERE true
    ON CONFLICT (order_id) DO UPDATE SET status = excluded.status,
      payment_status = excluded.payment_status, tracking_number = excluded.tracking_number,
      fulfilment_mode = excluded.fulfilment_mode, fulfilment_status = excluded.fulfilment_status,
      delivery_status = excluded.delivery_status, vendor_id = excluded.vendor_id,
      driver_id = excluded.driver_id, due_minor = excluded.due_minor,
      captured_minor = excluded.captured_minor, refunded_minor = excluded.refunded_minor,
      version = excluded.version, updated_at = excluded.updated_at
    WHERE excluded.version > orders.version";

const WRITE_HISTORY: &str = "
    INSERT INTO order_status_history
      (history_id, order_id, old_status, new_status, changed_by, reason, created_at,
       payment_status, fulfilment_status, delivery_status)
    SELECT value ->> 'h', value ->> 'i', value ->> 'o', value ->> 'n', value ->> 'b',
           value ->> 'r', value ->> 't', value ->> 'p', value ->> 'f', value ->> 'd'
    FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING";

#[derive(Serialize)]
struct HistoryJson<'a> {
    h: &'a str,
    i: &'a str,
    o: Option<&'a str>,
    n: &'a str,
    b: &'a str,
    r: Option<&'a str>,
    t: &'a str,
    p: &'a str,
    f: &'a str,
    d: &'a str,
}

fn history_json(order_id: &str, entry: &HistoryEntry) -> String {
    json::text(&HistoryJson {
        h: &entry.history_id,
        i: order_id,
        o: entry.old_status.map(Status::name),
        n: entry.new_status.name(),
        b: &entry.changed_by,
        r: entry.reason.as_deref(),
        t: &entry.created_at,
        p: entry.payment_status.name(),
        f: entry.fulfilment_status.name(),
        d: entry.delivery_status.name(),
    })
}

/// A line of an order with where it comes from, as the documents show it.
#[derive(Serialize)]
struct ProductJson<'a> {
    #[serde(flatten)]
    line: &'a PricedLine,
    allocations: Vec<&'a Allocation>,
}

#[derive(Serialize)]
struct OrderJson<'a> {
    i: &'a str,
    n: &'a str,
    u: &'a str,
    c: &'a str,
    p: String,
    a: String,
    m: &'a str,
    t: &'a str,
    y: &'a str,
    s: i64,
    d: i64,
    x: i64,
    o: i64,
    st: &'a str,
    ps: &'a str,
    e: &'a str,
    tn: Option<&'a str>,
    si: Option<&'a str>,
    v: u32,
    ca: String,
    ua: String,
    pm: &'a str,
    fm: &'a str,
    fs: &'a str,
    ds: &'a str,
    ve: Option<&'a str>,
    dr: Option<&'a str>,
    du: i64,
    cp: i64,
    rf: i64,
}

fn order_json(shown: &Shown<'_>) -> String {
    let (content, life, standing) = (shown.content, shown.life, &shown.standing);
    let due = shown.due();
    let products: Vec<ProductJson> = content
        .lines
        .iter()
        .map(|line| ProductJson {
            line,
            allocations: content
                .allocations
                .iter()
                .filter(|allocation| allocation.sku == line.sku)
                .collect(),
        })
        .collect();
    json::text(&OrderJson {
        i: &content.order_id,
        n: shown.number,
        u: &content.customer_id,
        c: &content.cart_id,
        p: json::text(&products),
        a: json::text(&content.address),
        m: content.delivery_mode.name(),
        t: content.delivery_tier.name(),
        y: &content.currency,
        s: content.totals.subtotal_minor,
        d: content.totals.delivery_minor,
        x: content.totals.tax_minor,
        o: content.totals.total_minor,
        st: life.status.name(),
        ps: life.payment.name(),
        e: &content.estimated_delivery_date,
        tn: shown.tracking_number,
        si: content.special_instructions.as_deref(),
        v: life.version,
        ca: rfc3339(shown.created_ms),
        ua: rfc3339(shown.updated_ms),
        pm: life.method.name(),
        fm: life.mode.name(),
        fs: life.fulfilment.name(),
        ds: life.delivery.name(),
        ve: standing.vendor_id.as_deref(),
        dr: standing.driver_id.as_deref(),
        du: due,
        cp: standing.captured_minor,
        rf: standing.refunded_minor,
    })
}
