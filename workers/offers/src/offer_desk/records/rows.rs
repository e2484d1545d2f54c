//! Effects as rows of the database.

use contract::assignment::{off_words, routing_id};
use domain::assignment::{Effect, Happened, Offer, OfferState, Refusal, Strategy};
use domain::time::rfc3339;
use edge::json;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::book::Page;
use super::super::showing::version_at;
use super::statements::Kind;
use super::vendor_in;

#[derive(Debug, Clone)]
pub struct Row {
    pub kind: Kind,
    pub json: String,
}

fn row(kind: Kind, of: &impl Serialize) -> Row {
    Row {
        kind,
        json: json::text(of),
    }
}

/// A value each, with a letter for each column, as `statements` takes them.
#[derive(Serialize)]
struct RoutingRow<'a> {
    i: &'a str,
    o: &'a str,
    y: &'a str,
    t: &'a str,
}

#[derive(Serialize)]
struct StatusRow<'a> {
    i: &'a str,
    s: &'a str,
    q: u32,
    y: &'a str,
    t: &'a str,
}

/// Of a lock that is taken, or ends: then nobody has it.
#[derive(Serialize)]
struct LockRow<'a> {
    i: &'a str,
    v: Option<&'a str>,
    e: u32,
    n: u32,
    t: &'a str,
}

#[derive(Serialize)]
struct AssignmentRow<'a> {
    i: &'a str,
    o: &'a str,
    v: &'a str,
    s: &'a str,
    e: u32,
    b: u32,
    m: String,
    p: Option<String>,
    r: Option<String>,
    x: String,
    d: String,
    n: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'a> {
    distance: f64,
    score: f64,
    epoch: u32,
    batch: u32,
    denials: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    late_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_after_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preparation_minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    denied: Option<&'a str>,
}

#[derive(Serialize)]
struct ResponseRow<'a> {
    i: &'a str,
    g: &'a str,
    o: &'a str,
    v: &'a str,
    a: &'a str,
    c: &'a str,
    w: Option<&'a str>,
    m: Option<u32>,
    t: String,
    n: u32,
}

#[derive(Serialize)]
struct CancellationRow<'a> {
    i: &'a str,
    g: &'a str,
    f: String,
    o: &'a str,
    v: &'a str,
    w: &'a str,
    t: String,
}

#[derive(Serialize)]
struct EventRow<'a> {
    i: &'a str,
    o: &'a str,
    q: u32,
    e: u32,
    y: &'a str,
    v: Option<&'a str>,
    d: String,
    t: &'a str,
}

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
    let of = RoutingRow {
        i: &routing_id(order_id),
        o: order_id,
        y: strategy_of(page),
        t: at,
    };
    row(Kind::Routing, &of)
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
            let (what, data) = story(serde_json::to_value(happened).unwrap_or_default());
            let mut rows = Vec::new();
            if let Some(status) = status_after(happened) {
                let of = StatusRow {
                    i: &routing_id,
                    s: status,
                    q: *seq,
                    y: strategy_of(page),
                    t: &at,
                };
                rows.extend([routing(page, &at), row(Kind::Status, &of)]);
            }
            let of = EventRow {
                i: id,
                o: order_id,
                q: *seq,
                e: *epoch,
                y: &what,
                v: vendor_in(&data),
                d: data.to_string(),
                t: &at,
            };
            rows.push(row(Kind::Event, &of));
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
            let of = CancellationRow {
                i: id,
                g: &routing_id,
                f: of_offer,
                o: order_id,
                v: vendor,
                w: off_words(*reason),
                t: rfc3339(at.unwrap_or_else(edge::clock::now_ms)),
            };
            vec![row(Kind::Cancellation, &of)]
        }
        Effect::Won { vendor, epoch, .. } => {
            let lock = page.engine.lock.as_ref();
            let at = rfc3339(lock.map_or_else(edge::clock::now_ms, |lock| lock.at_ms));
            let of = LockRow {
                i: &routing_id,
                v: Some(vendor),
                e: *epoch,
                n: version_at(*epoch, true),
                t: &at,
            };
            vec![routing(page, &at), row(Kind::Lock, &of)]
        }
        Effect::Released { epoch, .. } => {
            let at = rfc3339(edge::clock::now_ms());
            let of = LockRow {
                i: &routing_id,
                v: None,
                e: *epoch,
                n: version_at(*epoch, false),
                t: &at,
            };
            vec![routing(page, &at), row(Kind::Release, &of)]
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
    let meta = Meta {
        distance: f64::from(offer.distance_m) / 1000.0,
        score: thousandths(offer.score),
        epoch: offer.tag.epoch,
        batch: offer.tag.batch,
        denials: offer.denials,
        rejection_reason: offer.reason.as_deref(),
        delivered_at: time(offer.delivered_ms),
        seen_at: time(offer.seen_ms),
        closed_at: time(offer.closed_ms),
        late_at: time(offer.late_ms),
        answered_after_seconds: answered.map(seconds),
        preparation_minutes: offer.preparation_s.map(|s| s.div_ceil(60)),
        denied: offer.denied.map(Refusal::code),
    };
    let of = AssignmentRow {
        i: &id,
        o: order_id,
        v: &offer.vendor_id,
        s: status_of(offer.state),
        e: offer.tag.epoch,
        b: offer.tag.batch,
        m: rfc3339(offer.made_ms),
        p: time(offer.pushed_ms),
        r: time(answered),
        x: rfc3339(offer.expires_ms),
        d: json::text(&meta),
        n: offer.revision,
    };
    let mut rows = vec![row(Kind::Assignment, &of)];
    if let Some(answered) = answered {
        // Only who rejects gives a reason, if an empty one.
        let rejected = offer.reason.is_some();
        let outcome = match (offer.state, offer.refusal()) {
            (OfferState::Accepted, _) => "WON",
            _ if rejected => "REJECTED",
            (_, Some(refusal)) => refusal.code(),
            (_, None) => "PENDING",
        };
        let of = ResponseRow {
            i: &id,
            g: routing_id,
            o: order_id,
            v: &offer.vendor_id,
            a: if rejected { "REJECT" } else { "ACCEPT" },
            c: outcome,
            w: offer.reason.as_deref(),
            m: offer.preparation_s.map(|s| s.div_ceil(60)),
            t: rfc3339(answered),
            n: offer.revision,
        };
        rows.push(row(Kind::Response, &of));
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
        Value::String(what) => (what, Value::Object(Map::new())),
        Value::Object(one) => one.into_iter().next().unwrap_or_default(),
        _ => (String::new(), Value::Object(Map::new())),
    }
}
