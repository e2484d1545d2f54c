//! When a sending that failed is tried again.
//!
//! The waits grow, and each is drawn out by up to a tenth, so that what failed together
//! does not come back together. Chance is an argument.

/// The waits between tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    waits_ms: Vec<i64>,
}

const WAITS_MAX: usize = 30;
const WAIT_MAX_MS: i64 = 7 * 24 * 60 * 60 * 1000;

impl Default for Schedule {
    /// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
    fn default() -> Self {
        let minutes = [5, 30, 120, 300, 600, 840, 1200, 1440];
        let later = minutes.map(|minutes: i64| minutes.saturating_mul(60_000));
        let mut waits_ms = vec![5_000];
        waits_ms.extend(later);
        Self { waits_ms }
    }
}

impl Schedule {
    /// From milliseconds with commas between. None when that is not what it is.
    pub fn parse(text: &str) -> Option<Self> {
        let waits: Option<Vec<i64>> = text
            .split(',')
            .map(|wait| wait.trim().parse().ok())
            .collect();
        let waits_ms = waits.filter(|waits| waits.len() <= WAITS_MAX)?;
        let good = waits_ms.iter().all(|wait| (1..=WAIT_MAX_MS).contains(wait));
        good.then_some(Self { waits_ms })
    }

    /// How long to wait after so many tries, all of them failed. None when that was the
    /// last.
    pub fn after(&self, tries: u32, chance: u16) -> Option<i64> {
        let before = usize::try_from(tries.checked_sub(1)?).ok()?;
        let wait = *self.waits_ms.get(before)?;
        let tenth = wait.checked_div(10)?;
        let more = tenth
            .saturating_mul(i64::from(chance))
            .checked_div(i64::from(u16::MAX))?;
        Some(wait.saturating_add(more))
    }

    /// The first of its waits, as far as they end within that time. For what nobody wants
    /// to hear late.
    #[must_use]
    pub fn within(&self, total_ms: i64) -> Self {
        let mut sum = 0_i64;
        let waits = self.waits_ms.iter().copied().take_while(|wait| {
            sum = sum.saturating_add(*wait);
            sum <= total_ms
        });
        Self {
            waits_ms: waits.collect(),
        }
    }

    /// How often a sending is tried before it is dead.
    pub fn tries(&self) -> u32 {
        u32::try_from(self.waits_ms.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_waits_are_the_ones_that_were_promised() {
        let schedule = Schedule::default();
        let waits: Vec<i64> = (1..=9)
            .filter_map(|tries| schedule.after(tries, 0))
            .collect();
        let seconds = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
        assert_eq!(waits, seconds.map(|second| second * 1000));
        assert_eq!((schedule.after(10, 0), schedule.after(0, 0)), (None, None));
        assert_eq!(
            schedule.after(1, u16::MAX),
            Some(5_500),
            "and a tenth more at most"
        );
        assert_eq!(schedule.tries(), 10);
    }

    #[test]
    fn it_is_read_whole_or_not_at_all() {
        let parsed = Schedule::parse("10, 20,30").unwrap();
        assert_eq!((parsed.after(3, 0), parsed.after(4, 0)), (Some(30), None));
        for bad in [
            "",
            "x",
            "1,,2",
            "0",
            "-5",
            "1.5",
            "1;2",
            "604800001",
            &"1,".repeat(31),
        ] {
            assert_eq!(Schedule::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_shorter_one_ends_in_time() {
        let day = Schedule::default().within(24 * 60 * 60 * 1000);
        assert_eq!(day.tries(), 7);
        assert_eq!(Schedule::default().within(4_999).tries(), 1);
    }

    proptest! {
        #[test]
        fn chance_draws_a_wait_out_by_a_tenth_at_most(tries in 1..10_u32, chance: u16) {
            let schedule = Schedule::default();
            let (plain, drawn) = (schedule.after(tries, 0).unwrap(), schedule.after(tries, chance).unwrap());
            prop_assert!(plain <= drawn && drawn <= plain + plain / 10);
            let next = schedule.after(tries + 1, 0);
            prop_assert!(next.is_none_or(|next| next > drawn), "it grows");
        }
    }
}
