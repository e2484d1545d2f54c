//! Mails, through the platform's binding for sending them.
//!
//! The platform makes the message itself: parts, encodings, headers, its id and its
//! signature. It is handed texts, never a message, so nothing in a text can become a header.
//! It answers when it has taken the mail over, and what becomes of it then is not known here.
//! There is no sending twice under one id, so a mail whose answer was lost goes out again;
//! both carry the same reference.

use futures::future::{Either, select};
use std::pin::pin;
use worker::js_sys::{Error, JsString, Object, Reflect};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{EmailAddress, Env, SendEmailBuilder};

use crate::{Scope, clock, faults, telemetry};

/// A platform that does not answer by then is given up.
const ANSWER_MS: i64 = 30_000;

#[derive(Debug, Clone, Copy)]
pub struct Mail<'a> {
    pub from: &'a str,
    pub from_name: &'a str,
    pub to: &'a str,
    pub subject: &'a str,
    pub text: &'a str,
    pub html: &'a str,
    /// The same for a mail that is sent again, so that a reader may tell.
    pub reference: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailError {
    /// It is not taken, and never will be as it is.
    Refused(String),
    /// It may or may not have been taken.
    Unknown(String),
}

/// What the platform calls refusals that no repeat can change. Limits that were reached and
/// a sender who is not set up yet are none.
const REFUSALS: [&str; 7] = [
    "E_VALIDATION_ERROR",
    "E_FIELD_MISSING",
    "E_CONTENT_TOO_LARGE",
    "E_HEADER_NOT_ALLOWED",
    "E_RECIPIENT_SUPPRESSED",
    "E_RECIPIENT_NOT_ALLOWED",
    "RCPT_NOT_ALLOWED",
];

/// Sends one mail through the binding of that name.
pub async fn send(
    env: &Env,
    scope: &Scope,
    step: &str,
    binding: &str,
    mail: Mail<'_>,
) -> Result<(), MailError> {
    let sent = || carry(env, binding, mail);
    faults::around(scope, step, "mail", MailError::Unknown, sent).await
}

async fn carry(env: &Env, binding: &str, mail: Mail<'_>) -> Result<(), MailError> {
    telemetry::count("trips", &[("kind", "mail")], 1);
    let unknown = |error: worker::Error| MailError::Unknown(error.to_string());
    let sender = env.send_email(binding).map_err(unknown)?;
    let from = EmailAddress::new(mail.from_name, mail.from);
    let builder =
        SendEmailBuilder::builder_with_email_address_and_str(&from, mail.to, mail.subject)
            .text(mail.text)
            .html(mail.html)
            .headers(&reference(mail.reference).map_err(|error| unknown(error.into()))?)
            .build();
    let answer = pin!(sender.send_with_builder(&builder));
    let given_up = pin!(clock::pause(ANSWER_MS));
    match select(answer, given_up).await {
        Either::Left((answer, _)) => answer.map(|_| ()).map_err(|error| sorted(&error)),
        Either::Right(_) => Err(MailError::Unknown("the platform did not answer".into())),
    }
}

fn reference(value: &str) -> Result<Object<JsString>, JsValue> {
    let headers = Object::new();
    Reflect::set(&headers, &"X-Entity-Ref-ID".into(), &value.into())?;
    Ok(headers.unchecked_into())
}

fn sorted(error: &Error) -> MailError {
    let code = Reflect::get(error, &"code".into()).ok();
    let code = code.and_then(|code| code.as_string()).unwrap_or_default();
    let message = String::from(error.message());
    let reason = if code.is_empty() {
        message
    } else {
        format!("{code}: {message}")
    };
    if REFUSALS.contains(&code.as_str()) {
        MailError::Refused(reason)
    } else {
        MailError::Unknown(reason)
    }
}
