//! From the desk to the database: what became of sendings, a moment later, and with it how
//! the endpoints do.
//!
//! The first change of a quiet time goes at once, those that follow gather, with those of
//! other desks of the isolate. What does not arrive that way is found by `projected <>
//! version` when the alarm goes off. Safe to repeat: a row is written only over a lower
//! version; what a try says of its endpoint counts by the time of the try, and only if that
//! is behind the endpoint's last beginning.

use std::rc::Rc;

use contract::Problem;
use contract::notices::EmailFacts;
use domain::notices::delivery::is_success;
use domain::time::rfc3339;
use edge::d1::{Db, DbError, Sql};
use edge::gather::{Gather, Given, Parcel, list};
use edge::{Scope, clock, json, telemetry};
use serde::Serialize;
use worker::Env;

use super::Desk;
use super::kept::Sending;

/// Sendings in one trip of a desk that catches up, or forgets.
const CATCH_UP_MAX: i64 = 200;

/// A sending in a state of its own.
#[derive(Debug, Clone, Serialize)]
pub struct Version {
    pub id: String,
    pub version: i64,
}

thread_local! {
    static GATHERED: Gather = const { Gather::new() };
}

/// Versions that were given to be carried to the database.
pub fn given() -> Given<Version> {
    Given::to(&GATHERED)
}

/// A sending as the database gets it, in short names because there are many.
#[derive(Serialize)]
struct Row<'a> {
    i: &'a str,
    /// The endpoint, or whom the mail goes to.
    r: String,
    n: &'a str,
    k: &'a str,
    o: Option<&'a str>,
    s: &'a str,
    a: u32,
    ls: Option<u16>,
    le: Option<&'a str>,
    x: Option<String>,
    c: String,
    d: Option<String>,
    v: i64,
    /// When it was last tried, and whether that was a success.
    la: Option<String>,
    ok: bool,
}

/// Whom a mail goes to, however it is written.
fn recipient(sending: &Sending) -> String {
    let facts = sending.facts.as_deref().map(serde_json::from_str);
    let facts: Option<EmailFacts> = facts.and_then(Result::ok);
    facts.map(|facts| facts.to).unwrap_or_default()
}

fn row(sending: &Sending) -> String {
    let receiver = if sending.is_mail() {
        recipient(sending)
    } else {
        sending.lane.clone()
    };
    let order = sending.order_id.as_str();
    json::text(&Row {
        i: &sending.id,
        r: receiver,
        n: &sending.notice_id,
        k: &sending.kind,
        o: (!order.is_empty()).then_some(order),
        s: &sending.state,
        a: sending.attempts,
        ls: sending.last_status,
        le: sending.last_error.as_deref(),
        x: sending.next_ms.map(rfc3339),
        c: rfc3339(sending.created_ms),
        d: sending.delivered_at(),
        v: sending.version,
        la: sending.last_ms.map(rfc3339),
        ok: sending.last_status.is_some_and(is_success),
    })
}

/// Deliveries, and mails beside them.
fn parcel(sending: &Sending) -> Parcel {
    let row = vec![row(sending)];
    let (rows, more) = if sending.is_mail() {
        (Vec::new(), row)
    } else {
        (row, Vec::new())
    };
    Parcel {
        id: format!("{}:{}", sending.id, sending.version),
        rows,
        more,
        notices: Vec::new(),
    }
}

fn version(sending: &Sending) -> Version {
    Version {
        id: sending.id.clone(),
        version: sending.version,
    }
}

impl Desk {
    /// Gives a version to be carried, soon.
    pub(super) fn record_soon(self: &Rc<Self>, sending: &Sending) {
        let now = clock::now_ms();
        if !self.recorded.give(version(sending), parcel(sending), now) {
            return;
        }
        let desk = Rc::clone(self);
        self.background(async move {
            carry(&desk).await;
            telemetry::flush_soon(&desk.env, &desk.state);
        });
    }

