//! What comes to the desk: notices, pings, and sendings that somebody wants again.
//!
//! A notice is written with all of its sendings, under the alarm, in one stretch, and only
//! then answered and sent. One that is known makes nothing new, whenever and however often it
//! comes.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use contract::notices::{
    DeliveryDetail, Notice, PingEndpoint, ReplaySending, SendingStands, TakeNotices,
};
use contract::{Empty, Problem, code};
use domain::ids::desk_uuid;
use domain::limits::LANE_WAITING_MAX;
use domain::notices::delivery::{Delivery, Event, Moment, State};
use domain::notices::kinds::{Occasion, PING};
use domain::time::rfc3339;
use edge::{Scope, clock, faults, telemetry};

use super::Desk;
use super::kept::{MAIL, NewNotice, NewSending, Sending};
use super::known::{Endpoint, find};

const TOO_MANY: &str = "too much was waiting for this receiver";

/// What is posted: the event as it came, in the shape that the specification recommends.
fn body(kind: &str, at: &str, data: &str) -> String {
    format!(r#"{{"type":"{kind}","timestamp":"{at}","data":{data}}}"#)
}

/// Sendings that are being made, and how many wait in each lane by then.
struct Making<'a> {
    desk: &'a Desk,
    number: u16,
    now: i64,
    waiting: BTreeMap<String, i64>,
    notices: Vec<NewNotice>,
    sendings: Vec<NewSending>,
}

impl<'a> Making<'a> {
    fn new(desk: &'a Desk, number: u16) -> Self {
        Self {
            desk,
            number,
            now: clock::now_ms(),
            waiting: BTreeMap::new(),
            notices: Vec::new(),
            sendings: Vec::new(),
        }
    }

    /// A sending for each endpoint that wants it, and a mail where there is somebody to write
    /// to. Times were checked to be times, so they are harmless in the body.
    fn notice(&mut self, notice: &Notice, endpoints: &[Endpoint]) -> Result<(), Problem> {
        let wanted = endpoints.iter().filter(|one| one.wants(&notice.kind));
        let lanes: Vec<&str> = wanted.map(|one| one.id.as_str()).collect();
        let posted = || body(&notice.kind, &notice.at, &notice.data);
        self.notices.push(NewNotice {
            n: notice.id.clone(),
            b: (!lanes.is_empty()).then(posted),
        });
        for lane in lanes {
            self.sending(lane, &notice.id, &notice.kind, &notice.order_id, None)?;
        }
        let writes = !self.desk.plan.mail_from.is_empty() && Occasion::of(&notice.kind).is_some();
        if let Some(facts) = notice.email.as_ref().filter(|_| writes) {
            let facts = Some(edge::json::text(facts));
            self.sending(MAIL, &notice.id, &notice.kind, &notice.order_id, facts)?;
        }
        Ok(())
    }

    fn sending(
        &mut self,
        lane: &str,
        notice_id: &str,
        kind: &str,
        order_id: &str,
        facts: Option<String>,
    ) -> Result<String, Problem> {
        let waiting = match self.waiting.get(lane) {
            Some(waiting) => *waiting,
            None => self.desk.rows.waiting(lane, LANE_WAITING_MAX)?,
        };
        let is_full = waiting >= LANE_WAITING_MAX;
        let more = i64::from(!is_full);
        self.waiting
            .insert(lane.to_owned(), waiting.saturating_add(more));
        let made = if is_full {
            Delivery::stillborn()
        } else {
            Delivery::new(self.now)
        };
        let id = desk_uuid(self.now, self.number, clock::random_bytes());
        self.sendings.push(NewSending {
            i: id.clone(),
            l: lane.to_owned(),
            n: notice_id.to_owned(),
            k: kind.to_owned(),
            o: order_id.to_owned(),
            f: facts,
            s: made.state.name(),
            x: made.next_ms,
            e: is_full.then_some(TOO_MANY),
            d: is_full.then_some(self.now),
        });
        Ok(id)
    }

    fn write(&self) -> Result<(), Problem> {
        self.desk
            .rows
            .insert(&self.notices, &self.sendings, self.now)
    }
}

impl Desk {
    pub(super) async fn take(
        self: &Rc<Self>,
        scope: &Scope,
        take: TakeNotices,
    ) -> Result<Empty, Problem> {
        let endpoints = self.known.endpoints(&self.env, scope).await?;
        faults::before(scope, "notices.take")?;
        // From here to the write there is no await, so of two that bring one notice the
        // second finds it.
        let ids: Vec<&str> = take
            .notices
            .iter()
            .map(|notice| notice.id.as_str())
            .collect();
        let taken = self.rows.taken(&ids)?;
        let mut new: BTreeSet<&str> = BTreeSet::new();
        let mut making = Making::new(self, take.desk);
        for notice in &take.notices {
            if !taken.contains(&notice.id) && new.insert(&notice.id) {
                making.notice(notice, &endpoints)?;
            }
        }
        making.write()?;
        let made = u64::try_from(making.notices.len()).unwrap_or_default();
        telemetry::count("notices_taken", &[], made);
        // Also where nothing is new: whoever told it before may have been left without an
        // answer because the alarm was not set.
        self.soon(scope, "notices.take").await?;
        Ok(Empty {})
    }

