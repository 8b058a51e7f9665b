//! The database file: created if it is missing, and opened.

use std::{io, path::Path};

use rusqlite::{Connection, OpenFlags};

use super::{
    identity::{FileId, OpenFile},
    location::create_new,
    read_only,
    rows::sqlite_error,
    schema::{configure, migrate},
};
use crate::store::error::StoreError;

/// The access of a store to its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileAccess {
    ReadOnly,
    ReadWrite,
}

/// Creates an empty file unless there is one.
fn create_if_missing(path: &Path) -> Result<(), StoreError> {
    match create_new(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(StoreError::unavailable(error))
        }
        _ => Ok(()),
    }
}

/// Creates a file if it is missing, migrates it to the current version, and returns
/// the access that this process has.
pub(super) fn prepare(path: &Path) -> Result<FileAccess, StoreError> {
    if !path.try_exists().map_err(StoreError::unavailable)? {
        create_if_missing(path)?;
    }
    let opened = open_read_write(path).and_then(|opened| match opened {
        Some(mut opened) => migrate(&mut opened.connection).map(|()| FileAccess::ReadWrite),
        None => Ok(FileAccess::ReadOnly),
    });
    match opened {
        Ok(FileAccess::ReadWrite) => Ok(FileAccess::ReadWrite),
        Err(error) if !read_only::is_denied(path, &error) => Err(error),
        _ => read_only::open(path).map(|_| FileAccess::ReadOnly),
    }
}

pub(super) fn open(path: &Path, access: FileAccess) -> Result<OpenFile, StoreError> {
    match access {
        FileAccess::ReadOnly => read_only::open(path),
        FileAccess::ReadWrite => open_read_write(path)?
            .ok_or_else(|| StoreError::unavailable("the file became read-only")),
    }
}

/// Opens a file for reading and writing. Returns `None` if this process can't
/// write it.
fn open_read_write(path: &Path) -> Result<Option<OpenFile>, StoreError> {
    // Read before the file is opened. If it is replaced in between, the next check
    // finds a difference.
    let file = FileId::read(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sqlite_error)?;
    // Checked before the file is read, since SQLite would then create files next to
    // it, with its mode.
    if connection.is_readonly("main").map_err(sqlite_error)? {
        return Ok(None);
    }
    configure(&connection)?;
    Ok(Some(OpenFile {
        connection,
        file,
        stamp: None,
    }))
}
