//! Every bound that a caller can run into, in one place.
//!
//! A bound is a promise in both directions: beyond it input is refused by name of
//! the field, and within it nothing overflows.

use serde::{Deserialize, Serialize};

/// Lines in one cart or order.
pub const LINES_MAX: usize = 50;
/// Units of one SKU in one cart.
pub const QUANTITY_MAX: i64 = 100_000;
/// Units of one SKU in one warehouse.
pub const STOCK_MAX: i64 = 1_000_000_000;
/// Price of one unit, in minor units.
pub const PRICE_MAX: i64 = 100_000_000_000;
/// Bytes in a request body, unless a route says otherwise.
pub const BODY_MAX: usize = 64 * 1024;
/// Bytes in the body of a bulk import.
pub const IMPORT_BODY_MAX: usize = 1024 * 1024;
/// Characters of a SKU, a warehouse id or a product id.
pub const CODE_MAX: usize = 64;
/// Characters of an `Idempotency-Key`.
pub const KEY_MAX: usize = 255;
/// Characters of free text, such as instructions or a reason.
pub const TEXT_MAX: usize = 1000;
/// Characters of one line of an address.
pub const ADDRESS_LINE_MAX: usize = 200;
/// Characters of the address of a device that is pushed to.
pub const ENDPOINT_MAX: usize = 2_000;
/// An amount that callers name, in minor units: every client there is can read and write it.
pub const AMOUNT_MAX: i64 = 9_007_199_254_740_991;
/// What a buyer may owe at most, in minor units.
pub const CREDIT_MAX: i64 = 1_000_000_000_000;
/// Orders that a vendor works on at once: more is a slip of the hand.
pub const VENDOR_CAPACITY_MAX: i64 = 10_000;
/// Minutes that a vendor may say it needs for an order.
pub const PREPARATION_MAX_MIN: u32 = 24 * 60;
/// How long a completed cart answers a repeated place-order without a key.
pub const CART_REPLAY_MS: i64 = 10 * 60 * 1000;
/// How long an idempotency key is remembered.
pub const KEY_TTL_MS: i64 = 48 * 60 * 60 * 1000;
/// How long a repeat waits for the first call with its key.
pub const KEY_WAIT_MS: i64 = 5_000;
/// How long a buyer waits for stock that an unfinished placement holds.
pub const STOCK_WAIT_MS: i64 = 2_000;
/// How long the rows of what came to nothing stay in their desk.
pub const DESK_ROWS_TTL_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Bytes of what is said of one event to the outside. Receivers are told to expect less.
pub const NOTICE_DATA_MAX: usize = 32 * 1024;
/// Bytes of what is known of who a mail goes to, as JSON.
pub const EMAIL_FACTS_MAX: usize = 8 * 1024;
/// Endpoints of webhooks. Each event may go to all of them.
pub const ENDPOINTS_MAX: i64 = 50;
/// Sendings that wait for one receiver in one desk. What comes on top is dead at once, and may
/// be asked for again when the receiver is back.
pub const LANE_WAITING_MAX: i64 = 10_000;

/// Whether a code (SKU, warehouse id, product id) is one that we accept: visible
/// ASCII without quotes or slashes, so that it fits a path, a log line and a CSV.
pub fn is_code(code: &str) -> bool {
    !code.is_empty()
        && code.len() <= CODE_MAX
        && code
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
}

/// The same in the words of a description.
pub const CODE: &str = "^[A-Za-z0-9._:-]{1,64}$";

/// Whether a text has at most so many characters.
pub fn fits(text: &str, max: usize) -> bool {
    text.len() <= max || text.chars().count() <= max
}

/// Whether an `Idempotency-Key` is one that we accept: visible ASCII.
pub fn is_key(key: &str) -> bool {
    (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The same in the words of a description.
pub const KEY: &str = "^[!-~]{1,255}$";

/// A fixed window that counts a caller's attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Start of the window that `count` belongs to.
    pub start_ms: i64,
    pub count: u32,
}

impl Window {
    pub const LENGTH_MS: i64 = 60_000;

    /// Counts one attempt. Refused attempts are not counted, and the refusal
    /// says after how many seconds the next window opens.
    pub fn admit(&mut self, limit: u32, now_ms: i64) -> Result<(), u32> {
        let age = now_ms.saturating_sub(self.start_ms);
        if !(0..Self::LENGTH_MS).contains(&age) {
            *self = Self {
                start_ms: now_ms,
                count: 0,
            };
        }
        if self.count >= limit {
            let left_ms = Self::LENGTH_MS
                .saturating_sub(now_ms.saturating_sub(self.start_ms))
                .max(1);
            let seconds = left_ms.saturating_add(999).checked_div(1000).unwrap_or(1);
            return Err(u32::try_from(seconds).unwrap_or(60));
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_refuses_beyond_its_limit_and_opens_again() {
        let mut window = Window::default();
        for _ in 0..3 {
            assert_eq!(window.admit(3, 1_000_000), Ok(()));
        }
        assert_eq!(window.admit(3, 1_010_000), Err(50));
        assert_eq!(window.admit(3, 1_060_000), Ok(()));
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert!(fits(&"\u{e4}".repeat(10), 10) && !fits(&"\u{e4}".repeat(11), 10));
        assert!(fits("", 0) && !fits("a", 0));
    }

    #[test]
    fn keys_are_visible_ascii() {
        assert!(is_key("!~") && is_key(&"x".repeat(KEY_MAX)));
        for bad in ["", "a b", "\u{e4}", "\u{7f}", &"x".repeat(KEY_MAX + 1)] {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[test]
    fn codes_are_plain() {
        assert!(is_code("SHOE-9.5_a:b"));
        for bad in ["", "a b", "a/b", "ä", "a'b", &"x".repeat(65)] {
            assert!(!is_code(bad), "{bad}");
        }
    }
}
