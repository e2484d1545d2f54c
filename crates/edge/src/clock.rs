//! Time and randomness, from the platform: the rules take them as arguments.

use std::time::Duration;

pub fn now_ms() -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "whole, and far below 2^53")]
    let now = worker::js_sys::Date::now() as i64;
    now
}

/// Eight random bytes. Should the platform have none, the clock has to do.
pub fn random_bytes() -> [u8; 8] {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes,
        Err(_) => now_ms().to_le_bytes(),
    }
}

/// Waits. In objects only for bounded, short times: a timer keeps them awake.
pub async fn pause(ms: i64) {
    let ms = u64::try_from(ms).unwrap_or_default();
    worker::Delay::from(Duration::from_millis(ms)).await;
}
