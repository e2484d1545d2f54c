//! Points in time are milliseconds since the epoch; this writes them as people
//! and protocols read them, in UTC.

use chrono::{DateTime, Days};

/// `2026-11-20T13:05:00.123Z`.
pub fn rfc3339(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// The instant that a text of that kind names.
pub fn from_rfc3339(text: &str) -> Option<i64> {
    let parsed = DateTime::parse_from_rfc3339(text).ok()?;
    Some(parsed.timestamp_millis())
}

/// The first instant of a calendar date such as `2026-11-23`, and that of the day after.
pub fn day(text: &str) -> Option<(i64, i64)> {
    // The other text that a date can be written as would be a second reader in every worker.
    let first = (text.len() == 10).then(|| from_rfc3339(&format!("{text}T00:00:00Z")))??;
    Some((first, first.checked_add(24 * 60 * 60 * 1000)?))
}

/// The calendar date `days` after the given instant, such as `2026-11-23`.
pub fn date_after(ms: i64, days: u32) -> String {
    let start = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    start
        .checked_add_days(Days::new(u64::from(days)))
        .unwrap_or(start)
        .format("%Y-%m-%d")
        .to_string()
}

/// The calendar year of an instant.
pub fn year(ms: i64) -> i32 {
    chrono::Datelike::year(&DateTime::from_timestamp_millis(ms).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_cross_the_month() {
        let ms = 1_795_996_799_000; // 2026-11-29T23:59:59Z
        assert_eq!(rfc3339(ms), "2026-11-29T23:59:59.000Z");
        assert_eq!(from_rfc3339(&rfc3339(ms)), Some(ms));
        assert_eq!(from_rfc3339("2026-11-30T01:59:59+02:00"), Some(ms));
        assert_eq!(from_rfc3339("tomorrow"), None);
        assert_eq!(
            day("2026-11-29"),
            Some((1_795_910_400_000, 1_795_996_800_000))
        );
        assert_eq!(day("2026-02-30"), None);
        assert_eq!(date_after(ms, 3), "2026-12-02");
        assert_eq!(year(ms), 2026);
    }
}
