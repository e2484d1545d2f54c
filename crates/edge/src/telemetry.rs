//! Logs and figures.
//!
//! A log line is one JSON object with the event, the trace id and what else is
//! known. Figures are added up in the isolate and fed to a metrics object in
//! batches, after the reply: a batch carries what a second brought.

use std::cell::{Cell, RefCell};
use std::future::Future;

use contract::figures::{self, AddFigures, Figures, METRICS_DESK};
use serde_json::{Map, Value};
use worker::{Context, Env, State};

use crate::call::{To, call};
use crate::{Scope, clock, config};

const FLUSH_AFTER_MS: i64 = 1_000;
/// A flush that did not come back by then is taken for dead.
const FLUSH_DEAD_MS: i64 = 5_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

thread_local! {
    static LEVEL: Cell<Level> = const { Cell::new(Level::Info) };
    static FIGURES: RefCell<Figures> = RefCell::new(Figures::default());
    static FLUSHING_SINCE: Cell<i64> = const { Cell::new(0) };
}

/// Something whose work may go on after the reply.
pub trait Background {
    fn after_reply(&self, work: impl Future<Output = ()> + 'static);
}

impl Background for Context {
    fn after_reply(&self, work: impl Future<Output = ()> + 'static) {
        self.wait_until(work);
    }
}

impl Background for State {
    fn after_reply(&self, work: impl Future<Output = ()> + 'static) {
        self.wait_until(work);
    }
}

/// `name{label="value"}`, as it stands in `/metrics`.
fn full_name(name: &str, labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return name.to_owned();
    }
    let labels: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}=\"{}\"", value.replace(['"', '\\', '\n'], "_")))
        .collect();
    format!("{name}{{{}}}", labels.join(","))
}

pub fn count(name: &str, labels: &[(&str, &str)], by: u64) {
    FIGURES.with_borrow_mut(|figures| figures.count(&full_name(name, labels), by));
}

/// A latency in milliseconds.
pub fn observe(name: &str, labels: &[(&str, &str)], ms: i64) {
    let micros = u64::try_from(ms).unwrap_or_default().saturating_mul(1000);
    FIGURES.with_borrow_mut(|figures| figures.observe(&full_name(name, labels), micros));
}

/// Feeds the figures to a metrics object soon, once the reply is out.
pub fn flush_soon(env: &Env, background: &impl Background) {
    let now = clock::now_ms();
    let since = FLUSHING_SINCE.get();
    let busy = since > 0 && now.saturating_sub(since) < FLUSH_DEAD_MS;
    if busy || FIGURES.with_borrow(Figures::is_empty) {
        return;
    }
    FLUSHING_SINCE.set(now);
    let env = env.clone();
    background.after_reply(async move {
        clock::pause(FLUSH_AFTER_MS).await;
        let figures = FIGURES.take();
        FLUSHING_SINCE.set(0);
        let [shard, ..] = clock::random_bytes();
        let name = figures::desk_name(u16::from(shard).rem_euclid(figures::METRICS_SHARDS));
        let command = AddFigures {
            figures: figures.clone(),
        };
        let to = To::Object(METRICS_DESK, &name);
        if call(&env, &Scope::default(), to, command).await.is_err() {
            // Kept for the next batch; should this one have arrived after all,
            // figures count it twice, which a figure may and stock may not.
            FIGURES.with_borrow_mut(|now| now.merge(&figures));
        }
    });
}

/// Reads the level of the log from the configuration.
pub fn configure(env: &Env) {
    let level = match config::text(env, "LOG_LEVEL").as_deref() {
        Some("error") => Level::Error,
        Some("warn") => Level::Warn,
        Some("debug") => Level::Debug,
        _ => Level::Info,
    };
    LEVEL.set(level);
}

fn write(level: Level, event: &str, fields: &[(&str, &str)]) {
    if level < LEVEL.get() {
        return;
    }
    let name = match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    let mut line = Map::new();
    line.insert("level".into(), name.into());
    line.insert("event".into(), event.into());
    for (key, value) in fields {
        line.insert((*key).into(), (*value).into());
    }
    let time = domain::time::rfc3339(clock::now_ms());
    line.insert("time".into(), time.into());
    worker::console_log!("{}", Value::Object(line));
}

pub fn is_debugging() -> bool {
    LEVEL.get() == Level::Debug
}

/// For whoever looks into something. It may hold what is nobody's business.
pub fn debug(event: &str, fields: &[(&str, &str)]) {
    write(Level::Debug, event, fields);
}

pub fn info(event: &str, fields: &[(&str, &str)]) {
    write(Level::Info, event, fields);
}

pub fn warn(event: &str, fields: &[(&str, &str)]) {
    write(Level::Warn, event, fields);
}

pub fn error(event: &str, fields: &[(&str, &str)]) {
    write(Level::Error, event, fields);
}
