//! Stores of tokens, and [`Tokens`] over any of them.
//!
//! A store keeps rows and counts revisions; it decides nothing. [`Tokens`] is
//! where tokens are made, changed and verified: it holds every token in
//! memory, so that a verdict asks no store, and follows the store's changes, so
//! that what another process changed is seen too.
//!
//! | where a change was made | a verdict knows it after at most |
//! |---|---|
//! | this process | 0: before the call that made it returns |
//! | another process or instance | what the store's [`watch`](TokenStore::watch) takes, and one read; in any case [`TokensOptions::poll_every`] and one read |
//! | the store can't be reached | [`TokensOptions::max_stale`] is served from memory; then each good token is [`Unavailable`](crate::RejectionKind::Unavailable) |

#[cfg(feature = "conformance")]
pub mod conformance;
mod contract;
mod deadline;
mod dynamic;
mod entry;
mod error;
mod memory;
mod mirror;
mod schedule;
mod spread;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
mod tokens;

#[cfg(feature = "sqlite")]
pub use self::sql::SqliteStore;
#[cfg(feature = "postgres")]
pub use self::sql::{PostgresOptions, PostgresStore};
#[cfg(feature = "manage")]
pub(crate) use self::tokens::SessionKind;
pub use self::{
    contract::{
        Changes, Cursor, Position, Query, Row, StoredToken, TokenStore, TokenUse, Usage, Write,
    },
    error::{StoreError, StoreErrorKind},
    memory::MemoryStore,
    tokens::{
        CreatedToken, ImmediateTokenVerifier, NewToken, TokenError, TokenErrorKind, TokenSelector,
        TokenUpdate, TokenVerifier, Tokens, TokensOptions,
    },
};
