//! Effects as rows, and the statements that write them: one for each kind, over a set.

use contract::assignment::{off_words, routing_id};
use domain::assignment::{Effect, Happened, Offer, OfferState, Strategy};
use domain::time::rfc3339;
use serde_json::{Value, json};

use super::super::book::Page;
use super::super::showing::version_at;
use super::vendor_in;

/// In the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Routing,
    Status,
    Release,
    Lock,
    Assignment,
    Response,
    Cancellation,
    Event,
}

#[derive(Debug, Clone)]
pub struct Row {
    pub kind: Kind,
    pub json: String,
}

fn row(kind: Kind, json: &Value) -> Row {
    Row {
        kind,
        json: json.to_string(),
    }
}

pub const STATEMENTS: &[(Kind, &str)] = &[
    (
        Kind::Routing,
        "INSERT INTO vendor_routings
           (id, order_id, strategy, status, status_seq, created_at, updated_at)
         SELECT value ->> 'i', value ->> 'o', value ->> 'y', 'PENDING_BIDS', 0,
                value ->> 't', value ->> 't'
         FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
    ),
    (
        Kind::Status,
        "UPDATE vendor_routings SET status = r.s, status_seq = r.q, strategy = r.y, updated_at = r.t
         FROM (SELECT value ->> 'i' AS i, value ->> 's' AS s, MAX(value ->> 'q') AS q,
                      value ->> 'y' AS y, value ->> 't' AS t FROM json_each(?1) GROUP BY 1) AS r
         WHERE vendor_routings.id = r.i AND vendor_routings.status_seq < r.q",
    ),
    (
        Kind::Release,
        "UPDATE vendor_routings SET locked_vendor_id = NULL, lock_epoch = r.e, released_at = r.t,
           version = MAX(version + 1, r.n), updated_at = r.t
         FROM (SELECT value ->> 'i' AS i, MAX(value ->> 'e') AS e, value ->> 'n' AS n,
                      value ->> 't' AS t FROM json_each(?1) GROUP BY 1) AS r
         WHERE vendor_routings.id = r.i AND vendor_routings.lock_epoch < r.e",
    ),
    (
        Kind::Lock,
        "UPDATE vendor_routings SET locked_vendor_id = r.v, lock_epoch = r.e, locked_at = r.t,
           released_at = NULL, version = MAX(version + 1, r.n), updated_at = r.t
         FROM (SELECT value ->> 'i' AS i, value ->> 'v' AS v, MAX(value ->> 'e') AS e,
                      value ->> 'n' AS n, value ->> 't' AS t FROM json_each(?1) GROUP BY 1) AS r
         WHERE vendor_routings.id = r.i
           AND (vendor_routings.lock_epoch < r.e
                OR (vendor_routings.lock_epoch = r.e AND vendor_routings.locked_vendor_id IS NULL))",
    ),
    (
        Kind::Assignment,
        "INSERT INTO order_assignments
           (id, order_id, vendor_id, status, epoch, batch, made_at, pushed_at, responded_at,
            expires_at, meta, revision)
         SELECT value ->> 'i', value ->> 'o', value ->> 'v', value ->> 's', value ->> 'e',
                value ->> 'b', value ->> 'm', value ->> 'p', value ->> 'r', value ->> 'x',
                value ->> 'd', value ->> 'n'
         FROM json_each(?1) WHERE true
         ON CONFLICT (id) DO UPDATE SET status = excluded.status, pushed_at = excluded.pushed_at,
           responded_at = excluded.responded_at, meta = excluded.meta,
           revision = excluded.revision
         WHERE excluded.revision > order_assignments.revision",
    ),
    (
        Kind::Response,
        "INSERT INTO vendor_responses
           (id, vendor_routing_id, order_id, vendor_id, response, outcome, reason,
            preparation_minutes, responded_at, revision)
         SELECT value ->> 'i', value ->> 'g', value ->> 'o', value ->> 'v', value ->> 'a',
                value ->> 'c', value ->> 'w', value ->> 'm', value ->> 't', value ->> 'n'
         FROM json_each(?1) WHERE true
         ON CONFLICT (id) DO UPDATE SET response = excluded.response, outcome = excluded.outcome,
           reason = excluded.reason, preparation_minutes = excluded.preparation_minutes,
           responded_at = excluded.responded_at, revision = excluded.revision
         WHERE excluded.revision > vendor_responses.revision",
    ),
    (
        Kind::Cancellation,
        "INSERT INTO vendor_cancellations
           (id, vendor_routing_id, vendor_response_id, order_id, vendor_id, reason, cancelled_at)
         SELECT value ->> 'i', value ->> 'g', value ->> 'f', value ->> 'o', value ->> 'v',
                value ->> 'w', value ->> 't'
         FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
    ),
    (
        Kind::Event,
        "INSERT INTO order_events (id, order_id, seq, epoch, type, vendor_id, data, created_at)
         SELECT value ->> 'i', value ->> 'o', value ->> 'q', value ->> 'e', value ->> 'y',
                value ->> 'v', value ->> 'd', value ->> 't'
         FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
    ),
];

