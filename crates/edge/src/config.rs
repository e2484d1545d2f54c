//! Configuration from the bindings. A value that is missing or malformed falls
//! back to the default that the caller states.

use serde::de::DeserializeOwned;
use std::str::FromStr;
use worker::Env;

pub fn text(env: &Env, name: &str) -> Option<String> {
    env.var(name).ok().map(|value| value.to_string())
}

pub fn number<T: FromStr>(env: &Env, name: &str, default: T) -> T {
    text(env, name)
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(default)
}

/// A value written as JSON text.
pub fn json<T: DeserializeOwned + Default>(env: &Env, name: &str) -> T {
    text(env, name)
        .and_then(|value| serde_json::from_str(&value).ok())
        .unwrap_or_default()
}

pub fn secret(env: &Env, name: &str) -> Option<String> {
    env.secret(name).ok().map(|value| value.to_string())
}
