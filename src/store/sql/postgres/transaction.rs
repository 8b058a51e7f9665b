//! Transactions that state all that they depend on.
//!
//! A database, a role or a connection string sets defaults for a session, and
//! a pooler hands a session on with the settings of its last user. So each
//! transaction states its isolation, its access mode, its timeouts, its schema
//! and how literals are read, all with `LOCAL`, in the statement that begins it.

use std::{ops::Deref, time::Duration};

use deadpool_postgres::{Object, Pool};
use tokio_postgres::{Client, error::SqlState};

use super::failure::{failed, no_connection, sqlstate};
use crate::store::error::StoreError;

/// How often a transaction is begun that a timeout of the session cut off.
const BEGIN_TRIES: usize = 8;

/// The least time, in milliseconds, that the server leaves a statement, and the
/// client the server between two of them. The client's own limit ends what is
/// slow; these end what a dead client left, which holds the lock of the counter.
const ABANDONED: u128 = 10_000;

#[derive(Clone, Copy)]
pub(super) enum Mode {
    /// Reads as of one moment.
    Read,
    /// Reads as of one moment, for as long as that takes.
    ReadAll,
    /// Reads what was committed last, and writes.
    Write,
}

/// The statements that begin a transaction.
pub(super) struct Session {
    schema: String,
    /// In milliseconds.
    limit: u128,
}

impl Session {
    pub(super) fn new(schema: String, limit: Duration) -> Self {
        Self {
            schema,
            limit: limit.as_millis().min(i32::MAX as u128),
        }
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    fn begin(&self, mode: Mode) -> String {
        let abandoned = self.limit.max(ABANDONED);
        let (characteristics, statement_timeout) = match mode {
            Mode::Read => ("REPEATABLE READ READ ONLY", abandoned),
            Mode::ReadAll => ("REPEATABLE READ READ ONLY", 0),
            // A write waits for the lock on the counter and must then see what
            // the transaction before it committed.
            Mode::Write => ("READ COMMITTED READ WRITE", abandoned),
        };
        let schema = quoted(&self.schema);
        // Before the client's limit, so that the error names the lock; 0 would
        // mean none.
        let lock_timeout = (self.limit * 9 / 10).max(1);
        let mut begin = format!(
            "BEGIN ISOLATION LEVEL {characteristics} NOT DEFERRABLE; \
             SET LOCAL statement_timeout = {statement_timeout}; \
             SET LOCAL lock_timeout = {lock_timeout}; \
             SET LOCAL idle_in_transaction_session_timeout = {abandoned}; \
             SET LOCAL search_path = {schema}, pg_temp; \
             SET LOCAL standard_conforming_strings = on; \
             SELECT set_config('transaction_timeout', '0', TRUE) \
             WHERE current_setting('transaction_timeout', TRUE) <> '0'"
        );
        if let Mode::Write = mode {
            // An acknowledged revocation survives a crash of the server. Stricter
            // settings stay as they are.
            begin.push_str(
                "; SELECT set_config('synchronous_commit', 'on', TRUE) \
                 WHERE current_setting('synchronous_commit') = 'off'",
            );
        }
        begin
    }

    /// Begins a transaction on a connection.
    pub(super) async fn begin_on(&self, client: &Client, mode: Mode) -> Result<(), StoreError> {
        let begin = self.begin(mode);
        let mut tries = 1;
        loop {
            let error = match client.batch_execute(&begin).await {
                Ok(()) => return Ok(()),
                Err(error) => failed(error),
            };
            // The timeout of the session holds until the transaction sets its own.
            if sqlstate(&error) != Some(&SqlState::QUERY_CANCELED) || tries == BEGIN_TRIES {
                return Err(error);
            }
            tries += 1;
            run(client, "ROLLBACK").await?;
        }
    }

    /// Begins a transaction on a connection of the pool.
    pub(super) async fn transaction(
        &self,
        pool: &Pool,
        mode: Mode,
    ) -> Result<Transaction, StoreError> {
        let connection = pool.get().await.map_err(no_connection)?;
        let transaction = Transaction(Some(connection));
        self.begin_on(&transaction, mode).await?;
        Ok(transaction)
    }
}

/// A transaction on a connection of the pool. One that is dropped before its
/// end leaves the connection in an unknown state: the connection is closed, and
/// the server rolls back.
pub(super) struct Transaction(Option<Object>);

impl Transaction {
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.end("COMMIT").await
    }

    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, statement: &str) -> Result<(), StoreError> {
        run(&self, statement).await?;
        // The pool takes it back.
        self.0.take();
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = Client;

    fn deref(&self) -> &Client {
        let connection = self.0.as_ref();
        connection.expect("a transaction holds its connection until it ends")
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.0.take().map(Object::take);
    }
}

pub(super) async fn run(client: &Client, statements: &str) -> Result<(), StoreError> {
    client.batch_execute(statements).await.map_err(failed)
}

/// An identifier, whatever it holds.
pub(super) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
