//! The one D1 helper: a batch of statements in one trip, atomic, counted.
//!
//! A failed batch changed nothing when a constraint said so; any other failure
//! has an unknown outcome, since D1 may have committed and lost the answer.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use worker::wasm_bindgen::JsValue;
use worker::{D1Database, D1Result, Env, js_sys};

use crate::{Scope, faults, rows, telemetry};

/// One statement with its values.
#[derive(Debug, Clone)]
pub struct Sql {
    text: Cow<'static, str>,
    values: Vec<JsValue>,
}

impl Sql {
    pub fn new(text: &'static str) -> Self {
        Self {
            text: Cow::Borrowed(text),
            values: Vec::new(),
        }
    }

    /// One whose text was put together, of texts of our own and of nothing that a caller sent.
    pub fn composed(text: String) -> Self {
        Self {
            text: Cow::Owned(text),
            values: Vec::new(),
        }
    }

    #[must_use]
    pub fn text(mut self, value: &str) -> Self {
        self.values.push(JsValue::from_str(value));
        self
    }

    /// Numbers travel as doubles, exact up to 2^53, which our bounds respect.
    #[must_use]
    pub fn int(mut self, value: i64) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "bounded far below 2^53")]
        self.values.push(JsValue::from_f64(value as f64));
        self
    }

    /// A whole set as one JSON value, for `json_each`.
    #[must_use]
    pub fn json<T: serde::Serialize>(self, value: &T) -> Self {
        let text = serde_json::to_string(value).unwrap_or_else(|_| "[]".into());
        self.text(&text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DbError {
    /// A constraint refused it: nothing of the batch happened.
    Constraint(String),
    /// It may or may not have happened.
    Unknown(String),
}

impl DbError {
    fn classify(error: &worker::Error) -> Self {
        let message = match error {
            worker::Error::D1(error) => error.cause(),
            other => other.to_string(),
        };
        if message.contains("constraint failed") || message.contains("SQLITE_CONSTRAINT") {
            Self::Constraint(message)
        } else {
            Self::Unknown(message)
        }
    }
}

impl From<DbError> for contract::Problem {
    fn from(error: DbError) -> Self {
        let (DbError::Constraint(reason) | DbError::Unknown(reason)) = error;
        telemetry::error("d1_failed", &[("reason", &reason)]);
        Self::new(
            contract::code::UNAVAILABLE,
            "the database did not answer; try again",
        )
        .retry_after(1)
    }
}

pub struct Db {
    binding: String,
    database: D1Database,
}

impl Db {
    pub fn open(env: &Env, binding: &str) -> Result<Self, DbError> {
        let database = env
            .d1(binding)
            .map_err(|error| DbError::Unknown(error.to_string()))?;
        Ok(Self {
            binding: binding.to_owned(),
            database,
        })
    }

    /// Runs all statements or none, in one trip.
    pub async fn batch(
        &self,
        scope: &Scope,
        step: &str,
        statements: &[Sql],
    ) -> Result<Vec<D1Result>, DbError> {
        faults::around(scope, step, "", DbError::Unknown, || {
            self.run(step, statements)
        })
        .await
    }

    async fn run(&self, step: &str, statements: &[Sql]) -> Result<Vec<D1Result>, DbError> {
        telemetry::count("d1_trips", &[("db", &self.binding), ("step", step)], 1);
        let mut prepared = Vec::with_capacity(statements.len());
        for statement in statements {
            if telemetry::is_debugging() {
                let values: js_sys::Array = statement.values.iter().cloned().collect();
                let values = js_sys::JSON::stringify(&values).map(String::from);
                let values = values.unwrap_or_default();
                let fields = [
                    ("step", step),
                    ("sql", &statement.text),
                    ("values", &values),
                ];
                telemetry::debug("d1_statement", &fields);
            }
            let bound = self
                .database
                .prepare(statement.text.as_ref())
                .bind(&statement.values)
                .map_err(|error| DbError::classify(&error))?;
            prepared.push(bound);
        }
        self.database
            .batch(prepared)
            .await
            .map_err(|error| DbError::classify(&error))
    }

    /// The rows of one statement.
    pub async fn rows<T: DeserializeOwned>(
        &self,
        scope: &Scope,
        step: &str,
        statement: Sql,
    ) -> Result<Vec<T>, DbError> {
        let results = self.batch(scope, step, &[statement]).await?;
        rows_of(results.first())
    }
}

/// Rows that a statement read, as the platform counts them: what one pays for.
pub fn rows_read(result: Option<&D1Result>) -> u64 {
    let meta = result.and_then(|result| result.meta().ok().flatten());
    let read = meta.and_then(|meta| meta.rows_read).unwrap_or_default();
    u64::try_from(read).unwrap_or(u64::MAX)
}

/// The rows that one statement of a batch returned.
pub fn rows_of<T: DeserializeOwned>(result: Option<&D1Result>) -> Result<Vec<T>, DbError> {
    match result {
        Some(result) => result
            .results()
            .and_then(rows::read)
            .map_err(|error| DbError::Unknown(error.to_string())),
        None => Ok(Vec::new()),
    }
}
