//! A file that this process can't write, or is not to.

use std::{fs, io, path::Path, time::SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{
    file::{self, FileId, Opened},
    location::{beside, immutable_uri},
    rows::failed,
};
use crate::store::error::StoreError;

/// What must stay the same while SQLite reads a file as immutable.
#[derive(PartialEq)]
pub(super) struct Stamp {
    length: u64,
    modified: SystemTime,
}

impl Stamp {
    /// Returns `None` if a process writes the file, or was interrupted while it
    /// did: then its contents are not in this file alone.
    pub(super) fn of(path: &Path) -> Result<Option<Self>, StoreError> {
        for suffix in ["-wal", "-journal"] {
            if beside(path, suffix)
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

/// Opens a file for reading alone.
///
/// While no process writes the file there is no write-ahead log, and SQLite
/// would make one, which a read-only directory does not allow, and which, made
/// with the mode of a read-only file, would stop a later writer. So the file is
/// opened as immutable, and its [`Stamp`] is compared before and after each use.
pub(super) fn open(path: &Path) -> Result<Opened, StoreError> {
    let id = FileId::of(path)?;
    let stamp = Stamp::of(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match stamp {
        Some(_) => {
            Connection::open_with_flags(immutable_uri(path), flags | OpenFlags::SQLITE_OPEN_URI)
        }
        None => Connection::open_with_flags(path, flags),
    };
    let connection = connection.map_err(failed)?;
    if !file::is_current(file::set_up(&connection)?) {
        return Err(StoreError::unavailable(
            "the file is read-only and not of the current version; \
             open it once in a process that can write it",
        ));
    }
    Ok(Opened {
        connection,
        file: id,
        stamp,
    })
}

/// Whether an error of opening means that this process can't write beside the
/// file.
pub(super) fn is_denied(path: &Path, error: &StoreError) -> bool {
    let code = error
        .cause::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code);
    if !matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)) {
        return false;
    }
    // Never the database file itself: closing it would release SQLite's locks
    // on it, which belong to the whole process.
    let log = fs::OpenOptions::new()
        .append(true)
        .open(beside(path, "-wal"));
    let denied = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        )
    };
    match log {
        Ok(_) => false,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let probe = beside(path, "-probe");
            let made = file::create_new(&probe);
            if made.is_ok() {
                let _ = fs::remove_file(&probe);
            }
            made.is_err_and(|error| denied(&error))
        }
        Err(error) => denied(&error),
    }
}
