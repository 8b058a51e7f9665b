//! The file: found, made, checked and brought to our form.

use std::{
    fmt, fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{
    read_only::{self, Stamp},
    rows::failed,
    steps::begin,
};
use crate::store::error::StoreError;

/// Tells a file of ours from any other: `tAut`.
const APPLICATION_ID: i32 = 0x7441_7574;

/// What brings a file from one version of its form to the next.
const MIGRATIONS: &[&str] = &[include_str!("1.sql")];

/// How long another process's write is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// Whether a store writes its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    ReadOnly,
    ReadWrite,
}

/// A connection, and the file that it was opened on.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) file: FileId,
    /// Set where SQLite takes the file for immutable.
    pub(super) stamp: Option<Stamp>,
}

impl Opened {
    /// Whether the path still leads to this file, unchanged where it must be.
    pub(super) fn is_current(&self, path: &Path) -> Result<bool, StoreError> {
        Ok(self.file == FileId::of(path)?
            && (self.stamp.is_none() || self.stamp == Stamp::of(path)?))
    }
}

/// Which file a path leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        use std::os::unix::fs::MetadataExt;
        let file = fs::metadata(path).map_err(StoreError::unavailable)?;
        Ok(Self(file.dev(), file.ino()))
    }

    /// When it was made is as near as this comes elsewhere.
    #[cfg(not(unix))]
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let file = fs::metadata(path).map_err(StoreError::unavailable)?;
        let made = file.created().map_err(StoreError::unavailable)?;
        Ok(Self(0, crate::token::Timestamp::from(made).as_millis()))
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

/// Makes an empty file that its owner alone can read, where there is none.
fn create(path: &Path) -> Result<(), StoreError> {
    match create_new(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(StoreError::unavailable(error))
        }
        _ => Ok(()),
    }
}

pub(super) fn create_new(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Opens or creates a file, brings it to the current version, and returns
/// whether this process can write it.
pub(super) fn prepare(path: &Path) -> Result<Access, StoreError> {
    if !path.try_exists().map_err(StoreError::unavailable)? {
        create(path)?;
    }
    let opened = read_write(path).and_then(|opened| match opened {
        Some(mut opened) => migrate(&mut opened.connection).map(|()| Access::ReadWrite),
        None => Ok(Access::ReadOnly),
    });
    match opened {
        Ok(Access::ReadWrite) => Ok(Access::ReadWrite),
        Err(error) if !read_only::is_denied(path, &error) => Err(error),
        _ => read_only::open(path).map(|_| Access::ReadOnly),
    }
}

pub(super) fn open(path: &Path, access: Access) -> Result<Opened, StoreError> {
    match access {
        Access::ReadOnly => read_only::open(path),
        Access::ReadWrite => {
            read_write(path)?.ok_or_else(|| StoreError::unavailable("the file became read-only"))
        }
    }
}

/// Opens a file for reading and writing; `None` if this process can't write it.
fn read_write(path: &Path) -> Result<Option<Opened>, StoreError> {
    // Before it is opened: if another one comes in between, the next look
    // finds a difference.
    let file = FileId::of(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    // Before it is read: SQLite would make files beside it, with its mode.
    if connection.is_readonly("main").map_err(failed)? {
        return Ok(None);
    }
    set_up(&connection)?;
    Ok(Some(Opened {
        connection,
        file,
        stamp: None,
    }))
}

/// Prepares a connection, and returns the version of the file's form.
pub(super) fn set_up(connection: &Connection) -> Result<usize, StoreError> {
    connection.busy_timeout(BUSY).map_err(failed)?;
    // A file that somebody else wrote can't make us call anything.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)
        .map_err(failed)?;
    connection
        .execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;")
        .map_err(failed)?;
    check(connection)
}

pub(super) fn is_current(version: usize) -> bool {
    version == MIGRATIONS.len()
}

/// Which version of our form a file has; 0 for an empty one.
fn check(connection: &Connection) -> Result<usize, StoreError> {
    let pragma = |name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i32>(0))
            .map_err(failed)
    };
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = connection
        .query_row(tables, [], |row| row.get(0))
        .map_err(failed)?;
    let version = usize::try_from(pragma("user_version")?).map_err(StoreError::corrupt)?;
    match pragma("application_id")? {
        APPLICATION_ID if version <= MIGRATIONS.len() => Ok(version),
        APPLICATION_ID => Err(StoreError::corrupt(
            "the file was written by a later version of this crate",
        )),
        0 if version == 0 && tables == 0 => Ok(0),
        _ => Err(StoreError::corrupt(
            "the file is a database of another kind",
        )),
    }
}

/// Brings a file to the current version. One that is there needs no lock.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if is_current(check(connection)?) && journal_mode(connection, "")? == "wal" {
        return Ok(());
    }
    write_ahead(connection)?;
    let transaction = begin(connection)?;
    // Another process may have been first.
    let version = check(&transaction)?;
    for migration in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    for (name, value) in [
        ("application_id", i64::from(APPLICATION_ID)),
        ("user_version", MIGRATIONS.len() as i64),
    ] {
        transaction
            .pragma_update(None, name, value)
            .map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// Sets the mode that lets readers go on while somebody writes. It stays with
/// the file.
fn write_ahead(connection: &Connection) -> Result<(), StoreError> {
    let begun = Instant::now();
    loop {
        match journal_mode(connection, "= WAL") {
            // Two who set it at once: SQLite lets neither wait for the other.
            Err(error) if is_busy(&error) && begun.elapsed() < BUSY => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error),
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => return Err(StoreError::unavailable("the file can't be in WAL mode")),
        }
    }
}

/// Returns the journal mode, or sets it (`= MODE`).
fn journal_mode(connection: &Connection, set: &str) -> Result<String, StoreError> {
    connection
        .query_row(&format!("PRAGMA journal_mode {set}"), [], |row| row.get(0))
        .map_err(failed)
}

fn is_busy(error: &StoreError) -> bool {
    let cause = error.cause::<rusqlite::Error>();
    cause.and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::DatabaseBusy)
}