/// Locks of which the database believes otherwise.
pub const GUARD: &str = "
    SELECT r.value ->> 'i' AS id FROM json_each(?1) AS r JOIN vendor_routings AS g
      ON g.id = r.value ->> 'i'
    WHERE g.lock_epoch = r.value ->> 'e' AND g.locked_vendor_id IS NOT r.value ->> 'v'";

fn offer_id(order_id: &str, offer: &Offer) -> String {
    let tag = offer.tag;
    format!("{order_id}:{}:{}:{}", tag.epoch, tag.batch, offer.vendor_id)
}

fn status_of(state: OfferState) -> &'static str {
    match state {
        OfferState::Open => "PUSHED",
        OfferState::Accepted => "ACCEPTED",
        OfferState::Lost => "LOST",
        OfferState::Rejected => "REJECTED",
        OfferState::Expired => "EXPIRED",
        OfferState::Cancelled => "CANCELLED",
        OfferState::Unreachable => "UNREACHABLE",
    }
}

fn strategy_of(page: &Page) -> &'static str {
    match page.engine.strategy {
        Strategy::Nearest { .. } => "nearest",
        Strategy::Scored { .. } => "scored",
    }
}

/// The row of a routing, if it is not there yet.
fn routing(page: &Page, at: &str) -> Row {
    let order_id = &page.order.order_id;
    let json = json!({
        "i": routing_id(order_id), "o": order_id, "y": strategy_of(page), "t": at,
    });
    row(Kind::Routing, &json)
}

fn status_after(happened: &Happened) -> Option<&'static str> {
    match happened {
        Happened::Started | Happened::Retried | Happened::Released { .. } => Some("PENDING_BIDS"),
        Happened::Won { .. } => Some("VENDOR_ACCEPTED"),
        Happened::Failed { .. } => Some("FAILED"),
        Happened::Cancelled { .. } => Some("CANCELLED"),
        Happened::Closed => Some("CLOSED"),
        Happened::Offered { .. }
        | Happened::Accepting { .. }
        | Happened::NoPlace { .. }
        | Happened::Rejected { .. }
        | Happened::TooLate { .. } => None,
    }
}

