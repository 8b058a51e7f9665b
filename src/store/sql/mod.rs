//! Stores in SQL databases.
//!
//! Both stores use the same tables, so that their statements, columns and conditions
//! are written once, here. Parameters of a statement are numbered: `$1`, `$2`.

mod columns;
mod filter;
#[cfg(feature = "postgres")]
mod postgres;
mod read;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statements;

#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;

use super::error::StoreError;
use crate::token::Timestamp;

/// A parameter of a statement, or a value of a row.
#[derive(Clone)]
enum Value {
    Bytes(Vec<u8>),
    Number(Option<i64>),
    Text(Option<String>),
}

impl Value {
    /// Converts a revision or a count to the type in which databases store it.
    fn from_count(count: u64) -> Result<Self, StoreError> {
        let number = i64::try_from(count).map_err(StoreError::corrupt)?;
        Ok(Self::Number(Some(number)))
    }
}

/// Converts a time to the type in which databases store it.
fn millis(at: Timestamp) -> Option<i64> {
    i64::try_from(at.as_millis()).ok()
}
