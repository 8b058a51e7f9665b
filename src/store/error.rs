//! What a store may fail with.

use std::{error::Error, fmt};

/// A store that could not do what it was asked.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    timed_out: Option<&'static str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// A row is not at the revision that the write was made for. Read it again.
    Conflict,
    /// What the store holds can't be read: it is not ours, or broken.
    Corrupt,
    /// The store can't be reached, is locked, full or read-only.
    Unavailable,
}

impl StoreError {
    /// A row is not at the revision that the write was made for.
    #[must_use]
    pub fn conflict() -> Self {
        Self {
            kind: StoreErrorKind::Conflict,
            timed_out: None,
            source: None,
        }
    }

    /// What the store holds can't be read.
    pub fn corrupt(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: StoreErrorKind::Corrupt,
            timed_out: None,
            source: Some(source.into()),
        }
    }

    /// The store can't be reached.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: StoreErrorKind::Unavailable,
            timed_out: None,
            source: Some(source.into()),
        }
    }

    /// The store did not answer a call in time.
    pub(super) fn timed_out(operation: &'static str) -> Self {
        Self {
            kind: StoreErrorKind::Unavailable,
            timed_out: Some(operation),
            source: None,
        }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.timed_out {
            return write!(f, "the store did not answer `{operation}` in time");
        }
        f.write_str(match self.kind {
            StoreErrorKind::Conflict => "the row was changed in the meantime",
            StoreErrorKind::Corrupt => "the store can't be read",
            StoreErrorKind::Unavailable => "the store can't be reached",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
