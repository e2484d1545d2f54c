//! Fault hooks, for tests only: a release build has none of them, and the deploy
//! check looks for their name in the binary.
//!
//! A request may carry scripts, `ID;STEP;MODE`, with commas between. The first time
//! that a step is taken on behalf of that request, its fault happens, once in every
//! worker that takes it. `STEP#2` waits for the second time; `STEP@object` and
//! `STEP@service` tell the two hops of a command that has one name on both. What an
//! object writes to its own storage is `STEP` before and `STEP.written` after. The
//! modes:
//!
//! - `before`: an error, nothing done; `down`: the same, but every time;
//! - `lost`: done, but the answer is lost;
//! - `twice`: done, and then done again; `both`: done twice at the same time;
//! - `kill`: done, then a line is logged and nothing more is answered: the test
//!   kills the runtime when it sees the line;
//! - `crash`: done, then the object at work loses its memory, and who called it is
//!   told of an error;
//! - `pause`: not done before the script `*ID;go` stands.
//!
//! A script whose ID begins with `*` stands: each worker that the request passes
//! remembers it and lets it strike whatever has no script of its own, such as the
//! work of alarms. Mode `off` ends it.

#[cfg(not(feature = "faults"))]
mod hooks {
    use crate::Scope;
    use contract::Problem;
    use worker::State;

    // Release builds have no faults.

    #[inline]
    pub fn before(_scope: &Scope, _step: &str) -> Result<(), Problem> {
        Ok(())
    }

    #[inline]
    pub async fn written(_state: &State, _scope: &Scope, _step: &str) -> Result<(), Problem> {
        Ok(())
    }

    #[inline]
    pub fn around<T, E, F: Future<Output = Result<T, E>>>(
        _scope: &Scope,
        _step: &str,
        _hop: &str,
        _unknown: impl Fn(String) -> E,
        effect: impl Fn() -> F,
    ) -> F {
        effect()
    }
}

#[cfg(feature = "faults")]
mod hooks {
    use crate::Scope;
    use contract::{Problem, code};
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use wasm_bindgen::{JsCast, JsValue};
    use worker::State;
    use worker::js_sys::{Function, Reflect, global};

    thread_local! {
        /// How often the step of a script was taken, by the script's ID.
        static TAKEN: RefCell<BTreeMap<String, u32>> = const { RefCell::new(BTreeMap::new()) };
        static STANDING: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
    }

    #[derive(Debug, Clone, Copy)]
    enum Mode {
        Before,
        Lost,
        Twice,
        Both,
        Kill,
        Crash,
        Pause,
    }

