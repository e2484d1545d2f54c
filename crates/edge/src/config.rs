//! Configuration from the bindings. A value that is missing falls back to the default
//! that the caller states; so does one that is malformed, which the log says.

use serde::de::DeserializeOwned;
use std::str::FromStr;
use worker::Env;

use crate::telemetry;

pub fn text(env: &Env, name: &str) -> Option<String> {
    env.var(name).ok().map(|value| value.to_string())
}

/// A value that is there, and not empty.
fn given(env: &Env, name: &str) -> Option<String> {
    text(env, name).filter(|value| !value.trim().is_empty())
}

fn malformed(name: &str) {
    telemetry::error("configuration_malformed", &[("name", name)]);
}

pub fn number<T: FromStr>(env: &Env, name: &str, default: T) -> T {
    let Some(value) = given(env, name) else {
        return default;
    };
    value.trim().parse().unwrap_or_else(|_| {
        malformed(name);
        default
    })
}

/// A value written as JSON text.
pub fn json<T: DeserializeOwned + Default>(env: &Env, name: &str) -> T {
    let Some(value) = given(env, name) else {
        return T::default();
    };
    serde_json::from_slice(value.as_bytes()).unwrap_or_else(|_| {
        malformed(name);
        T::default()
    })
}

pub fn secret(env: &Env, name: &str) -> Option<String> {
    env.secret(name).ok().map(|value| value.to_string())
}
