//! Fault hooks, for tests only: a release build has none of them, and the deploy
//! check looks for their name in the binary.
//!
//! A request may carry a script, `ID;STEP;MODE`. The first time that step is
//! taken on behalf of that request, the fault happens, once:
//! `before` (an error, nothing done), `lost` (done, but the answer is lost),
//! `twice` (done twice), `kill` (done, then a line is logged and nothing more is
//! answered: the test kills the runtime when it sees the line).

/// What a script asks for at this step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Before,
    Lost,
    Twice,
    Kill,
}

#[cfg(not(feature = "faults"))]
mod hooks {
    use super::Mode;
    use crate::Scope;

    /// Release builds have no faults.
    #[inline]
    pub fn at(_scope: &Scope, _step: &str) -> Option<Mode> {
        None
    }

    #[inline]
    pub async fn die(_step: &str) {}
}

#[cfg(feature = "faults")]
mod hooks {
    use super::Mode;
    use crate::Scope;
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static USED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub fn at(scope: &Scope, step: &str) -> Option<Mode> {
        let script = scope.fault.as_deref()?;
        let mut parts = script.split(';');
        let (id, at, mode) = (parts.next()?, parts.next()?, parts.next()?);
        let mode = match mode {
            "before" => Mode::Before,
            "lost" => Mode::Lost,
            "twice" => Mode::Twice,
            "kill" => Mode::Kill,
            _ => return None,
        };
        let fresh = at == step && USED.with_borrow_mut(|used| used.insert(id.to_owned()));
        if fresh {
            worker::console_log!(
                r#"{{"event":"ORDERLANE_FAULT_HOOK","step":"{step}","mode":"{mode:?}"}}"#
            );
        }
        fresh.then_some(mode)
    }

    /// Says that the runtime may be killed now, and never answers.
    pub async fn die(step: &str) {
        worker::console_log!(r#"{{"event":"ORDERLANE_FAULT_HOOK_KILL","step":"{step}"}}"#);
        crate::clock::pause(60_000).await;
    }
}

pub use hooks::{at, die};
