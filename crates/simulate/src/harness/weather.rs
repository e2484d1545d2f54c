//! How bad it is, and until when. A schedule has its own weather: which faults occur at
//! all, how often, and a step where they crowd. Few kinds often find what all kinds seldom
//! hide. After a while nothing fails any more, so that everything can come to rest.

use super::Named;
use crate::rng::Rng;

#[derive(Debug, Clone)]
pub struct Weather<S, F> {
    kinds: Vec<F>,
    per_mille: u64,
    focus: (S, u64),
    until_ms: i64,
}

impl<S: Named, F: Named> Weather<S, F> {
    pub fn draw(rng: &mut Rng, fair_by_ms: i64) -> Self {
        let all = F::all().iter().copied();
        let mut kinds: Vec<F> = all.filter(|_| rng.chance(600)).collect();
        if kinds.is_empty() {
            kinds = F::all().to_vec();
        }
        Self {
            kinds,
            per_mille: rng.pick(&[0, 10, 40, 120], 40),
            focus: (
                rng.pick(S::all(), S::all()[0]),
                rng.pick(&[0, 250, 500], 250),
            ),
            until_ms: rng.between(1_000, fair_by_ms),
        }
    }

    pub fn strike(&self, step: S, now_ms: i64, rng: &mut Rng) -> Option<F> {
        let crowded = if self.focus.0 == step {
            self.focus.1
        } else {
            0
        };
        let strikes = now_ms < self.until_ms && rng.chance(self.per_mille.max(crowded));
        strikes.then(|| rng.pick(&self.kinds, F::all()[0]))
    }
}
