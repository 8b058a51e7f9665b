//! The identity of a database file, and how it is noticed that it has changed.

use std::{fmt, fs, path::Path, time::SystemTime};

use rusqlite::Connection;

use super::location::with_suffix;
use crate::store::error::StoreError;

/// A connection, and the file that it was opened on.
pub(super) struct OpenFile {
    pub(super) connection: Connection,
    pub(super) file: FileId,
    /// Set if the file was opened as immutable.
    pub(super) stamp: Option<Stamp>,
}

impl OpenFile {
    /// Checks that the path still leads to this file, and that it has not changed
    /// if it is immutable.
    pub(super) fn is_current(&self, path: &Path) -> Result<bool, StoreError> {
        Ok(self.file == FileId::read(path)?
            && (self.stamp.is_none() || self.stamp == Stamp::read(path)?))
    }
}

/// The identity of a file: its device and its inode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    pub(super) fn read(path: &Path) -> Result<Self, StoreError> {
        use std::os::unix::fs::MetadataExt;
        let file = fs::metadata(path).map_err(StoreError::unavailable)?;
        Ok(Self(file.dev(), file.ino()))
    }

    /// Uses the time of creation, since there is no inode.
    #[cfg(not(unix))]
    pub(super) fn read(path: &Path) -> Result<Self, StoreError> {
        let file = fs::metadata(path).map_err(StoreError::unavailable)?;
        let created = file.created().map_err(StoreError::unavailable)?;
        Ok(Self(0, crate::token::Timestamp::from(created).as_millis()))
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

/// The size and the time of the last change of a file, which must not change
/// while SQLite reads it as immutable.
#[derive(PartialEq)]
pub(super) struct Stamp {
    length: u64,
    modified: SystemTime,
}

impl Stamp {
    /// Reads the stamp of a file. Returns `None` if a process writes the file or
    /// was interrupted while it did, since its contents are then in other files
    /// too.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        for suffix in ["-wal", "-journal"] {
            if with_suffix(path, suffix)
                .try_exists()
                .map_err(StoreError::unavailable)?
            {
                return Ok(None);
            }
        }
        let file = fs::metadata(path).map_err(StoreError::unavailable)?;
        Ok(Some(Self {
            length: file.len(),
            modified: file.modified().map_err(StoreError::unavailable)?,
        }))
    }
}
