//! What the shop says to the outside: what is to be said, what admins set and see.
//!
//! An event is told once for its id, to every endpoint that wants its kind and by mail where
//! there is somebody to write to. Its id goes along as `webhook-id`; it is signed between
//! full stops, so it has none: letters, digits and `-_:`, 128 at most.

use domain::ids::shard_of;
use domain::lifecycle::{Delivery, Fulfilment, Method, PaymentStatus, Status};
pub use domain::notices::mail::EmailFacts;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Empty, commands};

/// The binding of the worker that speaks to the outside.
pub const NOTICE_SERVICE: &str = "NOTICE_SERVICE";
/// The binding of the desks that keep what is to be said.
pub const NOTICE_DESK: &str = "NOTICE_DESK";
/// Notices in one call.
pub const NOTICES_MAX: usize = 500;

pub fn notice_desk_name(desk: u16) -> String {
    format!("notices-{desk}")
}

/// The desk of an order's notices, of so many. What is said of one order goes through one.
pub fn notice_desk_of(order_id: &str, desks: u16) -> u16 {
    shard_of(order_id, desks)
}

/// One event of one order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The same id is the same event, and counts once.
    pub id: String,
    /// One of `domain::notices::kinds::KINDS`.
    pub kind: String,
    pub order_id: String,
    /// When it happened, as RFC 3339.
    pub at: String,
    /// The JSON of what is to be said of it, passed on as it is.
    pub data: String,
    /// Who is to be written to, where the kind is one that customers get a mail about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailFacts>,
}

commands!(AtNotices {
    /// Say this. Once it is answered it is durable and will be said; the same again changes
    /// nothing. A notice that cannot be one refuses the call, and none of it counts.
    Notify as Notify { notices: Vec<Notice> } -> Empty, |_| "notices.notify".into();
});

commands!(AtNoticeDesk {
    /// Those of these orders that are this desk's, which is of that number.
    Take as TakeNotices { desk: u16, notices: Vec<Notice> } -> Empty, |_| "notices.take".into();
    /// Send the event `ping` to an endpoint. Each is an event of its own.
    Ping as PingEndpoint { desk: u16, endpoint_id: String } -> SendingStands,
        |_| "notices.ping".into();
    /// A delivery with its body and its last attempts.
    Get as GetSending { id: String } -> Option<DeliveryDetail>, |_| "notices.get".into();
    /// Try one again now. With `only_dead` one that is not dead is left as it is. One that is
    /// being tried is left too, so this may be repeated.
    Replay as ReplaySending { id: String, only_dead: bool } -> Option<SendingStands>,
        |_| "notices.replay".into();
    /// Endpoints have changed: look at them before the next one is used.
    Forget as ForgetEndpoints {} -> Empty, |_| "notices.forget".into();
});

/// Notices that are JSON already, in one call.
#[derive(Debug, Clone)]
pub struct NotifyAll(pub Vec<String>);

impl crate::Command for NotifyAll {
    type Reply = Empty;

    fn step(&self) -> String {
        "notices.notify".into()
    }

    fn body(&self) -> serde_json::Result<String> {
        let notices = self.0.join(",");
        Ok(format!("{{\"notify\":{{\"notices\":[{notices}]}}}}"))
    }
}

/// What an order's change says to the outside.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderNotice<'a> {
    pub order_id: &'a str,
    pub order_number: &'a str,
    pub customer_id: &'a str,
    pub version: u32,
    pub old_status: Option<Status>,
    pub status: Status,
    pub payment_status: PaymentStatus,
    pub fulfilment_status: Fulfilment,
    pub delivery_status: Delivery,
    pub payment_method: Method,
    pub total_minor: i64,
    pub due_minor: i64,
    pub currency: &'a str,
    pub reason: Option<&'a str>,
    pub occurred_at: &'a str,
}

/// How a sending stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SendingStands {
    pub id: String,
    pub state: String,
    pub attempts: u32,
}

