//! A file that is opened read-only.

use std::{fs, io, path::Path};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{
    identity::{FileId, OpenFile, Stamp},
    location::{create_new, immutable_uri, with_suffix},
    rows::sqlite_error,
    schema,
};
use crate::store::error::StoreError;

/// Opens a file read-only.
///
/// While no process writes the file, it has no write-ahead log, and SQLite would
/// create one. A read-only directory does not permit that, and a log with the mode
/// of a read-only file would lock out a later writer. The file is therefore opened
/// as immutable, and its [`Stamp`] is compared before and after each use.
pub(super) fn open(path: &Path) -> Result<OpenFile, StoreError> {
    let id = FileId::read(path)?;
    let stamp = Stamp::read(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match stamp {
        Some(_) => {
            Connection::open_with_flags(immutable_uri(path), flags | OpenFlags::SQLITE_OPEN_URI)
        }
        None => Connection::open_with_flags(path, flags),
    };
    let connection = connection.map_err(sqlite_error)?;
    if !schema::is_current(schema::configure(&connection)?) {
        return Err(StoreError::unavailable(
            "the file is read-only and not of the current version; \
             open it once in a process that can write it",
        ));
    }
    Ok(OpenFile {
        connection,
        file: id,
        stamp,
    })
}

/// Checks whether an error of opening means that this process can't write the
/// files next to the database file.
pub(super) fn is_denied(path: &Path, error: &StoreError) -> bool {
    let code = error
        .cause::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code);
    if !matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)) {
        return false;
    }
    // Opens the log and never the database file: closing that would release
    // SQLite's locks on it, which belong to the whole process.
    let log = fs::OpenOptions::new()
        .append(true)
        .open(with_suffix(path, "-wal"));
    let is_permission_error = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        )
    };
    match log {
        Ok(_) => false,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let probe = with_suffix(path, "-probe");
            let created = create_new(&probe);
            if created.is_ok() {
                let _ = fs::remove_file(&probe);
            }
            created.is_err_and(|error| is_permission_error(&error))
        }
        Err(error) => is_permission_error(&error),
    }
}
