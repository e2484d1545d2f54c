//! A sending as the desk keeps it, between its row and the rules.
//!
//! What happens to it is decided by [`domain::notices::delivery`]; here it is only carried over,
//! with what is to be seen of its last tries.

use contract::notices::{Attempt, DeliveryView};
use domain::notices::delivery::{Delivery, Effect, Event, Moment, State};
use domain::time::rfc3339;
use edge::json;
use serde::{Deserialize, Serialize};

/// The lane of mails. Those of endpoints have the endpoint's id.
pub const MAIL: &str = "email";
/// Tries that are remembered of a sending.
const LOG_MAX: usize = 12;

/// A notice to be remembered.
#[derive(Serialize)]
pub struct NewNotice {
    pub n: String,
    pub b: Option<String>,
}

/// A sending to be made, in short names because there may be many.
#[derive(Serialize)]
pub struct NewSending {
    pub i: String,
    pub l: String,
    pub n: String,
    pub k: String,
    pub o: String,
    pub f: Option<String>,
    pub s: &'static str,
    pub x: Option<i64>,
    /// Why it is dead from the start, and since when.
    pub e: Option<&'static str>,
    pub d: Option<i64>,
}

/// A sending as it is written.
#[derive(Debug, Clone, Deserialize)]
pub struct Sending {
    pub id: String,
    pub lane: String,
    pub notice_id: String,
    pub kind: String,
    pub order_id: String,
    pub facts: Option<String>,
    pub state: String,
    pub attempts: u32,
    pub tries: u32,
    pub next_ms: Option<i64>,
    pub last_status: Option<u16>,
    pub last_error: Option<String>,
    pub last_ms: Option<i64>,
    pub created_ms: i64,
    pub settled_ms: Option<i64>,
    pub log: String,
    pub version: i64,
}

impl Sending {
    pub fn is_mail(&self) -> bool {
        self.lane == MAIL
    }

    pub fn state(&self) -> State {
        State::from_name(&self.state).unwrap_or(State::Dead)
    }

    /// What happened to it, by the rules.
    pub fn apply(&mut self, event: Event, at: Moment<'_>) -> Option<Effect> {
        let before = self.state();
        let mut delivery = Delivery {
            state: before,
            attempts: self.attempts,
            tries: self.tries,
            next_ms: self.next_ms,
        };
        let effect = delivery.apply(event, at);
        delivery.state.name().clone_into(&mut self.state);
        self.attempts = delivery.attempts;
        self.tries = delivery.tries;
        self.next_ms = delivery.next_ms;
        if delivery.state != before {
            self.settled_ms = (delivery.state != State::Waiting).then_some(at.now_ms);
        }
        effect
    }

    /// A try whose outcome is known.
    pub fn note(&mut self, at_ms: i64, attempt: Attempt) {
        self.last_ms = Some(at_ms);
        self.last_status = attempt.status;
        self.last_error.clone_from(&attempt.error);
        let mut log = self.attempts_log();
        log.push(attempt);
        let old = log.len().saturating_sub(LOG_MAX);
        log.drain(..old);
        self.log = json::text(&log);
    }

    pub fn attempts_log(&self) -> Vec<Attempt> {
        serde_json::from_str(&self.log).unwrap_or_default()
    }

    /// When it arrived, if it did.
    pub fn delivered_at(&self) -> Option<String> {
        let settled = self.settled_ms.filter(|_| self.state() == State::Delivered);
        settled.map(rfc3339)
    }

    pub fn view(&self) -> DeliveryView {
        DeliveryView {
            id: self.id.clone(),
            endpoint_id: self.lane.clone(),
            event_id: self.notice_id.clone(),
            kind: self.kind.clone(),
            order_id: Some(self.order_id.clone()).filter(|order| !order.is_empty()),
            state: self.state.clone(),
            attempts: self.attempts,
            last_status: self.last_status,
            last_error: self.last_error.clone(),
            next_attempt_at: self.next_ms.map(rfc3339),
            created_at: rfc3339(self.created_ms),
            delivered_at: self.delivered_at(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tries_are_remembered() {
        let mut sending = Sending {
            id: String::new(),
            lane: "e".into(),
            notice_id: String::new(),
            kind: String::new(),
            order_id: String::new(),
            facts: None,
            state: "waiting".into(),
            attempts: 0,
            tries: 0,
            next_ms: Some(0),
            last_status: None,
            last_error: None,
            last_ms: None,
            created_ms: 0,
            settled_ms: None,
            log: "[]".into(),
            version: 1,
        };
        for n in 0..20 {
            let attempt = Attempt {
                at: n.to_string(),
                status: Some(500),
                duration_ms: 1,
                error: None,
            };
            sending.note(n, attempt);
        }
        let kept: Vec<String> = sending
            .attempts_log()
            .into_iter()
            .map(|one| one.at)
            .collect();
        assert_eq!(kept, (8..20).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(
            (sending.last_ms, sending.last_status),
            (Some(19), Some(500))
        );
    }
}
