//! Statements, run on a connection of `tokio-postgres`.

use bytes::BytesMut;
use futures::TryStreamExt;
use tokio_postgres::{
    Client, RowStream,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};

use super::failure::postgres_error;
use crate::store::{
    error::StoreError,
    sql::{
        Value,
        read::{Columns, ReadRow},
    },
};

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// Runs a statement, and returns the number of rows that it changed.
pub(super) async fn execute(
    client: &Client,
    statement: &str,
    values: &[Value],
) -> Result<u64, StoreError> {
    let parameters: Vec<Parameter<'_>> = values.iter().map(typed).collect();
    client
        .execute_typed(statement, &parameters)
        .await
        .map_err(postgres_error)
}

/// Runs a statement with a column of values as each parameter, and returns the number of
/// rows that it changed.
pub(super) async fn execute_columns(
    client: &Client,
    statement: &str,
    columns: &[Vec<Value>],
) -> Result<u64, StoreError> {
    let parameters: Vec<Parameter<'_>> = columns.iter().map(typed_column).collect();
    client
        .execute_typed(statement, &parameters)
        .await
        .map_err(postgres_error)
}

/// Runs a statement with a column of values as each parameter, and returns its rows.
pub(super) async fn query_columns<T>(
    client: &Client,
    statement: &str,
    columns: &[Vec<Value>],
    read: ReadRow<T>,
) -> Result<Vec<T>, StoreError> {
    let parameters: Vec<Parameter<'_>> = columns.iter().map(typed_column).collect();
    let rows = client.query_typed(statement, &parameters).await;
    let rows = rows.map_err(postgres_error)?;
    rows.iter().map(|row| read(row)).collect()
}

/// Turns rows of values into columns.
pub(super) fn transpose(rows: impl IntoIterator<Item = Vec<Value>>) -> Vec<Vec<Value>> {
    let mut columns = Vec::new();
    for row in rows {
        columns.resize_with(row.len(), Vec::new);
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    columns
}

/// Runs a statement, and returns its rows.
pub(super) async fn query_rows<T>(
    client: &Client,
    statement: &str,
    values: &[Value],
    read: ReadRow<T>,
) -> Result<Vec<T>, StoreError> {
    stream_rows(client, statement, values)
        .await?
        .map_err(postgres_error)
        .and_then(async |row| read(&row))
        .try_collect()
        .await
}

/// Runs a statement, and returns a stream of its rows.
pub(super) async fn stream_rows(
    client: &Client,
    statement: &str,
    values: &[Value],
) -> Result<RowStream, StoreError> {
    // Typed and not prepared, since a pooler may send the next statement to another
    // connection of the server.
    client
        .query_typed_raw(statement, values.iter().map(typed))
        .await
        .map_err(postgres_error)
}

fn typed(value: &Value) -> Parameter<'_> {
    let kind = match value {
        Value::Bytes(_) => Type::BYTEA,
        Value::Number(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
    };
    (value, kind)
}

fn typed_column(column: &Vec<Value>) -> Parameter<'_> {
    let kind = match column.first() {
        Some(Value::Bytes(_)) => Type::BYTEA_ARRAY,
        Some(Value::Number(_)) => Type::INT8_ARRAY,
        Some(Value::Text(_)) | None => Type::TEXT_ARRAY,
    };
    (column, kind)
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
            Self::Number(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::BYTEA, Type::INT8, Type::TEXT].contains(kind)
    }

    to_sql_checked!();
}

/// Shows no value: some are secret.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value")
    }
}

impl Columns for tokio_postgres::Row {
    fn bytes(&self, index: usize) -> Result<&[u8], StoreError> {
        column(self, index)
    }

    fn number(&self, index: usize) -> Result<Option<i64>, StoreError> {
        column(self, index)
    }

    fn text(&self, index: usize) -> Result<Option<&str>, StoreError> {
        column(self, index)
    }
}

fn column<'a, T: FromSql<'a>>(row: &'a tokio_postgres::Row, index: usize) -> Result<T, StoreError> {
    row.try_get(index).map_err(StoreError::corrupt)
}