    /// Writes what the database has got, with whatever is written next.
    pub(super) fn note_arrived(&self) -> Result<(), Problem> {
        self.rows.set_projected(&self.recorded.arrived())
    }

    /// Sends what the database lacks of this desk, batch after batch.
    pub(super) async fn catch_up(&self) {
        loop {
            match self.send_behind().await {
                Ok(sent) if sent < CATCH_UP_MAX => return,
                Ok(_) => {}
                Err(problem) => {
                    telemetry::error("catching_up_failed", &[("reason", &problem.detail)]);
                    return;
                }
            }
        }
    }

    /// One batch; how many it was.
    async fn send_behind(&self) -> Result<i64, Problem> {
        let behind = self.rows.behind(CATCH_UP_MAX)?;
        if behind.is_empty() {
            return Ok(0);
        }
        let parcels: Vec<Parcel> = behind.iter().map(parcel).collect();
        write(&self.env, &parcels, self.plan.patience_ms).await?;
        let versions: Vec<Version> = behind.iter().map(version).collect();
        self.recorded.forget(|sent| {
            let same = |there: &Version| there.id == sent.id && there.version >= sent.version;
            versions.iter().any(same)
        });
        self.rows.set_projected(&versions)?;
        Ok(i64::try_from(behind.len()).unwrap_or(i64::MAX))
    }

    /// What is old goes from the database first, so that nothing stays there for ever.
    pub(super) async fn forget_old(&self, now: i64) {
        loop {
            match self.forget_some(now).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(problem) => {
                    telemetry::error("forgetting_failed", &[("reason", &problem.detail)]);
                    return;
                }
            }
        }
    }

    async fn forget_some(&self, now: i64) -> Result<usize, Problem> {
        let old = self.rows.old(now, &self.plan, CATCH_UP_MAX)?;
        if !old.is_empty() {
            let ids = Sql::new(
                "DELETE FROM webhook_deliveries WHERE delivery_id IN (SELECT value FROM json_each(?1))",
            );
            let mails =
                Sql::new("DELETE FROM emails WHERE email_id IN (SELECT value FROM json_each(?1))");
            Db::open(&self.env, "DB")?
                .batch(
                    &self.scope(),
                    "notices.forget_old",
                    &[ids.json(&old), mails.json(&old)],
                )
                .await?;
        }
        self.rows.forget(&old, now, &self.plan)?;
        Ok(old.len())
    }
}

/// Carries what gathered, of all desks, trip after trip.
async fn carry(desk: &Desk) {
    loop {
        let parcels = GATHERED.with(|gathered| gathered.take(clock::now_ms()));
        if parcels.is_empty() {
            return;
        }
        match write(&desk.env, &parcels, desk.plan.patience_ms).await {
            Ok(()) => GATHERED.with(|gathered| gathered.carried(&parcels)),
            // Their desks still have them as lacking.
            Err(error) => {
                telemetry::error("projection_failed", &[("reason", &format!("{error:?}"))]);
            }
        }
        clock::pause(desk.plan.gather_ms).await;
    }
}

const DELIVERIES: &str = "
    INSERT INTO webhook_deliveries
      (delivery_id, endpoint_id, event_id, kind, order_id, state, attempts, last_status, last_error,
       next_attempt_at, created_at, delivered_at, version)
    SELECT value ->> 'i', value ->> 'r', value ->> 'n', value ->> 'k', value ->> 'o', value ->> 's',
           value ->> 'a', value ->> 'ls', value ->> 'le', value ->> 'x', value ->> 'c', value ->> 'd',
           value ->> 'v'
    FROM json_each(?1) WHERE true
    ON CONFLICT (delivery_id) DO UPDATE SET state = excluded.state, attempts = excluded.attempts,
      last_status = excluded.last_status, last_error = excluded.last_error,
      next_attempt_at = excluded.next_attempt_at, delivered_at = excluded.delivered_at,
      version = excluded.version
    WHERE excluded.version > webhook_deliveries.version";

