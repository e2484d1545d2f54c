//! The SQLite inside an object: synchronous, and atomic between two awaits.

use contract::Problem;
use serde::de::DeserializeOwned;
use worker::{Error, SqlStorage, SqlStorageValue};

use crate::http::internal;
use crate::rows;

/// The tables of an object. Where opening them failed, whatever is asked of them does, and
/// the runtime will reset the object.
pub struct Tables {
    sql: SqlStorage,
    broken: Option<String>,
}

impl Tables {
    pub fn open(sql: SqlStorage, tables: &str) -> Self {
        let broken = sql.exec(tables, None).err().map(|error| error.to_string());
        Self { sql, broken }
    }

    /// What the object cannot do without was not there.
    pub fn fail(&mut self, reason: String) {
        self.broken = Some(reason);
    }

    fn sql(&self) -> Result<&SqlStorage, Problem> {
        match &self.broken {
            None => Ok(&self.sql),
            Some(reason) => Err(internal(Error::RustError(reason.clone()))),
        }
    }

    /// Runs one statement.
    pub fn run(&self, statement: &str, values: Vec<SqlStorageValue>) -> Result<(), Problem> {
        run(self.sql()?, statement, values).map_err(internal)
    }

    /// Runs one statement and reads its rows.
    pub fn rows<T: DeserializeOwned>(
        &self,
        statement: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<Vec<T>, Problem> {
        rows(self.sql()?, statement, values).map_err(internal)
    }

    /// The first row, if there is one.
    pub fn first<T: DeserializeOwned>(
        &self,
        statement: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<Option<T>, Problem> {
        first(self.sql()?, statement, values).map_err(internal)
    }
}

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
