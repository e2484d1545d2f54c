//! What became of requests for drivers, as it comes over the queue: to the desk of the order.
//!
//! A response is consumed when the desk has written it down. What fails comes again with
//! growing pauses and then goes to the dead-letter queue, and so does at once what nobody
//! can understand. Safe to repeat and in any order: a report has a version, and the older of
//! two says nothing.

use contract::dispatch::{DEAD_RESPONSES_BINDING, ReportBody};
use contract::order::{HearErrand, ORDER_DESK, desk_name};
use domain::ids::desk_of_uuid;
use edge::call::{To, call};
use edge::{Scope, queue, telemetry};
use futures::future::join_all;
use serde::Deserialize;
use worker::{Env, MessageBatch, MessageExt, RawMessage};

/// As much of a response as the order wants to know.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    order_id: String,
    report: ReportBody,
}

pub async fn take(batch: &MessageBatch<String>, env: &Env) {
    join_all(batch.raw_iter().map(|message| one(env, message))).await;
}

async fn one(env: &Env, message: RawMessage) {
    let text = queue::text_of(&message);
    let response = serde_json::from_slice::<Response>(text.as_bytes()).ok();
    let known = response.and_then(|response| Some((desk_of_uuid(&response.order_id)?, response)));
    let scope = Scope::default();
    let Some((number, response)) = known else {
        telemetry::error("response_not_understood", &[]);
        return match queue::send(env, &scope, DEAD_RESPONSES_BINDING, &text).await {
            Ok(()) => message.ack(),
            Err(_) => queue::again(&message),
        };
    };
    let name = desk_name(number);
    let heard = HearErrand {
        order_id: response.order_id,
        report: response.report,
    };
    match call(env, &scope, To::Object(ORDER_DESK, &name), heard).await {
        Ok(_) => message.ack(),
        Err(error) => {
            let reason = format!("{error:?}");
            telemetry::warn("response_not_taken", &[("reason", &reason)]);
            queue::again(&message);
        }
    }
}
