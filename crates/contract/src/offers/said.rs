//! Reads what vendors say about offers. It comes from anywhere, so everything about it
//! may be wrong; what is wrong is named by its field.

use domain::assignment::Tag;
use domain::limits::{PREPARATION_MAX_MIN, TEXT_MAX, fits};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{AcceptOrder, OfferSeen, RejectOrder};
use crate::{Problem, code};

fn object(said: Option<&Value>) -> Result<&Map<String, Value>, Problem> {
    let object = said.and_then(Value::as_object);
    object.ok_or_else(|| Problem::new(code::INVALID_FIELD, "say which order: { orderId }"))
}

/// A field that may be left out, or be null.
fn field<'a>(said: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    said.get(name).filter(|value| !value.is_null())
}

fn order(said: &Map<String, Value>) -> Result<String, Problem> {
    let order = field(said, "orderId").and_then(Value::as_str);
    let order = order.filter(|order| !order.is_empty() && fits(order, TEXT_MAX));
    let wrong = || Problem::field("orderId", "must be the id or the number of an order");
    order.map(str::to_owned).ok_or_else(wrong)
}

fn tag(said: &Map<String, Value>) -> Result<Option<Tag>, Problem> {
    let tag = field(said, "tag").map(Tag::deserialize).transpose();
    tag.map_err(|_| Problem::field("tag", "must be as it came with the offer: { epoch, batch }"))
}

fn minutes(said: &Map<String, Value>) -> Result<Option<u32>, Problem> {
    let Some(minutes) = field(said, "preparationTime") else {
        return Ok(None);
    };
    let minutes = minutes
        .as_u64()
        .and_then(|minutes| u32::try_from(minutes).ok());
    let minutes = minutes.filter(|minutes| *minutes <= PREPARATION_MAX_MIN);
    let wrong = format!("must be a whole number of minutes from 0 to {PREPARATION_MAX_MIN}");
    minutes
        .map(Some)
        .ok_or_else(|| Problem::field("preparationTime", &wrong))
}

fn reason(said: &Map<String, Value>) -> Result<Option<String>, Problem> {
    let Some(reason) = field(said, "reason") else {
        return Ok(None);
    };
    let reason = reason.as_str().filter(|reason| fits(reason, TEXT_MAX));
    let wrong = format!("must be a text of at most {TEXT_MAX} characters");
    let reason = reason.ok_or_else(|| Problem::field("reason", &wrong))?;
    Ok(Some(reason.to_owned()))
}

impl AcceptOrder {
    pub fn read(said: Option<&Value>) -> Result<Self, Problem> {
        let said = object(said)?;
        Ok(Self {
            order_id: order(said)?,
            preparation_time: minutes(said)?,
            tag: tag(said)?,
        })
    }
}

impl RejectOrder {
    pub fn read(said: Option<&Value>) -> Result<Self, Problem> {
        let said = object(said)?;
        Ok(Self {
            order_id: order(said)?,
            reason: reason(said)?,
            tag: tag(said)?,
        })
    }
}

impl OfferSeen {
    pub fn read(said: Option<&Value>) -> Result<Self, Problem> {
        let said = object(said)?;
        Ok(Self {
            order_id: order(said)?,
            tag: tag(said)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_whole_is_read() {
        let tag = Some(Tag { epoch: 2, batch: 3 });
        let said = json!({
            "orderId": "o", "preparationTime": 1440, "tag": { "epoch": 2, "batch": 3 },
            "reason": "closed", "vendorId": "somebody else", "more": [],
        });
        let order_id = "o".to_owned();
        let accept = AcceptOrder {
            order_id: order_id.clone(),
            preparation_time: Some(1440),
            tag,
        };
        assert_eq!(AcceptOrder::read(Some(&said)), Ok(accept));
        let reject = RejectOrder {
            order_id: order_id.clone(),
            reason: Some("closed".into()),
            tag,
        };
        assert_eq!(RejectOrder::read(Some(&said)), Ok(reject));
        assert_eq!(
            OfferSeen::read(Some(&said)),
            Ok(OfferSeen { order_id, tag })
        );
        let bare = json!({ "orderId": "o", "preparationTime": null, "tag": null });
        let accept = AcceptOrder::read(Some(&bare)).unwrap();
        assert_eq!((accept.preparation_time, accept.tag), (None, None));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        let long = "x".repeat(TEXT_MAX + 1);
        for (said, wrong) in [
            (json!({}), "orderId"),
            (json!({ "orderId": "" }), "orderId"),
            (json!({ "orderId": 7 }), "orderId"),
            (json!({ "orderId": &long }), "orderId"),
            (
                json!({ "orderId": "o", "preparationTime": 1441 }),
                "preparationTime",
            ),
            (
                json!({ "orderId": "o", "preparationTime": -1 }),
                "preparationTime",
            ),
            (
                json!({ "orderId": "o", "preparationTime": 1.5 }),
                "preparationTime",
            ),
            (
                json!({ "orderId": "o", "preparationTime": "9" }),
                "preparationTime",
            ),
            (
                json!({ "orderId": "o", "preparationTime": u64::MAX }),
                "preparationTime",
            ),
            (json!({ "orderId": "o", "tag": 1 }), "tag"),
            (json!({ "orderId": "o", "tag": { "epoch": 1 } }), "tag"),
            (
                json!({ "orderId": "o", "tag": { "epoch": -1, "batch": 1 } }),
                "tag",
            ),
        ] {
            let problem = AcceptOrder::read(Some(&said)).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some(wrong), "{said}");
        }
        for said in [
            json!({ "orderId": "o", "reason": 7 }),
            json!({ "orderId": "o", "reason": &long }),
        ] {
            let problem = RejectOrder::read(Some(&said)).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some("reason"), "{said}");
        }
        let plain = [json!(null), json!("o"), json!([{ "orderId": "o" }])];
        for said in plain.iter().map(Some).chain([None]) {
            let problem = OfferSeen::read(said).unwrap_err();
            assert!(problem.is(code::INVALID_FIELD) && problem.detail.contains("orderId"));
        }
    }
}