const EMAILS: &str = "
    INSERT INTO emails
      (email_id, event_id, kind, order_id, recipient, state, attempts, last_error, next_attempt_at,
       created_at, delivered_at, version)
    SELECT value ->> 'i', value ->> 'n', value ->> 'k', value ->> 'o', value ->> 'r', value ->> 's',
           value ->> 'a', value ->> 'le', value ->> 'x', value ->> 'c', value ->> 'd', value ->> 'v'
    FROM json_each(?1) WHERE true
    ON CONFLICT (email_id) DO UPDATE SET state = excluded.state, attempts = excluded.attempts,
      last_error = excluded.last_error, next_attempt_at = excluded.next_attempt_at,
      delivered_at = excluded.delivered_at, version = excluded.version
    WHERE excluded.version > emails.version";

/// The first failure behind the last success.
const FAILURES: &str = "
    UPDATE webhook_endpoints SET failing_since = min(coalesce(failing_since, bad.at), bad.at)
    FROM (SELECT seen.endpoint_id AS id, min(value ->> 'la') AS at
          FROM json_each(?1) JOIN webhook_endpoints AS seen ON seen.endpoint_id = value ->> 'r'
          WHERE value ->> 'ok' = 0 AND value ->> 'la' >= seen.activated_at
            AND value ->> 'la' > coalesce(seen.last_success_at, '')
          GROUP BY 1) AS bad
    WHERE webhook_endpoints.endpoint_id = bad.id";

const SUCCESSES: &str = "
    UPDATE webhook_endpoints SET
      last_success_at = max(coalesce(last_success_at, ''), good.at),
      failing_since = iif(failing_since <= good.at, NULL, failing_since)
    FROM (SELECT value ->> 'r' AS id, max(value ->> 'la') AS at
          FROM json_each(?1) WHERE value ->> 'ok' = 1 GROUP BY 1) AS good
    WHERE webhook_endpoints.endpoint_id = good.id";

/// Who says 410 wants nothing more.
const GONE: &str = "
    UPDATE webhook_endpoints SET active = 0, disabled_at = ?2,
      disabled_reason = 'the endpoint answered 410: it is gone'
    WHERE active = 1 AND EXISTS (
      SELECT 1 FROM json_each(?1) WHERE value ->> 'r' = endpoint_id AND value ->> 'ls' = 410
        AND value ->> 'la' >= activated_at)";

/// Where nothing has got through for too long, nothing more is sent.
const WORN_OUT: &str = "
    UPDATE webhook_endpoints SET active = 0, disabled_at = ?2,
      disabled_reason = 'nothing got through since ' || failing_since
    WHERE active = 1 AND failing_since <= ?3 AND EXISTS (
      SELECT 1 FROM json_each(?1) WHERE value ->> 'r' = endpoint_id AND value ->> 'ok' = 0
        AND value ->> 'la' IS NOT NULL)";

async fn write(env: &Env, parcels: &[Parcel], patience_ms: i64) -> Result<(), DbError> {
    let rows = list(parcels.iter().flat_map(|parcel| &parcel.rows));
    let mails = list(parcels.iter().flat_map(|parcel| &parcel.more));
    let now = clock::now_ms();
    let (at, worn_out) = (rfc3339(now), rfc3339(now.saturating_sub(patience_ms)));
    let statements = [
        Sql::new(DELIVERIES).text(&rows),
        Sql::new(EMAILS).text(&mails),
        Sql::new(FAILURES).text(&rows),
        Sql::new(SUCCESSES).text(&rows),
        Sql::new(GONE).text(&rows).text(&at),
        Sql::new(WORN_OUT).text(&rows).text(&at).text(&worn_out),
    ];
    let db = Db::open(env, "DB")?;
    db.batch(&Scope::default(), "notices.project", &statements)
        .await?;
    Ok(())
}
