//! What was decided and is not known to be done. It is part of the state of whatever
//! machine decided it, so it is written in the same stretch as the decision, and each entry
//! has a time at which it is done again: nothing decided is forgotten (A6).

use serde::{Deserialize, Serialize};

const AGAIN_FIRST_MS: i64 = 2_000;
const AGAIN_MAX_MS: i64 = 60_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Todo<E> {
    effect: E,
    tries: u32,
    /// When it is done again unless it is known to be done.
    at_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound(deserialize = "E: Deserialize<'de>"))]
pub struct Outbox<E> {
    todo: Vec<Todo<E>>,
    /// What the command at hand has added.
    #[serde(skip)]
    fresh: Vec<E>,
}

impl<E> Default for Outbox<E> {
    fn default() -> Self {
        Self {
            todo: Vec::new(),
            fresh: Vec::new(),
        }
    }
}

impl<E: Clone> Outbox<E> {
    pub fn add(&mut self, effect: E, now_ms: i64) {
        self.fresh.push(effect.clone());
        self.todo.push(Todo {
            effect,
            tries: 1,
            at_ms: now_ms.saturating_add(again_after_ms(1)),
        });
    }

    /// What has no point any more.
    pub fn drop_if(&mut self, is_void: impl Fn(&E) -> bool) {
        self.todo.retain(|todo| !is_void(&todo.effect));
        self.fresh.retain(|effect| !is_void(effect));
    }

    pub fn take_fresh(&mut self) -> Vec<E> {
        std::mem::take(&mut self.fresh)
    }

    /// What has to be done again, since nobody said that it was done.
    pub fn due(&mut self, now_ms: i64) {
        self.repeat(now_ms, |todo| todo.at_ms <= now_ms);
    }

    /// After a crash nobody knows what was done.
    pub fn all(&mut self, now_ms: i64) {
        self.fresh.clear();
        self.repeat(now_ms, |_| true);
    }

    fn repeat(&mut self, now_ms: i64, is_due: impl Fn(&Todo<E>) -> bool) {
        for todo in self.todo.iter_mut().filter(|todo| is_due(todo)) {
            todo.tries = todo.tries.saturating_add(1);
            todo.at_ms = now_ms.saturating_add(again_after_ms(todo.tries));
            self.fresh.push(todo.effect.clone());
        }
    }

    pub fn find(&self, is_it: impl Fn(&E) -> bool) -> Option<&E> {
        self.effects().find(|effect| is_it(effect))
    }

    pub fn effects(&self) -> impl Iterator<Item = &E> {
        self.todo.iter().map(|todo| &todo.effect)
    }

    pub fn is_empty(&self) -> bool {
        self.todo.is_empty()
    }

    pub fn next_ms(&self) -> Option<i64> {
        self.todo.iter().map(|todo| todo.at_ms).min()
    }
}

fn again_after_ms(tries: u32) -> i64 {
    let doubled = 1_i64
        .checked_shl(tries.saturating_sub(1).min(16))
        .unwrap_or(i64::MAX);
    AGAIN_FIRST_MS.saturating_mul(doubled).min(AGAIN_MAX_MS)
}
