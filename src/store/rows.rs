//! The rows of a store, and what is read and written with them.

use crate::token::{Record, TagKey, Timestamp, TokenId};

/// The position of a store in its history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores make them")]
pub struct Position {
    /// The name of the history. It changes if the store is replaced, restored or
    /// failed over, since revisions then count other changes.
    pub epoch: String,
    /// The revision of the last write; 0 before the first.
    pub rev: u64,
    /// The latest time that [`prune`](super::TokenStore::prune) was called with; 0 before
    /// the first call. Tokens that ended before it may be missing.
    pub pruned_before: Timestamp,
}

/// The rows that changed after a revision.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores make them")]
pub struct Changes {
    /// The position of the store, past the last row if more follow.
    pub head: Position,
    /// The rows, in the order of their revisions.
    pub rows: Vec<Row>,
}

/// A row of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must keep every kind")]
pub enum Row {
    /// A key of the ring.
    Key(TagKey),
    /// A token.
    Token(Box<Record>),
}

impl Row {
    /// Returns the revision of the last change.
    #[must_use]
    pub fn rev(&self) -> u64 {
        match self {
            Self::Key(key) => key.rev,
            Self::Token(record) => record.rev,
        }
    }

    /// Sets the revision, as a store does when it writes the row.
    pub fn set_rev(&mut self, rev: u64) {
        match self {
            Self::Key(key) => key.rev = rev,
            Self::Token(record) => record.rev = rev,
        }
    }
}

/// A row to write.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Write {
    /// The whole row.
    pub row: Row,
    /// The revision of the row that this one replaces; `None` if the row is new.
    pub expected_rev: Option<u64>,
}

impl Write {
    /// Creates a write that inserts a new row.
    #[must_use]
    pub fn insert(row: Row) -> Self {
        Self {
            row,
            expected_rev: None,
        }
    }

    /// Creates a write that replaces a row at a revision.
    #[must_use]
    pub fn replace(row: Row, expected_rev: u64) -> Self {
        Self {
            row,
            expected_rev: Some(expected_rev),
        }
    }
}

/// A token with its usage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores make them")]
pub struct StoredToken {
    /// The record of the token.
    pub record: Record,
    /// The stored uses.
    pub usage: Usage,
}

/// The stored uses of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores make them")]
pub struct Usage {
    /// The time of the last use.
    pub last_used_at: Option<Timestamp>,
    /// The number of uses.
    pub uses: u64,
}

/// Uses of a token, to be added to those that are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenUse {
    /// The id of the token.
    pub id: TokenId,
    /// The time of the last of these uses.
    pub at: Timestamp,
    /// The number of these uses.
    pub count: u64,
}

impl TokenUse {
    /// Creates a number of uses, the last of them at a time.
    #[must_use]
    pub fn new(id: TokenId, at: Timestamp, count: u64) -> Self {
        Self { id, at, count }
    }
}