/// A new endpoint, as an admin writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Address"))]
    pub url: String,
    /// Null, or left out, for every kind.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Kinds>"))]
    pub kinds: Option<Vec<String>>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Text>"))]
    pub description: Option<String>,
}

/// What is null is set to nothing, what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Address>"))]
    pub url: Option<String>,
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Kinds>"))]
    pub kinds: Option<Option<Vec<String>>>,
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Text>"))]
    pub description: Option<Option<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

#[allow(clippy::option_option, reason = "left out and null are two things")]
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// An endpoint as it is shown. Its secret is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookView {
    pub id: String,
    pub url: String,
    pub kinds: Option<Vec<String>>,
    pub description: Option<String>,
    pub active: bool,
    pub disabled_reason: Option<String>,
    pub disabled_at: Option<String>,
    pub last_success_at: Option<String>,
    /// Since when nothing has got through, if that is so.
    pub failing_since: Option<String>,
    pub created_at: String,
    pub updated_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookPage {
    pub webhooks: Vec<WebhookView>,
}

/// A delivery in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryView {
    pub id: String,
    pub endpoint_id: String,
    pub event_id: String,
    pub kind: String,
    pub order_id: Option<String>,
    pub state: String,
    pub attempts: u32,
    pub last_status: Option<u16>,
    pub last_error: Option<String>,
    pub next_attempt_at: Option<String>,
    pub created_at: String,
    pub delivered_at: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryPage {
    pub deliveries: Vec<DeliveryView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attempt {
    pub at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    pub duration_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A delivery with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryDetail {
    pub delivery: DeliveryView,
    /// The last twelve, the latest last.
    pub log: Vec<Attempt>,
    pub body: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EmailView {
    pub id: String,
    pub event_id: String,
    pub kind: String,
    pub order_id: String,
    pub to: String,
    pub state: String,
    pub attempts: u32,
    pub last_error: Option<String>,
    pub next_attempt_at: Option<String>,
    pub created_at: String,
    pub delivered_at: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EmailPage {
    pub emails: Vec<EmailView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Something that was given up, to an endpoint or by mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadView {
    pub id: String,
    /// `webhook` or `email`.
    pub channel: String,
    /// The endpoint's id, or the address.
    pub receiver: String,
    pub event_id: String,
    pub kind: String,
    pub order_id: Option<String>,
    pub attempts: u32,
    pub last_status: Option<u16>,
    pub last_error: Option<String>,
    pub created_at: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadPage {
    pub dead: Vec<DeadView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_of_a_change_is_not_what_is_null() {
        let read = |text: &str| serde_json::from_str::<WebhookChange>(text);
        assert_eq!(read("{}").unwrap(), WebhookChange::default());
        let change = read(r#"{"kinds":null,"active":false}"#).unwrap();
        assert_eq!(
            (change.kinds.clone(), change.active),
            (Some(None), Some(false))
        );
        let text = serde_json::to_string(&change).unwrap();
        assert_eq!(
            text, r#"{"kinds":null,"active":false}"#,
            "and goes on as it came"
        );
        let some = read(r#"{"kinds":["order.paid"],"description":"x"}"#).unwrap();
        assert_eq!(some.kinds, Some(Some(vec!["order.paid".to_owned()])));
        assert!(read(r#"{"secret":"x"}"#).is_err() && read(r#"{"kinds":"x"}"#).is_err());
    }

    #[test]
    fn a_secret_that_is_not_new_is_not_shown() {
        let text = r#"{"id":"e","url":"u","kinds":null,"description":null,"active":true,
            "disabled_reason":null,"disabled_at":null,"last_success_at":null,"failing_since":null,
            "created_at":"","updated_at":""}"#;
        let view: WebhookView = serde_json::from_str(text).unwrap();
        assert!(!serde_json::to_string(&view).unwrap().contains("secret"));
    }
}
