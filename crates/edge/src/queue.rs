//! Queues: one way to put a message on one, and to take one off.
//!
//! Messages travel as text: of other values the platform loses some. A queue delivers at
//! least once and in any order, and the local one forgets all when it is killed, so whoever
//! sends keeps what it sends until it knows of the effect.

use worker::{Env, MessageExt, QueueRetryOptionsBuilder, RawMessage};

use crate::call::CallError;
use crate::{Scope, clock, faults};

/// A message has so many bytes at most.
pub const MESSAGE_MAX: usize = 64 * 1024;
/// The shortest pause before another try, and the longest.
const AGAIN_S: u32 = 2;
const AGAIN_MAX_S: u32 = 300;

/// Puts a message on a queue. An error says nothing of whether it is there.
pub async fn send(env: &Env, scope: &Scope, binding: &str, text: &str) -> Result<(), CallError> {
    if text.len() > MESSAGE_MAX {
        return Err(CallError::Unknown("the message is too large".into()));
    }
    let sent = || async {
        let queue = env.queue(binding)?;
        queue.send(text).await?;
        Ok(())
    };
    let step = format!("queue.{binding}");
    faults::around(scope, &step, "", CallError::Unknown, sent).await
}

/// What a message says; of one that is no text, as JSON.
pub fn text_of(message: &RawMessage) -> String {
    let body = message.body();
    let as_json = || {
        worker::js_sys::JSON::stringify(&body)
            .ok()
            .map(String::from)
    };
    body.as_string().or_else(as_json).unwrap_or_default()
}

/// How long ago it was sent.
pub fn age_ms(message: &RawMessage) -> i64 {
    #[allow(clippy::cast_possible_wrap, reason = "far below 2^63")]
    let sent = message.timestamp().as_millis() as i64;
    clock::now_ms().saturating_sub(sent).max(0)
}

/// It comes again, after as long as it has waited in all, so pauses double.
pub fn again(message: &RawMessage) {
    let pause = u32::try_from(age_ms(message) / 1000).unwrap_or(AGAIN_MAX_S);
    let options = QueueRetryOptionsBuilder::new()
        .with_delay_seconds(pause.clamp(AGAIN_S, AGAIN_MAX_S))
        .build();
    message.retry_with_options(&options);
}
