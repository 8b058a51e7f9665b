//! The settings of a connection, and the version of the tables.

use std::{
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, config::DbConfig};

use super::{operations::begin_write, rows::sqlite_error};
use crate::store::error::StoreError;

/// The application id in the header of our files: `tAut`.
const APPLICATION_ID: i32 = 0x7441_7574;

/// The statements that migrate a file from one version of the tables to the next.
const MIGRATIONS: &[&str] = &[include_str!("1.sql")];

/// How long to wait for a lock of another process.
const BUSY: Duration = Duration::from_secs(5);

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
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
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
