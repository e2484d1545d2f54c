//! The one source of chance: small, fast, and the same on every machine, so that
//! a seed is a schedule.

/// `SplitMix64`. Good enough to spread schedules, and its whole state is one number.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        let mut rng = Self(seed ^ 0x5851_f42d_4c95_7f2d);
        // Neighbouring seeds must not give neighbouring schedules.
        rng.draw();
        Self(rng.draw())
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `bound - 1`; 0 when there is nothing to choose from.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.draw()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    pub fn index(&mut self, length: usize) -> usize {
        let bound = u64::try_from(length).unwrap_or_default();
        usize::try_from(self.below(bound)).unwrap_or_default()
    }

    /// Both ends included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self
            .below((high - low + 1).max(1).unsigned_abs())
            .cast_signed()
    }

    /// True `per_mille` times in a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    pub fn pick<T: Copy>(&mut self, from: &[T], otherwise: T) -> T {
        from.get(self.index(from.len()))
            .copied()
            .unwrap_or(otherwise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_sequence_and_bounds_are_kept() {
        let (mut one, mut other) = (Rng::new(7), Rng::new(7));
        for _ in 0..1000 {
            assert_eq!(one.draw(), other.draw());
            assert!((3..=5).contains(&one.between(3, 5)));
            assert!((3..=5).contains(&other.between(3, 5)));
        }
        assert_ne!(Rng::new(1).draw(), Rng::new(2).draw());
        assert_eq!(one.below(0), 0);
    }
}
