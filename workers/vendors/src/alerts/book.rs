//! Who was alerted of which offer: claimed before anything is sent, marked after it.
//!
//! ```text
//!            claim          mark                 claim          mark
//!  (no row) -------> ringing ----> rung --------> ending -----> off
//!      ^                |  nobody took it
//!      +----------------+
//! ```
//!
//! Of two who come with the same at once, one gets the claim and the other is told to ask
//! again. A claim that is not marked within [`LEASE_MS`] was left behind by a crash and is
//! taken over, so a crash costs a second alert at most, and never silence. A call-off that
//! comes before its offer leaves `off` behind, and that offer rings nowhere.

use contract::offers::CancelPush;
use domain::assignment::Tag;
use edge::Scope;
use edge::d1::{Db, DbError, Sql, rows_of};
use serde::Deserialize;

use super::devices::{self, Device};

/// Longer than everything that is done under a claim: a push and a message, 5 s each, and
/// the trips between them.
pub const LEASE_MS: i64 = 20_000;
const KEEP_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Which alert.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    pub vendor: &'a str,
    pub order: &'a str,
    pub tag: Tag,
}

impl<'a> From<&'a CancelPush> for Key<'a> {
    fn from(off: &'a CancelPush) -> Self {
        Self {
            vendor: &off.vendor_id,
            order: &off.order_id,
            tag: off.tag,
        }
    }
}

impl Key<'_> {
    /// The first four values of every statement here.
    fn sql(&self, text: &'static str) -> Sql {
        Sql::new(text)
            .text(self.vendor)
            .text(self.order)
            .int(i64::from(self.tag.epoch))
            .int(i64::from(self.tag.batch))
    }
}

