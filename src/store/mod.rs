//! Where tokens are kept: the trait [`TokenStore`], and the stores of this crate.
//!
//! A store keeps rows and counts revisions; it decides nothing. `Tokens` decides, over
//! any store.

#[cfg(feature = "conformance")]
pub mod conformance;
mod contract;
pub(crate) mod deadline;
mod dynamic;
mod error;
mod memory;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;

#[cfg(feature = "sqlite")]
pub use self::sql::SqliteStore;
#[cfg(feature = "postgres")]
pub use self::sql::{PostgresOptions, PostgresStore};
pub use self::{
    contract::{
        Changes, Cursor, Position, Query, Row, StoredToken, TokenStore, TokenUse, Usage, Write,
    },
    error::{StoreError, StoreErrorKind},
    memory::MemoryStore,
};
