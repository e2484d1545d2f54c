//! Completed carts go to the database: many in one trip, a moment later.
//!
//! They gather with those of other desks (see [`edge::gather`]). What does not
//! arrive that way is kept as unrecorded, and recorded by the desk's own alarm.
//! Safe to repeat: a cart that is recorded is not recorded again.

use std::rc::Rc;

use contract::Problem;
use domain::cart::Carts;
use domain::time::rfc3339;
use edge::d1::{Db, DbError, Sql};
use edge::gather::{Gather, Parcel, list};
use edge::{Scope, clock, json, telemetry};
use serde::Serialize;
use worker::Env;

use super::Desk;
use super::rows::{CompletedRow, Completion};

const BATCH_MAX: i64 = 100;

thread_local! {
    static GATHERED: Gather = const { Gather::new() };
}

impl Desk {
    /// Gives a completed cart to be recorded, soon. The alarm stands behind it.
    pub(super) fn record_soon(self: &Rc<Self>, customer: &str, carts: &Carts, done: &Completion) {
        let parcel = parcel(&CompletedRow {
            cart_id: done.cart.cart_id.clone(),
            customer_id: customer.to_owned(),
            lines: json::text(&done.cart.lines),
            address: json::text(&carts.address),
            order_id: done.order_id.clone(),
            at_ms: done.at_ms,
        });
        if !GATHERED.with(|gathered| gathered.add(parcel, clock::now_ms())) {
            return;
        }
        let desk = Rc::clone(self);
        self.background(async move {
            clock::pause(desk.gather_ms).await;
            carry(&desk.env).await;
            telemetry::flush_soon(&desk.env, &desk.state);
        });
    }

    /// Whether a cart has been recorded. Says so once.
    pub(super) fn was_recorded(cart_id: &str) -> bool {
        GATHERED.with(|gathered| gathered.was_carried(cart_id))
    }

    /// Records what the desk kept as unrecorded since then. What is younger is on its way
    /// with that of other desks.
    pub(super) async fn record(&self, before_ms: i64) -> Result<(), Problem> {
        loop {
            let kept = self.rows.unrecorded(BATCH_MAX)?;
            let full = i64::try_from(kept.len()).is_ok_and(|count| count >= BATCH_MAX);
            let (recorded, lacking): (Vec<CompletedRow>, Vec<CompletedRow>) = kept
                .into_iter()
                .partition(|cart| Self::was_recorded(&cart.cart_id));
            let (lacking, young): (Vec<CompletedRow>, Vec<CompletedRow>) = lacking
                .into_iter()
                .partition(|cart| cart.at_ms <= before_ms);
            let parcels: Vec<Parcel> = lacking.iter().map(parcel).collect();
            if !parcels.is_empty() {
                write(&self.env, &parcels).await?;
            }
            let all = recorded.iter().chain(&lacking);
            let ids: Vec<&str> = all.map(|cart| cart.cart_id.as_str()).collect();
            if !ids.is_empty() {
                self.rows.recorded(&ids)?;
            }
            if !full || !young.is_empty() {
                return Ok(());
            }
        }
    }
}

/// Carries what gathered, of all desks, trip after trip.
async fn carry(env: &Env) {
    loop {
        let parcels = GATHERED.with(|gathered| gathered.take(clock::now_ms()));
        if parcels.is_empty() {
            return;
        }
        match write(env, &parcels).await {
            Ok(()) => GATHERED.with(|gathered| gathered.carried(&parcels)),
            // Their desks keep them as unrecorded.
            Err(error) => telemetry::error("record_failed", &[("reason", &format!("{error:?}"))]),
        }
    }
}

#[derive(Serialize)]
struct CartJson<'a> {
    c: &'a str,
    u: &'a str,
    l: &'a str,
    a: &'a str,
    o: &'a str,
    t: String,
}

fn parcel(cart: &CompletedRow) -> Parcel {
    let row = CartJson {
        c: &cart.cart_id,
        u: &cart.customer_id,
        l: &cart.lines,
        a: &cart.address,
        o: &cart.order_id,
        t: rfc3339(cart.at_ms),
    };
    Parcel {
        id: cart.cart_id.clone(),
        rows: vec![json::text(&row)],
        more: Vec::new(),
        notices: Vec::new(),
    }
}

async fn write(env: &Env, parcels: &[Parcel]) -> Result<(), DbError> {
    let statement = Sql::new(
        "INSERT INTO carts
           (cart_id, customer_id, status, lines, address, order_id, completed_at)
         SELECT value ->> 'c', value ->> 'u', 'completed', value ->> 'l', value ->> 'a',
                value ->> 'o', value ->> 't'
         FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
    )
    .text(&list(parcels.iter().flat_map(|parcel| &parcel.rows)));
    let db = Db::open(env, "DB")?;
    db.batch(&Scope::default(), "carts.record", &[statement])
        .await?;
    Ok(())
}
