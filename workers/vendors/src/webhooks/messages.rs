//! The messages in a delivery, and what vendors say in them.
//!
//! Deliveries come in many shapes, most of which are no message (that one was read, that a
//! number changed). So nothing is demanded of the shape: what looks like a message that
//! says something is taken, and the rest is passed over.

use domain::ids::desk_of;
use domain::limits::TEXT_MAX;
use serde_json::Value;

const ID_MAX: usize = 256;
/// A vendor who needs longer than a day has mistyped.
const MINUTES_MAX: u32 = 24 * 60;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    /// With a leading `+`.
    pub phone: String,
    pub text: String,
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

pub fn messages_in(delivery: &Value) -> Vec<Message> {
    list(delivery, "entry")
        .flat_map(|entry| list(entry, "changes"))
        .filter_map(|change| change.get("value"))
        .flat_map(|value| list(value, "messages"))
        .filter_map(message)
        .collect()
}

fn message(message: &Value) -> Option<Message> {
    let id = message.get("id")?.as_str()?;
    let from = message.get("from")?.as_str()?;
    let digits = from.strip_prefix('+').unwrap_or(from);
    let is_phone =
        (6..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let text = [
        "/text/body",
        "/button/payload",
        "/interactive/button_reply/id",
        "/interactive/list_reply/id",
    ];
    let text = text
        .iter()
        .find_map(|place| message.pointer(place)?.as_str())?;
    let is_good = !id.is_empty() && id.len() <= ID_MAX && is_phone;
    is_good.then(|| Message {
        id: id.to_owned(),
        phone: format!("+{digits}"),
        text: text.to_owned(),
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    Accept {
        order: String,
        minutes: Option<u32>,
    },
    Reject {
        order: String,
        reason: String,
    },
    /// It names an order that cannot be one of ours.
    Unknown {
        order: String,
    },
    NotUnderstood,
}

/// What a text asks for: `ACCEPT ORD-… [minutes]` or `REJECT ORD-… [reason]`, in letters
/// of any size, by number or by id.
pub fn wish(text: &str) -> Wish {
    let (verb, rest) = word(text);
    let (order, rest) = word(rest);
    let is_accept = verb.eq_ignore_ascii_case("accept");
    if !is_accept && !verb.eq_ignore_ascii_case("reject") {
        return Wish::NotUnderstood;
    }
    let Some(order) = order_named(order) else {
        return Wish::NotUnderstood;
    };
    if desk_of(&order).is_none() {
        return Wish::Unknown { order };
    }
    if is_accept {
        let minutes = minutes_in(rest);
        return Wish::Accept { order, minutes };
    }
    let reason = cut(rest.trim(), TEXT_MAX).to_owned();
    Wish::Reject { order, reason }
}

/// The first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

/// A number is in capitals, an id is not; marks around them are not meant.
fn order_named(word: &str) -> Option<String> {
    let word = word.trim_matches(|mark: char| !mark.is_ascii_alphanumeric());
    let number = word.to_ascii_uppercase();
    let is_id = word.len() == 36 && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if is_id {
        return Some(word.to_ascii_lowercase());
    }
    let is_number = number.len() > 4 && number.len() <= 64 && number.starts_with("ORD-");
    is_number.then_some(number)
}

fn minutes_in(text: &str) -> Option<u32> {
    let digits = text
        .split(|letter: char| !letter.is_ascii_digit())
        .find(|digits| !digits.is_empty())?;
    let minutes = digits.parse().ok()?;
    (1..=MINUTES_MAX).contains(&minutes).then_some(minutes)
}

/// At most so many bytes, and no half letter.
fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const ID: &str = "01920000-0000-7001-8000-000000000000";

    #[test]
    fn every_way_to_say_something_is_read_and_the_rest_passed_over() {
        let delivery = json!({ "object": "whatsapp_business_account", "entry": [
            { "id": "1", "changes": [{ "field": "messages", "value": { "messages": [
                { "id": "a", "from": "4930123456", "type": "text", "text": { "body": "hello" } },
                { "id": "b", "from": "+4930123456", "type": "button", "button": { "payload": "P", "text": "T" } },
                { "id": "c", "from": "4930123456", "type": "interactive",
                  "interactive": { "type": "button_reply", "button_reply": { "id": "I", "title": "T" } } },
                { "id": "d", "from": "4930123456", "type": "interactive",
                  "interactive": { "type": "list_reply", "list_reply": { "id": "L", "title": "T" } } },
                { "id": "e", "from": "4930123456", "type": "image", "image": {} },
                { "id": "", "from": "4930123456", "text": { "body": "no id" } },
                { "id": "f", "from": "somebody", "text": { "body": "no phone" } },
                { "id": 7, "from": "4930123456", "text": { "body": "a number" } },
                "odd", null,
            ] } }] },
            { "changes": [{ "value": { "statuses": [{ "id": "a", "status": "read" }] } }, {}, 7] },
            {}, [],
        ] });
        let found = messages_in(&delivery);
        let texts: Vec<(&str, &str)> = found
            .iter()
            .map(|m| (m.id.as_str(), m.text.as_str()))
            .collect();
        assert_eq!(texts, [("a", "hello"), ("b", "P"), ("c", "I"), ("d", "L")]);
        assert!(found.iter().all(|message| message.phone == "+4930123456"));
        for other in [json!({}), json!([]), json!(7), json!({ "entry": {} })] {
            assert!(messages_in(&other).is_empty());
        }
    }

    fn accept(order: &str, minutes: Option<u32>) -> Wish {
        let order = order.to_owned();
        Wish::Accept { order, minutes }
    }

    #[test]
    fn answers_are_understood_however_they_are_typed() {
        let number = "ORD-2026-AAAAA1";
        for text in [
            "ACCEPT ORD-2026-AAAAA1",
            " accept\n ord-2026-aaaaa1 ",
            "Accept \"ORD-2026-AAAAA1\".",
        ] {
            assert_eq!(wish(text), accept(number, None), "{text}");
        }
        assert_eq!(
            wish(&format!("accept {}", ID.to_uppercase())),
            accept(ID, None)
        );
        for (text, minutes) in [
            ("25", Some(25)),
            ("in 25 minutes", Some(25)),
            ("soon", None),
            ("0", None),
            ("1441", None),
            ("99999999999", None),
        ] {
            assert_eq!(
                wish(&format!("ACCEPT {number} {text}")),
                accept(number, minutes),
                "{text}"
            );
        }
        let reject = |reason: &str| Wish::Reject {
            order: number.to_owned(),
            reason: reason.to_owned(),
        };
        assert_eq!(wish("reject ORD-2026-AAAAA1"), reject(""));
        assert_eq!(
            wish("Reject ORD-2026-AAAAA1  out of bread "),
            reject("out of bread")
        );
        assert_eq!(
            wish(&format!("reject {number} {}", "ä".repeat(600))),
            reject(&"ä".repeat(500))
        );
        for text in [
            "",
            "hello",
            "accept",
            "accept it",
            "acceptORD-2026-AAAAA1",
            "ORD-2026-AAAAA1",
            "reject ORD-",
            "yes ORD-2026-AAAAA1",
        ] {
            assert_eq!(wish(text), Wish::NotUnderstood, "{text}");
        }
        for order in [
            "ORD-1",
            "ORD-2026-IIIIII",
            "00000000-0000-4000-8000-000000000000",
        ] {
            assert_eq!(
                wish(&format!("accept {order}")),
                Wish::Unknown {
                    order: order.to_owned()
                }
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_harmless(text in "(?i)(accept|reject)?\\s?(ORD-)?.{0,80}") {
            let _ = wish(&text);
            prop_assert!(cut(&text, 20).len() <= 20);
        }
    }
}
