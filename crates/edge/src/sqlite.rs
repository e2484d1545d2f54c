//! The SQLite inside an object: synchronous, and atomic between two awaits.

use serde::de::DeserializeOwned;
use worker::{SqlStorage, SqlStorageValue};

use crate::rows;

/// A value for a statement. Whole numbers stay below 2^53 by our bounds, and so are what
/// the platform takes them for.
pub fn int(value: i64) -> SqlStorageValue {
    #[allow(clippy::cast_precision_loss, reason = "bounded far below 2^53")]
    SqlStorageValue::Float(value as f64)
}

pub fn text(value: impl Into<String>) -> SqlStorageValue {
    SqlStorageValue::String(value.into())
}

pub fn text_or_null(value: Option<String>) -> SqlStorageValue {
    value.map_or(SqlStorageValue::Null, SqlStorageValue::String)
}

pub fn int_or_null(value: Option<i64>) -> SqlStorageValue {
    value.map_or(SqlStorageValue::Null, int)
}

/// Runs one statement.
pub fn run(sql: &SqlStorage, statement: &str, values: Vec<SqlStorageValue>) -> worker::Result<()> {
    sql.exec(statement, Some(values)).map(|_| ())
}

/// Runs one statement and reads its rows.
pub fn rows<T: DeserializeOwned>(
    sql: &SqlStorage,
    statement: &str,
    values: Vec<SqlStorageValue>,
) -> worker::Result<Vec<T>> {
    rows::read(sql.exec(statement, Some(values))?.to_array()?)
}

/// The first row, if there is one.
pub fn first<T: DeserializeOwned>(
    sql: &SqlStorage,
    statement: &str,
    values: Vec<SqlStorageValue>,
) -> worker::Result<Option<T>> {
    Ok(rows(sql, statement, values)?.into_iter().next())
}
