//! Statements, run on a connection of `rusqlite`.

use rusqlite::{
    Connection, ErrorCode, ToSql,
    types::{FromSqlResult, ToSqlOutput, ValueRef},
};

use crate::store::{
    error::StoreError,
    sql::{
        Value,
        read::{Columns, ReadRow},
    },
};

/// Returns a statement with SQLite's numbered parameters, `?1`. SQLite would read
/// `$1` as the name of a parameter.
fn with_numbered_parameters(statement: &str) -> String {
    statement.replace('$', "?")
}

/// Runs a statement, and returns the number of rows that it changed.
pub(super) fn execute(
    connection: &Connection,
    statement: &str,
    values: &[Value],
) -> Result<usize, StoreError> {
    connection
        .prepare_cached(&with_numbered_parameters(statement))
        .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(values)))
        .map_err(sqlite_error)
}

/// Runs a statement, and returns its rows.
pub(super) fn query_rows<T>(
    connection: &Connection,
    statement: &str,
    values: &[Value],
    read: ReadRow<T>,
) -> Result<Vec<T>, StoreError> {
    let mut all = Vec::new();
    for_each_row(connection, statement, values, |row| {
        all.push(read(row)?);
        Ok(())
    })?;
    Ok(all)
}

/// Runs a statement, and calls a function for each of its rows.
pub(super) fn for_each_row(
    connection: &Connection,
    statement: &str,
    values: &[Value],
    mut each: impl FnMut(&rusqlite::Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached(&with_numbered_parameters(statement))
        .map_err(sqlite_error)?;
    let mut rows = statement
        .query(rusqlite::params_from_iter(values))
        .map_err(sqlite_error)?;
    while let Some(row) = rows.next().map_err(sqlite_error)? {
        each(row)?;
    }
    Ok(())
}

impl Columns for rusqlite::Row<'_> {
    fn bytes(&self, index: usize) -> Result<&[u8], StoreError> {
        column(self, index, ValueRef::as_blob)
    }

    fn number(&self, index: usize) -> Result<Option<i64>, StoreError> {
        column(self, index, ValueRef::as_i64_or_null)
    }

    fn text(&self, index: usize) -> Result<Option<&str>, StoreError> {
        column(self, index, ValueRef::as_str_or_null)
    }
}

fn column<'a, T>(
    row: &'a rusqlite::Row<'_>,
    index: usize,
    read: fn(&ValueRef<'a>) -> FromSqlResult<T>,
) -> Result<T, StoreError> {
    let value = row.get_ref(index).map_err(StoreError::corrupt)?;
    // Another type means that another program wrote the file.
    read(&value).map_err(|error| StoreError::corrupt(format!("column {index}: {error}")))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Number(number) => number.map_or(ValueRef::Null, ValueRef::Integer),
            Self::Text(text) => text
                .as_deref()
                .map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())),
        }))
    }
}

/// Converts an error of SQLite.
pub(super) fn sqlite_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::corrupt(error),
        _ => StoreError::unavailable(error),
    }
}