    struct Script<'a> {
        id: &'a str,
        step: &'a str,
        nth: u32,
        mode: Mode,
        every_time: bool,
    }

    fn parse(script: &str) -> Option<Script<'_>> {
        let mut parts = script.split(';');
        let (id, step, mode) = (parts.next()?, parts.next()?, parts.next()?);
        let (step, nth) = match step.split_once('#') {
            Some((step, nth)) => (step, nth.parse().ok()?),
            None => (step, 1),
        };
        let (mode, every_time) = match mode {
            "before" => (Mode::Before, false),
            "lost" => (Mode::Lost, false),
            "twice" => (Mode::Twice, false),
            "both" => (Mode::Both, false),
            "kill" => (Mode::Kill, false),
            "crash" => (Mode::Crash, false),
            "down" => (Mode::Before, true),
            "pause" => (Mode::Pause, false),
            _ => return None,
        };
        Some(Script {
            id,
            step,
            nth,
            mode,
            every_time,
        })
    }

    /// Takes note of what stands.
    pub fn remember(scripts: &str) {
        for script in scripts.split(',').filter(|script| script.starts_with('*')) {
            let id = script.split(';').next().unwrap_or_default();
            STANDING.with_borrow_mut(|standing| {
                if script.ends_with(";off") {
                    standing.remove(id);
                } else {
                    standing.insert(id.to_owned(), script.to_owned());
                }
            });
        }
    }

    /// An object is about to write to its own storage.
    pub fn before(scope: &Scope, step: &str) -> Result<(), Problem> {
        match strike_at(scope, step, "") {
            Some((Mode::Before, _)) => Err(Problem::new(code::INTERNAL, "fault: before")),
            _ => Ok(()),
        }
    }

    /// An object has written, under the name `STEP.written`: it is made sure that
    /// the write is durable before the fault happens.
    pub async fn written(state: &State, scope: &Scope, step: &str) -> Result<(), Problem> {
        let Some((mode, id)) = strike_at(scope, &format!("{step}.written"), "") else {
            return Ok(());
        };
        let synced = state.storage().sync().await;
        synced.map_err(|error| Problem::new(code::INTERNAL, error.to_string()))?;
        match mode {
            Mode::Lost => Err(Problem::new(code::INTERNAL, "fault: answer lost")),
            Mode::Kill => {
                die(&id, step).await;
                Ok(())
            }
            Mode::Crash => {
                let crashed = crash(scope).await;
                crashed.map_err(|error| Problem::new(code::INTERNAL, format!("{error:?}")))
            }
            Mode::Pause => {
                pause(&id, step).await;
                Ok(())
            }
            Mode::Before | Mode::Twice | Mode::Both => Ok(()),
        }
    }

    /// Performs a step that changes something elsewhere, or reads there, under the
    /// fault that there is for it. `hop` is the kind of a call's receiver.
    pub async fn around<T, E, F: Future<Output = Result<T, E>>>(
        scope: &Scope,
        step: &str,
        hop: &str,
        unknown: impl Fn(String) -> E,
        effect: impl Fn() -> F,
    ) -> Result<T, E> {
        let Some((mode, id)) = strike_at(scope, step, hop) else {
            return effect().await;
        };
        match mode {
            Mode::Before => Err(unknown("fault: before".into())),
            Mode::Lost => {
                let _ = effect().await;
                Err(unknown("fault: answer lost".into()))
            }
            Mode::Twice => {
                let _ = effect().await;
                effect().await
            }
            Mode::Both => futures::future::join(effect(), effect()).await.1,
            Mode::Kill => {
                let result = effect().await;
                die(&id, step).await;
                result
            }
            Mode::Crash => {
                let _ = effect().await;
                let crashed = crash(scope).await;
                Err(unknown(format!("fault: crash {crashed:?}")))
            }
            Mode::Pause => {
                pause(&id, step).await;
                effect().await
            }
        }
    }

    fn strike_at(scope: &Scope, step: &str, hop: &str) -> Option<(Mode, String)> {
        let scripts: Vec<String> = match scope.fault.as_deref() {
            Some(own) => own.split(',').map(ToOwned::to_owned).collect(),
            None => STANDING.with_borrow(|standing| standing.values().cloned().collect()),
        };
        scripts.iter().find_map(|script| strike(script, step, hop))
    }

    fn strike(script: &str, step: &str, hop: &str) -> Option<(Mode, String)> {
        let script = parse(script)?;
        let here = match script.step.split_once('@') {
            Some((at, kind)) => at == step && kind == hop,
            None => script.step == step,
        };
        if !here {
            return None;
        }
        let taken = TAKEN.with_borrow_mut(|taken| {
            let count = taken.entry(script.id.to_owned()).or_default();
            *count = count.saturating_add(1);
            *count
        });
        if taken != script.nth && !script.every_time {
            return None;
        }
        worker::console_log!(
            r#"{{"event":"ORDERLANE_FAULT_HOOK","id":"{}","step":"{step}","mode":"{:?}"}}"#,
            script.id,
            script.mode
        );
        Some((script.mode, script.id.to_owned()))
    }

    /// The object at work is torn down, with its memory and everything that it was
    /// about to do; who called it gets an error at once, and nothing comes after this.
    /// A worker without objects has nothing to lose but the answer.
    async fn crash(scope: &Scope) -> Result<(), JsValue> {
        let Some(state) = &scope.object else {
            return Ok(());
        };
        let abort: Function = Reflect::get(state, &"abort".into())?.dyn_into()?;
        let abort = abort.bind1(state, &"ORDERLANE_FAULT_HOOK: crash".into());
        // Apart from this stretch, so that no frame of ours is on the stack.
        let later: Function = Reflect::get(&global(), &"setTimeout".into())?.dyn_into()?;
        later.call1(&JsValue::NULL, &abort)?;
        std::future::pending().await
    }

    /// Says that it waits, and waits until `*ID;go` stands.
    async fn pause(id: &str, step: &str) {
        worker::console_log!(
            r#"{{"event":"ORDERLANE_FAULT_HOOK_PAUSE","id":"{id}","step":"{step}"}}"#
        );
        let go = format!("*{id}");
        while STANDING.with_borrow(|standing| !standing.contains_key(&go)) {
            crate::clock::pause(2).await;
        }
    }

    /// Says that the runtime may be killed now, and never answers.
    async fn die(id: &str, step: &str) {
        worker::console_log!(
            r#"{{"event":"ORDERLANE_FAULT_HOOK_KILL","id":"{id}","step":"{step}"}}"#
        );
        crate::clock::pause(60_000).await;
    }
}

#[cfg(feature = "faults")]
pub use hooks::remember;
pub use hooks::{around, before, written};
