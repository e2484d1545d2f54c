//! How often each fault struck at each step, so that a step which no schedule ever
//! disturbed is seen.

use std::fmt::Write;
use std::marker::PhantomData;

use super::Named;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<S, F> {
    counts: Vec<u64>,
    kinds: PhantomData<(S, F)>,
}

impl<S: Named, F: Named> Default for Table<S, F> {
    fn default() -> Self {
        Self {
            counts: vec![0; S::all().len() * F::all().len()],
            kinds: PhantomData,
        }
    }
}

impl<S: Named, F: Named> Table<S, F> {
    fn at(step: S, fault: F) -> usize {
        step.index() * F::all().len() + fault.index()
    }

    pub fn count(&mut self, step: S, fault: F) {
        self.counts[Self::at(step, fault)] += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// The pairs that never occurred.
    pub fn zeros(&self) -> Vec<(S, F)> {
        let steps = S::all().iter().copied();
        let pairs = steps.flat_map(|step| F::all().iter().map(move |fault| (step, *fault)));
        pairs
            .filter(|(step, fault)| self.counts[Self::at(*step, *fault)] == 0)
            .collect()
    }

    pub fn render(&self) -> String {
        let mut text = format!("{:<16}", "step");
        for fault in F::all() {
            let _ = write!(text, "{:>13}", fault.name());
        }
        for step in S::all() {
            let _ = write!(text, "\n{:<16}", step.name());
            for fault in F::all() {
                let _ = write!(text, "{:>13}", self.counts[Self::at(*step, *fault)]);
            }
        }
        text
    }
}
