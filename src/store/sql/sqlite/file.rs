//! The database file: created, checked, and migrated to the current version.

use std::{
    fmt, fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{
    operations::begin_write,
    read_only::{self, Stamp},
    rows::sqlite_error,
};
use crate::store::error::StoreError;

/// The application id in the header of our files: `tAut`.
const APPLICATION_ID: i32 = 0x7441_7574;

/// The statements that migrate a file from one version of the tables to the next.
const MIGRATIONS: &[&str] = &[include_str!("1.sql")];

/// How long to wait for a lock of another process.
const BUSY: Duration = Duration::from_secs(5);

/// The access of a store to its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileAccess {
    ReadOnly,
    ReadWrite,
}

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

/// Creates an empty file unless there is one.
fn create_if_missing(path: &Path) -> Result<(), StoreError> {
    match create_new(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(StoreError::unavailable(error))
        }
        _ => Ok(()),
    }
}

/// Creates an empty file that only its owner can read.
pub(super) fn create_new(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
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

/// Configures a connection, and returns the version of the tables.
pub(super) fn configure(connection: &Connection) -> Result<usize, StoreError> {
    connection.busy_timeout(BUSY).map_err(sqlite_error)?;
    // Keeps a file of another program from calling functions or corrupting the
    // database.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)
        .map_err(sqlite_error)?;
    connection
        .execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;")
        .map_err(sqlite_error)?;
    read_version(connection)
}

pub(super) fn is_current(version: usize) -> bool {
    version == MIGRATIONS.len()
}

/// Returns the version of the tables; 0 for an empty file.
fn read_version(connection: &Connection) -> Result<usize, StoreError> {
    let pragma = |name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i32>(0))
            .map_err(sqlite_error)
    };
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = connection
        .query_row(tables, [], |row| row.get(0))
        .map_err(sqlite_error)?;
    let version = usize::try_from(pragma("user_version")?).map_err(StoreError::corrupt)?;
    match pragma("application_id")? {
        APPLICATION_ID if version <= MIGRATIONS.len() => Ok(version),
        APPLICATION_ID => Err(StoreError::corrupt(
            "the file was written by a later version of this crate",
        )),
        0 if version == 0 && tables == 0 => Ok(0),
        _ => Err(StoreError::corrupt(
            "the file is the database of another program",
        )),
    }
}

/// Migrates a file to the current version. A current file is not locked.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if is_current(read_version(connection)?) && journal_mode(connection, "")? == "wal" {
        return Ok(());
    }
    set_wal_mode(connection)?;
    let transaction = begin_write(connection)?;
    // Another process may have migrated it in the meantime.
    let version = read_version(&transaction)?;
    for migration in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(migration).map_err(sqlite_error)?;
    }
    for (name, value) in [
        ("application_id", i64::from(APPLICATION_ID)),
        ("user_version", MIGRATIONS.len() as i64),
    ] {
        transaction
            .pragma_update(None, name, value)
            .map_err(sqlite_error)?;
    }
    transaction.commit().map_err(sqlite_error)
}

/// Sets the WAL mode, in which readers do not wait for writers. The file keeps it.
fn set_wal_mode(connection: &Connection) -> Result<(), StoreError> {
    let begun = Instant::now();
    loop {
        match journal_mode(connection, "= WAL") {
            // SQLite does not wait if two connections set the mode at once.
            Err(error) if is_busy(&error) && begun.elapsed() < BUSY => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error),
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => return Err(StoreError::unavailable("the file can't be set to WAL mode")),
        }
    }
}

/// Returns the journal mode, or sets it (`= MODE`).
fn journal_mode(connection: &Connection, set: &str) -> Result<String, StoreError> {
    connection
        .query_row(&format!("PRAGMA journal_mode {set}"), [], |row| row.get(0))
        .map_err(sqlite_error)
}

fn is_busy(error: &StoreError) -> bool {
    let cause = error.cause::<rusqlite::Error>();
    cause.and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::DatabaseBusy)
}
