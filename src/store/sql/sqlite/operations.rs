//! The operations of the store, on a connection.

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::mpsc;

use super::{
    identity::FileId,
    rows::{for_each_row, query_rows, sqlite_error},
};
use crate::store::{
    error::StoreError,
    rows::{Position, Row},
    sql::{
        columns::{KEY, TOKEN},
        read::{self, ReadRow, read_key, read_token},
        statements::{select, single_row},
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
