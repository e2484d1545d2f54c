//! One try: a post to an endpoint, or a mail to a customer, and what came of it.
//!
//! What an endpoint answers counts by its status; its body is not read. Redirects are
//! answers, and no success: an endpoint that moved is to be changed by an admin. Nothing here
//! writes.

use contract::notices::{Attempt, EmailFacts};
use domain::notices::delivery::{Event, is_success};
use domain::notices::kinds::Occasion;
use domain::notices::mail::{Letter, letter};
use domain::time::rfc3339;
use edge::mail::{self, Mail, MailError};
use edge::outside::{self, Deadline};
use edge::{CallError, clock};

use super::Desk;
use super::kept::Sending;
use super::known::Endpoint;
use crate::signing::signature;

/// The binding that mails go through.
const EMAIL: &str = "EMAIL";
/// Bytes of what went wrong, as far as it is remembered.
const ERROR_MAX: usize = 200;

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    pub event: Event,
    status: Option<u16>,
    error: Option<String>,
}

impl Came {
    fn with_status(status: u16) -> Self {
        let error = (!is_success(status)).then(|| format!("answered {status}"));
        Self {
            event: Event::Sent(status),
            status: Some(status),
            error,
        }
    }

    fn failed(event: Event, reason: &str) -> Self {
        Self {
            event,
            status: None,
            error: Some(short(reason)),
        }
    }

    /// Mails have no status.
    fn taken() -> Self {
        Self {
            event: Event::Sent(200),
            status: None,
            error: None,
        }
    }

    /// What the receiver seems to be like. A mail that is refused says nothing of the others.
    pub fn went_well(&self) -> Option<bool> {
        match self.event {
            Event::Sent(status) => Some(is_success(status)),
            Event::Lost => Some(false),
            _ => None,
        }
    }

    pub fn attempt(&self, started: i64, now: i64) -> Attempt {
        Attempt {
            at: rfc3339(started),
            status: self.status,
            duration_ms: now.saturating_sub(started),
            error: self.error.clone(),
        }
    }
}

/// The beginning of a text, of whole letters.
fn short(text: &str) -> String {
    let mut end = ERROR_MAX.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default().to_owned()
}

impl Desk {
    /// Posts an event, signed at this moment. Nobody knows about one without an answer.
    pub(super) async fn post(&self, sending: &Sending, endpoint: &Endpoint) -> Came {
        let body = match self.rows.body(&sending.notice_id) {
            Ok(body) => body,
            Err(problem) => return Came::failed(Event::Lost, &problem.detail),
        };
        let now_s = clock::now_ms().div_euclid(1000);
        let (secret, old) = (&endpoint.secret, &endpoint.old_secrets);
        let signed = signature(secret, old, &sending.notice_id, now_s, &body);
        let time = now_s.to_string();
        let headers = [
            ("content-type", "application/json"),
            ("user-agent", "orderlane"),
            ("webhook-id", sending.notice_id.as_str()),
            ("webhook-timestamp", &time),
            ("webhook-signature", &signed),
        ];
        let deadline = Deadline::after_ms(self.plan.timeout_ms);
        let (scope, body) = (self.scope(), body.as_bytes());
        let answer = outside::post(
            &scope,
            "notices.post",
            &endpoint.url,
            &headers,
            body,
            &deadline,
        )
        .await;
        match answer {
            Ok(status) => Came::with_status(status),
            Err(CallError::Unknown(reason)) => Came::failed(Event::Lost, &reason),
            Err(CallError::Refused(problem)) => Came::failed(Event::Lost, &problem.detail),
        }
    }

    fn letter(&self, sending: &Sending) -> Option<Letter> {
        let occasion = Occasion::of(&sending.kind)?;
        let facts: EmailFacts = serde_json::from_str(sending.facts.as_deref()?).ok()?;
        letter(occasion, &self.plan.mail_from_name, &facts)
    }

    /// Mails what an event says. Where there is no address that mail can go to, trying again
    /// changes nothing.
    pub(super) async fn write_to(&self, sending: &Sending) -> Came {
        let Some(letter) = self.letter(sending) else {
            return Came::failed(Event::Refused, "no mail can go to this address");
        };
        let mail = Mail {
            from: &self.plan.mail_from,
            from_name: &self.plan.mail_from_name,
            to: &letter.to,
            subject: &letter.subject,
            text: &letter.text,
            html: &letter.html,
            reference: &sending.notice_id,
        };
        match mail::send(&self.env, &self.scope(), "notices.mail", EMAIL, mail).await {
            Ok(()) => Came::taken(),
            Err(MailError::Refused(reason)) => Came::failed(Event::Refused, &reason),
            Err(MailError::Unknown(reason)) => Came::failed(Event::Lost, &reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_cut_at_whole_letters() {
        assert_eq!(short("abc"), "abc");
        let long = format!("{}ä", "x".repeat(199));
        assert_eq!(short(&long), "x".repeat(199));
        assert_eq!(short(&"é".repeat(150)).len(), 200);
    }

    #[test]
    fn a_redirect_is_no_success_and_says_why() {
        let came = Came::with_status(302);
        assert_eq!(came.went_well(), Some(false));
        assert_eq!(came.attempt(0, 5).error.as_deref(), Some("answered 302"));
        assert_eq!(Came::with_status(204).attempt(1, 5).duration_ms, 4);
        assert_eq!(Came::failed(Event::Refused, "x").went_well(), None);
    }
}
