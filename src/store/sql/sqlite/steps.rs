//! The steps of the store's operations, on a connection.

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::mpsc;

use super::{
    file::FileId,
    rows::{each_row, execute, failed, rows},
};
use crate::store::{
    contract::{Position, Row, Write},
    error::StoreError,
    sql::{
        TAKE_REVISIONS, Value,
        columns::{self, KEY, Read, TOKEN},
        count_taken, number, refusal, select, single, write,
    },
};

/// How many rows are handed over at once while everything is read.
const CHUNK: usize = 1_000;

/// Begins a transaction that writes, so that it can't fail half-way for want
/// of the lock.
pub(super) fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)
}

pub(super) fn apply(transaction: &Transaction<'_>, writes: &[Write]) -> Result<u64, StoreError> {
    let count = [Value::Number(Some(number(writes.len() as u64)?))];
    let taken = rows(transaction, TAKE_REVISIONS, &count, columns::one_number)?;
    let last = single(taken)?;
    let first = (last + 1).saturating_sub(writes.len() as u64);
    for (change, rev) in writes.iter().zip(first..) {
        let (statement, values) = write(&change.row, rev, change.expected_rev)?;
        if execute(transaction, &statement, &values)? != 1 {
            let (statement, values) = count_taken(&change.row);
            let taken = rows(transaction, &statement, &values, columns::one_number)?;
            return Err(refusal(change, taken.first().copied().unwrap_or_default()));
        }
    }
    Ok(last)
}

pub(super) fn head(connection: &Connection, file: FileId) -> Result<Position, StoreError> {
    let heads = rows(
        connection,
        "SELECT epoch, rev FROM tower_authn_meta",
        &[],
        columns::head,
    )?;
    let Position { epoch, rev } = single(heads)?;
    let epoch = format!("{epoch} in {file}");
    Ok(Position { epoch, rev })
}

/// Reads every row, and returns where the store was.
pub(super) fn load(
    snapshot: &Connection,
    file: FileId,
    chunks: &mpsc::Sender<Vec<Row>>,
) -> Result<Position, StoreError> {
    let head = head(snapshot, file)?;
    in_chunks(snapshot, &select(&KEY, ""), columns::key, chunks)?;
    in_chunks(snapshot, &select(&TOKEN, ""), columns::token, chunks)?;
    Ok(head)
}

fn in_chunks(
    connection: &Connection,
    statement: &str,
    read: Read<Row>,
    chunks: &mpsc::Sender<Vec<Row>>,
) -> Result<(), StoreError> {
    let send = |chunk| {
        let gone = |_| StoreError::unavailable("the caller stopped reading");
        chunks.blocking_send(chunk).map_err(gone)
    };
    let mut chunk = Vec::with_capacity(CHUNK);
    each_row(connection, statement, &[], |row| {
        chunk.push(read(row)?);
        if chunk.len() == CHUNK {
            send(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK)))?;
        }
        Ok(())
    })?;
    send(chunk)
}
