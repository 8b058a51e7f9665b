//! Errors of stores.

use std::{error::Error, fmt};

/// An error of a store.
///
/// Its text names the cause, for logs: no client of a service sees it.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// A row to insert has an id or a digest that the store holds already.
    AlreadyExists,
    /// A row is not at the revision that the write was made for, or the store
    /// gave up a transaction in favor of another one. Read it again.
    Conflict,
    /// The contents of the store are damaged, or another program wrote them.
    Corrupt,
    /// The store can't be reached, or it refused: it is locked, full, read-only,
    /// or a permission is missing. The message names the cause.
    Unavailable,
}

impl StoreError {
    /// Creates an error for a row that the store holds already.
    #[must_use]
    pub fn already_exists() -> Self {
        Self {
            kind: StoreErrorKind::AlreadyExists,
            source: None,
        }
    }

    /// Creates an error for a row that is not at the revision that the write
    /// was made for.
    #[must_use]
    pub fn conflict() -> Self {
        Self {
            kind: StoreErrorKind::Conflict,
            source: None,
        }
    }

    /// Creates an error for a transaction that the database gave up in favor of
    /// another one.
    #[cfg(feature = "postgres")]
    pub(super) fn conflict_because(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
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

    /// Creates an error for a store that can't be reached, or that refused.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: StoreErrorKind::Unavailable,
            source: Some(source.into()),
        }
    }

    /// Creates an error for a call that was not answered in time.
    pub(super) fn timed_out(operation: &'static str) -> Self {
        Self::unavailable(format!("`{operation}` was not answered in time"))
    }

    /// Returns the kind of failure.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Returns the cause, if it has this type.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) fn cause<E: Error + 'static>(&self) -> Option<&E> {
        self.source.as_ref()?.downcast_ref()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::AlreadyExists => "the row is already there",
            StoreErrorKind::Conflict => "the row was changed in the meantime",
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
        // `Display` shows the cause itself.
        self.source.as_deref()?.source()
    }
}