    pub(super) async fn ping(
        self: &Rc<Self>,
        scope: &Scope,
        ping: &PingEndpoint,
    ) -> Result<SendingStands, Problem> {
        self.require_open(scope, &ping.endpoint_id).await?;
        faults::before(scope, "notices.ping")?;
        let mut making = Making::new(self, ping.desk);
        let notice_id = format!(
            "ping-{}",
            desk_uuid(making.now, ping.desk, clock::random_bytes())
        );
        let (at, data) = (rfc3339(making.now), r#"{"message":"ping"}"#);
        making.notices.push(NewNotice {
            n: notice_id.clone(),
            b: Some(body(PING, &at, data)),
        });
        let id = making.sending(&ping.endpoint_id, &notice_id, PING, "", None)?;
        making.write()?;
        self.soon(scope, "notices.ping").await?;
        let state = State::Waiting.name().to_owned();
        Ok(SendingStands {
            id,
            state,
            attempts: 0,
        })
    }

    /// What was just written is sent, or found by the alarm.
    async fn soon(self: &Rc<Self>, scope: &Scope, step: &str) -> Result<(), Problem> {
        let by = clock::now_ms().saturating_add(self.plan.recover_after_ms);
        self.wake_by(by).await?;
        faults::written(&self.state, scope, step).await?;
        let desk = Rc::clone(self);
        self.background(async move { desk.send_due().await });
        Ok(())
    }

    /// Nothing is sent to an endpoint that is not there, or switched off.
    async fn require_open(&self, scope: &Scope, endpoint_id: &str) -> Result<(), Problem> {
        let endpoints = self.known.endpoints(&self.env, scope).await?;
        let detail = match find(&endpoints, endpoint_id) {
            Some(endpoint) if endpoint.active => return Ok(()),
            Some(_) => "the endpoint is switched off; switch it on with PATCH first",
            None => "the endpoint was deleted",
        };
        Err(Problem::new(code::ENDPOINT_DISABLED, detail))
    }

    pub(super) async fn replay(
        self: &Rc<Self>,
        scope: &Scope,
        replay: &ReplaySending,
    ) -> Result<Option<SendingStands>, Problem> {
        let Some(sending) = self.rows.sending(&replay.id)? else {
            return Ok(None);
        };
        // Of mails and deliveries, the ones that are not dead are known by their own route.
        if sending.is_mail() && !replay.only_dead {
            return Ok(None);
        }
        if replay.only_dead && sending.state() != State::Dead {
            return Ok(Some(stands(&sending)));
        }
        if !sending.is_mail() {
            self.require_open(scope, &sending.lane).await?;
        }
        faults::before(scope, "notices.replay")?;
        // Asked anew behind the await; from here to the write there is none.
        let Some(mut sending) = self.rows.sending(&replay.id)? else {
            return Ok(None);
        };
        let at = Moment {
            now_ms: clock::now_ms(),
            chance: 0,
            schedule: &self.plan.schedule,
        };
        if sending.apply(Event::Replay, at).is_some() {
            self.rows.write(&mut sending)?;
            self.soon(scope, "notices.replay").await?;
            self.record_soon(&sending);
        }
        Ok(Some(stands(&sending)))
    }

    pub(super) fn detail(&self, id: &str) -> Result<Option<DeliveryDetail>, Problem> {
        let sending = self.rows.sending(id)?.filter(|sending| !sending.is_mail());
        let Some(sending) = sending else {
            return Ok(None);
        };
        Ok(Some(DeliveryDetail {
            delivery: sending.view(),
            log: sending.attempts_log(),
            body: self.rows.body(&sending.notice_id)?,
        }))
    }
}

fn stands(sending: &Sending) -> SendingStands {
    SendingStands {
        id: sending.id.clone(),
        state: sending.state.clone(),
        attempts: sending.attempts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_posted_is_json_with_the_data_as_it_came() {
        let data = r#"{"b":1.50,"a":"}"}"#;
        let text = body("order.paid", "2026-11-20T13:05:00.123Z", data);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["type"], "order.paid");
        assert_eq!(read["timestamp"], "2026-11-20T13:05:00.123Z");
        assert_eq!(read["data"]["a"], "}");
        assert!(text.contains(data));
    }
}
