//! The operations of the store, on a connection.

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::mpsc;

use super::{
    identity::FileId,
    rows::{execute, for_each_row, query_rows, sqlite_error},
};
use crate::store::{
    error::StoreError,
    rows::{Position, Row, Write},
    sql::{
        Value,
        columns::{KEY, TOKEN},
        read::{self, ReadRow, read_key, read_number, read_token},
        statements::{
            TAKE_REVISIONS, count_conflicting, select, single_row, write_error, write_row,
        },
    },
};

/// How many rows are sent at once while everything is read.
const CHUNK: usize = 1_000;

/// Begins a transaction that writes. It takes the lock at once, since a later
/// attempt could fail half-way.
pub(super) fn begin_write(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(sqlite_error)
}

/// Writes rows, and returns the revision of the last one.
pub(super) fn write_all(
    transaction: &Transaction<'_>,
    writes: &[Write],
) -> Result<u64, StoreError> {
    let count = [Value::from_count(writes.len() as u64)?];
    let revisions = query_rows(transaction, TAKE_REVISIONS, &count, read_number)?;
    let last = single_row(revisions)?;
    let first = (last + 1).saturating_sub(writes.len() as u64);
    for (write, rev) in writes.iter().zip(first..) {
        let (statement, values) = write_row(write, rev)?;
        if execute(transaction, &statement, &values)? != 1 {
            let (statement, values) = count_conflicting(&write.row);
            let counts = query_rows(transaction, &statement, &values, read_number)?;
            let conflicting = counts.first().copied().unwrap_or_default();
            return Err(write_error(write, conflicting));
        }
    }
    Ok(last)
}

/// Reads the position of the store. Its epoch names the file too, so that a copy
/// in its place is another history.
pub(super) fn read_position(connection: &Connection, file: FileId) -> Result<Position, StoreError> {
    let statement = "SELECT epoch, rev, pruned_before FROM tower_authn_meta";
    let positions = query_rows(connection, statement, &[], read::read_position)?;
    let mut position = single_row(positions)?;
    position.epoch = format!("{} in {file}", position.epoch);
    Ok(position)
}

/// Sends every row in chunks, and returns the position of the store.
pub(super) fn send_all(
    snapshot: &Connection,
    file: FileId,
    chunks: &mpsc::Sender<Vec<Row>>,
) -> Result<Position, StoreError> {
    let position = read_position(snapshot, file)?;
    send_rows(snapshot, &select(&KEY, ""), read_key, chunks)?;
    send_rows(snapshot, &select(&TOKEN, ""), read_token, chunks)?;
    Ok(position)
}

fn send_rows(
    connection: &Connection,
    statement: &str,
    read: ReadRow<Row>,
    chunks: &mpsc::Sender<Vec<Row>>,
) -> Result<(), StoreError> {
    let send = |chunk| {
        let closed = |_| StoreError::unavailable("the caller stopped reading");
        chunks.blocking_send(chunk).map_err(closed)
    };
    let mut chunk = Vec::with_capacity(CHUNK);
    for_each_row(connection, statement, &[], |row| {
        chunk.push(read(row)?);
        if chunk.len() == CHUNK {
            send(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK)))?;
        }
        Ok(())
    })?;
    send(chunk)
}