/// What the database gets of an effect; nothing of most.
pub fn rows_of_effect(page: &Page, effect: &Effect, id: &str) -> Vec<Row> {
    let order_id = &page.order.order_id;
    let routing_id = routing_id(order_id);
    match effect {
        Effect::RecordOffer { offer } => of_offer(order_id, &routing_id, offer),
        Effect::RecordEvent {
            seq,
            epoch,
            at_ms,
            happened,
        } => {
            let at = rfc3339(*at_ms);
            let (what, data) = story(json!(happened));
            let mut rows = Vec::new();
            if let Some(status) = status_after(happened) {
                let json = json!({
                    "i": routing_id, "s": status, "q": seq, "y": strategy_of(page), "t": at,
                });
                rows.extend([routing(page, &at), row(Kind::Status, &json)]);
            }
            let json = json!({
                "i": id, "o": order_id, "q": seq, "e": epoch, "y": what, "v": vendor_in(&data),
                "d": data.to_string(), "t": at,
            });
            rows.push(row(Kind::Event, &json));
            rows
        }
        Effect::CancelPush {
            vendor,
            tag,
            reason,
        } => {
            let of_offer = format!("{order_id}:{}:{}:{vendor}", tag.epoch, tag.batch);
            let is_it = |offer: &&Offer| offer.tag == *tag && offer.vendor_id == *vendor;
            let closed = page.engine.offers.iter().find(is_it);
            let at = closed.and_then(|offer| offer.closed_ms);
            let json = json!({
                "i": id, "g": routing_id, "f": of_offer, "o": order_id, "v": vendor,
                "w": off_words(*reason), "t": rfc3339(at.unwrap_or_else(edge::clock::now_ms)),
            });
            vec![row(Kind::Cancellation, &json)]
        }
        Effect::Won { vendor, epoch, .. } => {
            let lock = page.engine.lock.as_ref();
            let at = rfc3339(lock.map_or_else(edge::clock::now_ms, |lock| lock.at_ms));
            let json = json!({
                "i": routing_id, "v": vendor, "e": epoch, "n": version_at(*epoch, true), "t": at,
            });
            vec![routing(page, &at), row(Kind::Lock, &json)]
        }
        Effect::Released { epoch, .. } => {
            let at = rfc3339(edge::clock::now_ms());
            let version = version_at(*epoch, false);
            let json = json!({ "i": routing_id, "e": epoch, "n": version, "t": at });
            vec![routing(page, &at), row(Kind::Release, &json)]
        }
        Effect::Find { .. }
        | Effect::Push { .. }
        | Effect::TakePlace { .. }
        | Effect::GivePlaceBack { .. }
        | Effect::Failed { .. }
        | Effect::Attention { .. }
        | Effect::WakeAt { .. } => Vec::new(),
    }
}

fn of_offer(order_id: &str, routing_id: &str, offer: &Offer) -> Vec<Row> {
    let id = offer_id(order_id, offer);
    let time = |ms: Option<i64>| ms.map(rfc3339);
    let answered = offer.answered_ms.or(offer.late_ms);
    let seconds = |ms: i64| thousandths(ms.saturating_sub(offer.made_ms).max(0));
    let meta = json!({
        "distance": f64::from(offer.distance_m) / 1000.0,
        "score": thousandths(offer.score),
        "rejectionReason": offer.reason,
        "epoch": offer.tag.epoch, "batch": offer.tag.batch,
        "deliveredAt": time(offer.delivered_ms), "seenAt": time(offer.seen_ms),
        "closedAt": time(offer.closed_ms), "lateAt": time(offer.late_ms),
        "answeredAfterSeconds": answered.map(seconds),
        "preparationMinutes": offer.preparation_s.map(|s| s.div_ceil(60)),
        "denied": offer.denied.map(domain::assignment::Refusal::code),
        "denials": offer.denials,
    });
    let json = json!({
        "i": id, "o": order_id, "v": offer.vendor_id, "s": status_of(offer.state),
        "e": offer.tag.epoch, "b": offer.tag.batch, "m": rfc3339(offer.made_ms),
        "p": time(offer.pushed_ms), "r": time(answered), "x": rfc3339(offer.expires_ms),
        "d": without_nulls(meta).to_string(), "n": offer.revision,
    });
    let mut rows = vec![row(Kind::Assignment, &json)];
    if let Some(answered) = answered {
        // Only who rejects gives a reason, if an empty one.
        let rejected = offer.reason.is_some();
        let outcome = match (offer.state, offer.refusal()) {
            (OfferState::Accepted, _) => "WON",
            _ if rejected => "REJECTED",
            (_, Some(refusal)) => refusal.code(),
            (_, None) => "PENDING",
        };
        let json = json!({
            "i": id, "g": routing_id, "o": order_id, "v": offer.vendor_id,
            "a": if rejected { "REJECT" } else { "ACCEPT" }, "c": outcome, "w": offer.reason,
            "m": offer.preparation_s.map(|s| s.div_ceil(60)), "t": rfc3339(answered),
            "n": offer.revision,
        });
        rows.push(row(Kind::Response, &json));
    }
    rows
}

fn thousandths(n: i64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "bounded far below 2^53")]
    let n = n as f64;
    n / 1000.0
}

/// What happened, and what there is to say of it.
fn story(happened: Value) -> (String, Value) {
    match happened {
        Value::String(what) => (what, json!({})),
        Value::Object(one) => one.into_iter().next().unwrap_or_default(),
        _ => (String::new(), json!({})),
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    value
}