#[derive(Debug, Deserialize)]
struct Row {
    state: String,
    devices: Option<String>,
    phone: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Claimed {
    channel: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Phone {
    phone: Option<String>,
}

/// To ring, or not to.
pub enum Ring {
    Claimed {
        devices: Vec<Device>,
        phone: Option<String>,
        /// The claim was left behind by another, who may have rung anyone.
        is_taken_over: bool,
    },
    /// Somebody is at it.
    Busy,
    Rung,
    Off,
}

const STATE: &str = "SELECT state, devices, phone FROM alerts_sent
    WHERE vendor_id = ?1 AND order_id = ?2 AND epoch = ?3 AND batch = ?4";

pub async fn claim_ring(db: &Db, scope: &Scope, key: Key<'_>, now: i64) -> Result<Ring, DbError> {
    let claim = key.sql(
        "INSERT INTO alerts_sent (vendor_id, order_id, epoch, batch, state, at)
         VALUES (?1, ?2, ?3, ?4, 'ringing', ?5)
         ON CONFLICT (vendor_id, order_id, epoch, batch) DO UPDATE
         SET at = ?5, channel = 'unknown', devices = NULL
         WHERE state = 'ringing' AND at <= ?6
         RETURNING channel",
    );
    let phone = Sql::new("SELECT phone FROM vendors WHERE vendor_id = ?1 AND retired = 0");
    let batch = [
        claim.int(now).int(now.saturating_sub(LEASE_MS)),
        key.sql(STATE),
        devices::of_vendor(key.vendor),
        phone.text(key.vendor),
    ];
    let results = db.batch(scope, "alerts.claim", &batch).await?;
    let claimed: Vec<Claimed> = rows_of(results.first())?;
    let Some(claimed) = claimed.into_iter().next() else {
        let found: Vec<Row> = rows_of(results.get(1))?;
        let state = found.into_iter().next().map(|row| row.state);
        return Ok(match state.as_deref() {
            Some("rung") => Ring::Rung,
            Some("ending" | "off") => Ring::Off,
            _ => Ring::Busy,
        });
    };
    let phones: Vec<Phone> = rows_of(results.get(3))?;
    Ok(Ring::Claimed {
        devices: rows_of(results.get(2))?,
        phone: phones.into_iter().next().and_then(|row| row.phone),
        is_taken_over: claimed.channel.is_some(),
    })
}

/// Notes that this number is about to get a message, so that the end of the offer gets
/// there too whatever happens. False where the claim is lost.
pub async fn about_to_message(
    db: &Db,
    scope: &Scope,
    key: Key<'_>,
    phone: &str,
) -> Result<bool, DbError> {
    let note = key.sql(
        "UPDATE alerts_sent SET phone = ?5
         WHERE vendor_id = ?1 AND order_id = ?2 AND epoch = ?3 AND batch = ?4 AND state = 'ringing'
         RETURNING state, devices, phone",
    );
    let noted: Vec<Row> = db.rows(scope, "alerts.message", note.text(phone)).await?;
    Ok(!noted.is_empty())
}

/// What came of an alert.
#[derive(Debug, Default)]
pub struct Rang {
    pub taken: Vec<i64>,
    pub unknown: Vec<i64>,
    pub failed: Vec<i64>,
    pub gone: Vec<i64>,
    /// The message was taken.
    pub messaged: bool,
    /// There may be a message that nobody is sure of.
    pub may_be_messaged: bool,
    /// What was done before under this claim is not known.
    pub is_taken_over: bool,
    /// When it began.
    pub since_ms: i64,
}

impl Rang {
    pub fn is_taken(&self) -> bool {
        self.messaged || !self.taken.is_empty()
    }

    fn outcome(&self, now: i64) -> [Sql; 3] {
        let failed = [&self.failed[..], &self.unknown[..]].concat();
        devices::outcome(&self.taken, &failed, (&self.gone, self.since_ms), now)
    }

    /// The devices that may ring; `None` for anyone.
    fn ringing(&self) -> Option<Vec<i64>> {
        (!self.is_taken_over).then(|| [&self.taken[..], &self.unknown[..]].concat())
    }
}

/// Marks what was claimed. Where nobody took it the next one may try at once, and where
/// nothing can have arrived nothing is left of it.
pub async fn mark_rung(
    db: &Db,
    scope: &Scope,
    key: Key<'_>,
    rang: &Rang,
    now: i64,
) -> Result<(), DbError> {
    let silent = rang.unknown.is_empty() && !rang.may_be_messaged && !rang.is_taken_over;
    let mark = if rang.is_taken() {
        let mark = key.sql(
            "UPDATE alerts_sent SET state = 'rung', channel = ?5, devices = ?6, at = ?7
             WHERE vendor_id = ?1 AND order_id = ?2 AND epoch = ?3 AND batch = ?4
               AND state = 'ringing'",
        );
        let channel = if rang.messaged { "message" } else { "push" };
        mark.text(channel).json(&rang.ringing()).int(now)
    } else if silent {
        key.sql(
            "DELETE FROM alerts_sent
             WHERE vendor_id = ?1 AND order_id = ?2 AND epoch = ?3 AND batch = ?4
               AND state = 'ringing'",
        )
    } else {
        let mark = key.sql(
            "UPDATE alerts_sent SET devices = ?5, at = ?6
             WHERE vendor_id = ?1 AND order_id = ?2 AND epoch = ?3 AND batch = ?4
               AND state = 'ringing'",
        );
        mark.json(&rang.ringing()).int(now.saturating_sub(LEASE_MS))
    };
    let [used, unused, forget] = rang.outcome(now);
    let old = Sql::new("DELETE FROM alerts_sent WHERE at < ?1").int(now.saturating_sub(KEEP_MS));
    let batch = [mark, used, unused, forget, old];
    db.batch(scope, "alerts.mark", &batch).await?;
    Ok(())
}

/// To end an alert, or not to.
pub enum End {
    Claimed {
        devices: Vec<Device>,
        phone: Option<String>,
    },
    /// Somebody is at it, or still at the alert itself.
    Busy,
    /// There was none, or it has ended.
    Off,
}

pub async fn claim_end(db: &Db, scope: &Scope, key: Key<'_>, now: i64) -> Result<End, DbError> {
    let claim = key.sql(
        "INSERT INTO alerts_sent (vendor_id, order_id, epoch, batch, state, at)
         VALUES (?1, ?2, ?3, ?4, 'off', ?5)
         ON CONFLICT (vendor_id, order_id, epoch, batch) DO UPDATE SET state = 'ending', at = ?5
         WHERE state = 'rung' OR (state IN ('ringing', 'ending') AND at <= ?6)
         RETURNING state, devices, phone",
    );
    let batch = [
        claim.int(now).int(now.saturating_sub(LEASE_MS)),
        key.sql(STATE),
        devices::of_vendor(key.vendor),
    ];
    let results = db.batch(scope, "alerts.end", &batch).await?;
    let claimed: Vec<Row> = rows_of(results.first())?;
    let Some(claimed) = claimed.into_iter().next() else {
        let found: Vec<Row> = rows_of(results.get(1))?;
        let is_off = found.iter().any(|row| row.state == "off");
        return Ok(if is_off { End::Off } else { End::Busy });
    };
    if claimed.state == "off" {
        return Ok(End::Off);
    }
    // Where a crash left it unknown who rings, it may be anyone.
    let ringing: Option<Vec<i64>> = claimed
        .devices
        .and_then(|text| serde_json::from_slice(text.as_bytes()).ok());
    let mut devices: Vec<Device> = rows_of(results.get(2))?;
    devices.retain(|device| ringing.as_ref().is_none_or(|ids| ids.contains(&device.id)));
    Ok(End::Claimed {
        devices,
        phone: claimed.phone,
    })
}

pub async fn mark_off(
    db: &Db,
    scope: &Scope,
    key: Key<'_>,
    rang: &Rang,
    now: i64,
) -> Result<(), DbError> {
    let mark = key.sql(
        "UPDATE alerts_sent SET state = 'off', at = ?5
         WHERE vendor_id = ?1 AND order_id = ?2 AND epoch = ?3 AND batch = ?4 AND state = 'ending'",
    );
    let [used, unused, forget] = rang.outcome(now);
    let batch = [mark.int(now), used, unused, forget];
    db.batch(scope, "alerts.off", &batch).await?;
    Ok(())
}
