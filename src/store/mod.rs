//! Stores of tokens: the trait [`TokenStore`] and its implementations.
//!
//! A store keeps rows and counts revisions. It makes no decision:
//! [`Tokens`](crate::tokens::Tokens) does, on top of any store.

#[cfg(feature = "conformance")]
pub mod conformance;
pub(crate) mod deadline;
mod dynamic;
mod error;
mod memory;
mod query;
mod rows;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
mod token_store;

#[cfg(feature = "sqlite")]
pub use self::sql::SqliteStore;
#[cfg(feature = "postgres")]
pub use self::sql::{PostgresOptions, PostgresStore};
pub use self::{
    error::{StoreError, StoreErrorKind},
    memory::MemoryStore,
    query::{Cursor, Query, TokenPage},
    rows::{Changes, Position, Row, StoredToken, TokenUse, Usage, Write},
    token_store::TokenStore,
};
