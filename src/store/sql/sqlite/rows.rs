//! Statements run, and rows read.

use rusqlite::{
    Connection, ErrorCode, ToSql,
    types::{FromSql, ToSqlOutput, ValueRef},
};

use crate::store::{
    error::StoreError,
    sql::{
        Value,
        columns::{Columns, Read},
    },
};

/// SQLite would take `$1` for a name.
pub(super) fn numbered(statement: &str) -> String {
    statement.replace('$', "?")
}

pub(super) fn execute(
    connection: &Connection,
    statement: &str,
    values: &[Value],
) -> Result<usize, StoreError> {
    connection
        .prepare_cached(&numbered(statement))
        .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(values)))
        .map_err(failed)
}

pub(super) fn rows<T>(
    connection: &Connection,
    statement: &str,
    values: &[Value],
    read: Read<T>,
) -> Result<Vec<T>, StoreError> {
    let mut all = Vec::new();
    each_row(connection, statement, values, |row| {
        all.push(read(row)?);
        Ok(())
    })?;
    Ok(all)
}

pub(super) fn each_row(
    connection: &Connection,
    statement: &str,
    values: &[Value],
    mut each: impl FnMut(&rusqlite::Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached(&numbered(statement))
        .map_err(failed)?;
    let mut rows = statement
        .query(rusqlite::params_from_iter(values))
        .map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        each(row)?;
    }
    Ok(())
}

impl Columns for rusqlite::Row<'_> {
    fn bytes(&self, index: usize) -> Result<Vec<u8>, StoreError> {
        column(self, index)
    }

    fn number(&self, index: usize) -> Result<Option<i64>, StoreError> {
        column(self, index)
    }

    fn text(&self, index: usize) -> Result<Option<String>, StoreError> {
        column(self, index)
    }
}

fn column<T: FromSql>(row: &rusqlite::Row<'_>, index: usize) -> Result<T, StoreError> {
    // A type that does not fit is a file that is not as we wrote it.
    row.get(index).map_err(StoreError::corrupt)
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

pub(super) fn failed(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::corrupt(error),
        _ => StoreError::unavailable(error),
    }
}
