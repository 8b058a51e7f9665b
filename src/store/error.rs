//! The error of stores.

use std::{error::Error, fmt};

/// An error of a store.
///
/// Its message names the cause and is meant for logs. Clients never see it.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The id or the digest of a new row is taken.
    AlreadyExists,
    /// A row is not at the expected revision, or the database aborted the
    /// transaction in favor of another one. Read the row again.
    Conflict,
    /// The contents of the store are damaged, or were written by another program.
    Corrupt,
    /// The store can't be reached, or can't do it: it is locked, full or
    /// read-only, or a permission is missing. The message names the cause.
    Unavailable,
}

impl StoreError {
    /// Creates an error for a new row with an id or a digest that is taken.
    #[must_use]
    pub fn already_exists() -> Self {
        Self {
            kind: StoreErrorKind::AlreadyExists,
            source: None,
        }
    }

    /// Creates an error for a row that is not at the expected revision.
    #[must_use]
    pub fn conflict() -> Self {
        Self {
            kind: StoreErrorKind::Conflict,
            source: None,
        }
    }

    /// Creates an error for a transaction that the database aborted in favor of
    /// another one.
    #[cfg(feature = "postgres")]
    pub(super) fn conflict_with_source(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: StoreErrorKind::Conflict,
            source: Some(source.into()),
        }
    }

    /// Creates an error for contents that can't be read.
    pub fn corrupt(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: StoreErrorKind::Corrupt,
            source: Some(source.into()),
        }
    }

    /// Creates an error for a store that can't be reached or used.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: StoreErrorKind::Unavailable,
            source: Some(source.into()),
        }
    }

    /// Creates an error for a call that missed its deadline.
    pub(super) fn timed_out(operation: &'static str) -> Self {
        Self::unavailable(format!("`{operation}` was not answered in time"))
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Returns the cause if it is of type `E`.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) fn cause<E: Error + 'static>(&self) -> Option<&E> {
        self.source.as_ref()?.downcast_ref()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::AlreadyExists => "the id or the digest of the new row is taken",
            StoreErrorKind::Conflict => "the row is not at the expected revision",
            StoreErrorKind::Corrupt => "the store can't be read",
            StoreErrorKind::Unavailable => "the store is unavailable",
        })?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // `Display` already shows the cause.
        self.source.as_deref()?.source()
    }
}
