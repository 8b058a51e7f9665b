//! Errors of PostgreSQL, and transactions that are tried again.

use std::{
    error::Error,
    fmt,
    time::{Duration, Instant},
};

use deadpool_postgres::{PoolError, TimeoutType};
use tokio::time::sleep;
use tokio_postgres::error::{DbError, SqlState};

use crate::store::error::{StoreError, StoreErrorKind};

/// How often to try a transaction that PostgreSQL aborts in favor of another one.
const MAX_TRIES: u32 = 8;

/// How long to go on trying.
const MAX_ELAPSED: Duration = Duration::from_secs(5);

/// An error with the message and the SQLSTATE from PostgreSQL. It leaves out the
/// details, which may contain values of a row.
struct DatabaseError(tokio_postgres::Error);

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = self.0.as_db_error() {
            let code = error.code().code();
            return write!(f, "PostgreSQL: {} (SQLSTATE {code})", error.message());
        }
        write!(f, "PostgreSQL: {}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for DatabaseError {}

/// Converts an error of PostgreSQL. An aborted transaction is a conflict.
pub(super) fn postgres_error(error: tokio_postgres::Error) -> StoreError {
    let code = error.code().cloned();
    let error = DatabaseError(error);
    match code {
        Some(SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED) => {
            StoreError::conflict_with_source(error)
        }
        Some(SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED) => StoreError::corrupt(error),
        _ => StoreError::unavailable(error),
    }
}

/// Converts an error of the pool.
pub(super) fn pool_error(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => postgres_error(error),
        PoolError::Timeout(TimeoutType::Wait) => {
            StoreError::unavailable("every connection of the pool was in use until the limit")
        }
        error => StoreError::unavailable(error),
    }
}

/// Converts the conflict of a read. A caller would read again, which was tried.
pub(super) fn conflict_to_unavailable(error: StoreError) -> StoreError {
    match error.kind() {
        StoreErrorKind::Conflict => StoreError::unavailable(error),
        _ => error,
    }
}

/// Returns the SQLSTATE of an error that PostgreSQL reported.
pub(super) fn sqlstate(error: &StoreError) -> Option<&SqlState> {
    let DatabaseError(error) = error.cause()?;
    error.as_db_error().map(DbError::code)
}

/// The attempts at a transaction. PostgreSQL may abort one in favor of another,
/// which undoes everything in it.
pub(super) struct Retry {
    started: Instant,
    tries: u32,
}

impl Retry {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            tries: 0,
        }
    }

    /// Returns whether to try again after an error, and pauses before.
    pub(super) async fn allow(&mut self, error: &StoreError) -> bool {
        self.tries += 1;
        let was_aborted = error.kind() == StoreErrorKind::Conflict && sqlstate(error).is_some();
        if !was_aborted || self.tries >= MAX_TRIES || self.started.elapsed() >= MAX_ELAPSED {
            return false;
        }
        sleep(Duration::from_millis(1 << self.tries)).await;
        true
    }
}
