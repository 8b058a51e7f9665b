//! Errors of PostgreSQL, with the cause that it named.

use std::{
    error::Error,
    fmt,
    time::{Duration, Instant},
};

use deadpool_postgres::{PoolError, TimeoutType};
use tokio::time::sleep;
use tokio_postgres::error::{DbError, SqlState};

use crate::store::error::{StoreError, StoreErrorKind};

/// How often a transaction is tried that PostgreSQL gave up for another one.
const TRIES: u32 = 8;

/// How long a transaction is tried again.
const LONGEST: Duration = Duration::from_secs(5);

/// An error that names what PostgreSQL said, and the SQLSTATE of it.
///
/// It leaves out the server's details, which may name values of a row.
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

pub(super) fn failed(error: tokio_postgres::Error) -> StoreError {
    let code = error.code().cloned();
    let error = DatabaseError(error);
    match code {
        Some(SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED) => {
            StoreError::conflict_because(error)
        }
        Some(SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED) => StoreError::corrupt(error),
        _ => StoreError::unavailable(error),
    }
}

pub(super) fn no_connection(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => failed(error),
        PoolError::Timeout(TimeoutType::Wait) => {
            StoreError::unavailable("no connection of the pool came free within the limit")
        }
        error => StoreError::unavailable(error),
    }
}

/// Turns the conflict of a read, which wrote nothing at any revision, into an
/// outage.
pub(super) fn unavailable(error: StoreError) -> StoreError {
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

/// Tries a transaction again that PostgreSQL gave up in favor of another one:
/// nothing of it was done.
pub(super) struct Retry {
    begun: Instant,
    tries: u32,
}

impl Retry {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            tries: 0,
        }
    }

    /// Whether to try again, after a pause.
    pub(super) async fn after(&mut self, error: &StoreError) -> bool {
        self.tries += 1;
        let given_up = error.kind() == StoreErrorKind::Conflict && sqlstate(error).is_some();
        if !given_up || self.tries >= TRIES || self.begun.elapsed() >= LONGEST {
            return false;
        }
        sleep(Duration::from_millis(1 << self.tries)).await;
        true
    }
}
