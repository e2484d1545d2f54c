//! From the desk to the database: what vendors have in work, a moment later.
//!
//! `in_work` is what searches and lists go by, so it follows soon: the first change of a
//! quiet time goes at once, those that follow gather, with those of other desks of the
//! isolate. What does not arrive that way is found by `projected <> version` when the
//! alarm goes off. Safe to repeat: a row is written only over a lower version, and a
//! vendor whom the database does not have lacks nothing.

use std::rc::Rc;

use contract::Problem;
use edge::d1::{Db, DbError, Sql};
use edge::gather::{Gather, Given, Parcel, list};
use edge::{Scope, clock, json, telemetry};
use worker::Env;

use super::Desk;
use super::rows::Work;

/// Vendors in one trip of a desk that catches up.
const CATCH_UP_MAX: usize = 100;

thread_local! {
    static GATHERED: Gather = const { Gather::new() };
}

/// Versions that were given to be carried to the database.
pub fn given() -> Given<Work> {
    Given::to(&GATHERED)
}

fn parcel(work: &Work) -> Parcel {
    Parcel {
        id: format!("{}:{}", work.vendor_id, work.version),
        rows: vec![json::text(&work)],
        more: Vec::new(),
        notices: Vec::new(),
    }
}

impl Desk {
    /// Gives a version to be carried, soon.
    pub(super) fn project_soon(self: &Rc<Self>, work: Work) {
        let parcel = parcel(&work);
        if !self.projected.give(work, parcel, clock::now_ms()) {
            return;
        }
        let desk = Rc::clone(self);
        self.state.wait_until(async move {
            carry(&desk.env, desk.gather_ms).await;
            telemetry::flush_soon(&desk.env, &desk.state);
        });
    }

    /// Writes what the database has got, with whatever is written next.
    pub(super) fn note_arrived(&self) -> Result<(), Problem> {
        self.rows.set_projected(&self.projected.arrived())
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
    async fn send_behind(&self) -> Result<usize, Problem> {
        let behind = self.rows.behind(CATCH_UP_MAX)?;
        if behind.is_empty() {
            return Ok(0);
        }
        let rows: Vec<String> = behind.iter().map(|work| json::text(&work)).collect();
        write(&self.env, &list(rows.iter())).await?;
        self.projected.forget(|sent| {
            let same =
                |work: &Work| work.vendor_id == sent.vendor_id && work.version >= sent.version;
            behind.iter().any(same)
        });
        self.rows.set_projected(&behind)?;
        Ok(behind.len())
    }
}

/// Carries what gathered, of all desks, trip after trip.
async fn carry(env: &Env, gather_ms: i64) {
    loop {
        let parcels = GATHERED.with(|gathered| gathered.take(clock::now_ms()));
        if parcels.is_empty() {
            return;
        }
        let rows = list(parcels.iter().flat_map(|parcel| &parcel.rows));
        match write(env, &rows).await {
            Ok(()) => GATHERED.with(|gathered| gathered.carried(&parcels)),
            // Their desks still have them as lacking.
            Err(error) => {
                telemetry::error("projection_failed", &[("reason", &format!("{error:?}"))]);
            }
        }
        clock::pause(gather_ms).await;
    }
}

/// Of several versions of one vendor the last counts.
const WRITE: &str = "
    UPDATE vendors SET in_work = work.held, work_version = work.version
    FROM (SELECT value ->> 'i' AS vendor_id, value ->> 'n' AS held, max(value ->> 'v') AS version
          FROM json_each(?1) GROUP BY 1) AS work
    WHERE vendors.vendor_id = work.vendor_id AND vendors.work_version < work.version";

async fn write(env: &Env, rows: &str) -> Result<(), DbError> {
    let sql = Sql::new(WRITE).text(rows);
    let db = Db::open(env, "DB")?;
    db.batch(&Scope::default(), "vendors.project", &[sql])
        .await?;
    Ok(())
}
