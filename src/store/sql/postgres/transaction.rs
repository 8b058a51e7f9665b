//! Transactions that set everything they depend on.
//!
//! A database, a role or a connection string can set defaults for a session, and a
//! pooler passes a session on with the settings of its last user. Each transaction
//! therefore sets its isolation, its access mode, its timeouts, its schema and the
//! syntax of literals, with `SET LOCAL`, in the batch that begins it.

use std::{future::Future, time::Duration};

use futures::future::join3;
use tokio_postgres::{Client, error::SqlState};

use super::failure::{postgres_error, sqlstate};
use crate::store::error::StoreError;

/// How often to begin a transaction that is canceled before its own timeouts apply.
const MAX_BEGINS: usize = 8;

/// The least time, in milliseconds, that the server gives a statement, and the
/// client between two of them. The client's own limit is shorter. These timeouts
/// release the lock of the counter after a client is gone.
const MIN_SERVER_TIMEOUT: u128 = 10_000;

/// The kinds of transactions.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    /// Reads a snapshot.
    Read,
    /// Reads a snapshot, for any time.
    ReadAll,
    /// Reads what was committed last, and writes.
    Write,
}

/// The settings of every transaction.
pub(super) struct Settings {
    schema: String,
    limit_millis: u128,
}

impl Settings {
    pub(super) fn new(schema: String, limit: Duration) -> Self {
        Self {
            schema,
            limit_millis: limit.as_millis().min(i32::MAX as u128),
        }
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    fn begin_statements(&self, mode: Mode) -> String {
        let server_timeout = self.limit_millis.max(MIN_SERVER_TIMEOUT);
        let (characteristics, statement_timeout) = match mode {
            Mode::Read => ("REPEATABLE READ READ ONLY", server_timeout),
            Mode::ReadAll => ("REPEATABLE READ READ ONLY", 0),
            // A write waits for the lock on the counter, and must then see what the
            // previous transaction committed.
            Mode::Write => ("READ COMMITTED READ WRITE", server_timeout),
        };
        let schema = quoted(&self.schema);
        // Shorter than the client's limit, so that the error names the lock. 0 would
        // disable it.
        let lock_timeout = (self.limit_millis * 9 / 10).max(1);
        let mut begin = format!(
            "BEGIN ISOLATION LEVEL {characteristics} NOT DEFERRABLE; \
             SET LOCAL statement_timeout = {statement_timeout}; \
             SET LOCAL lock_timeout = {lock_timeout}; \
             SET LOCAL idle_in_transaction_session_timeout = {server_timeout}; \
             SET LOCAL search_path = {schema}, pg_temp; \
             SET LOCAL standard_conforming_strings = on; \
             SELECT set_config('transaction_timeout', '0', TRUE) \
             WHERE current_setting('transaction_timeout', TRUE) <> '0'"
        );
        if let Mode::Write = mode {
            // An acknowledged revocation must survive a crash of the server. Stricter
            // settings are kept.
            begin.push_str(
                "; SELECT set_config('synchronous_commit', 'on', TRUE) \
                 WHERE current_setting('synchronous_commit') = 'off'",
            );
        }
        begin
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self, client: &Client, mode: Mode) -> Result<(), StoreError> {
        let begin = self.begin_statements(mode);
        for _ in 1..MAX_BEGINS {
            match run(client, &begin).await {
                Err(error) if is_canceled(&error) => run(client, "ROLLBACK").await?,
                result => return result,
            }
        }
        run(client, &begin).await
    }

    /// Runs statements in a transaction that reads, in one round trip.
    ///
    /// `statements` must send all its statements when it is first polled, before it
    /// waits for a row. They are then sent between `BEGIN` and `COMMIT` without a wait
    /// for either. If `BEGIN` fails, the statements run with the defaults of the
    /// session, and their rows are discarded. That makes this wrong for writes.
    pub(super) async fn read<T, F>(
        &self,
        client: &Client,
        statements: impl Fn() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let begin = self.begin_statements(Mode::Read);
        let mut begins = 1;
        loop {
            // `join3` polls in order, so the statements are sent in order.
            let begin = run(client, &begin);
            let commit = run(client, "COMMIT");
            match join3(begin, statements(), commit).await {
                (Ok(()), rows, committed) => {
                    let rows = rows?;
                    return committed.map(|()| rows);
                }
                (Err(error), _, Ok(())) if is_canceled(&error) && begins < MAX_BEGINS => {
                    begins += 1;
                }
                (Err(error), _, _) => return Err(error),
            }
        }
    }
}

/// Checks for the error of a timeout. The session's own applies until the
/// transaction has set another.
fn is_canceled(error: &StoreError) -> bool {
    sqlstate(error) == Some(&SqlState::QUERY_CANCELED)
}

/// Runs statements without parameters.
pub(super) async fn run(client: &Client, statements: &str) -> Result<(), StoreError> {
    client
        .batch_execute(statements)
        .await
        .map_err(postgres_error)
}

/// Quotes an identifier.
pub(super) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
