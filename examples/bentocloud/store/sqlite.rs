//! Documents in the SQLite file of the tokens.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, params_from_iter, types::Value};
use tokio::task::spawn_blocking;

use super::{
    StoreError,
    operation::{Operation, Row, Values},
};

/// The longest wait for a write of another connection.
const BUSY: Duration = Duration::from_secs(5);

const TABLE: &str = "CREATE TABLE IF NOT EXISTS bentocloud (
    kind TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, content BLOB,
    PRIMARY KEY (kind, name)) STRICT";

/// The number of connections that are kept for the next requests.
const IDLE: usize = 8;

#[derive(Clone)]
pub(crate) struct Sqlite(Arc<File>);

struct File {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Sqlite {
    pub(super) async fn open(path: &str) -> Result<Self, StoreError> {
        let sqlite = Self(Arc::new(File {
            path: path.into(),
            idle: Mutex::default(),
        }));
        sqlite.with(|file| file.execute_batch(TABLE)).await?;
        Ok(sqlite)
    }

    pub(super) async fn run(
        &self,
        operation: Operation,
        values: Values,
    ) -> Result<Vec<Row>, StoreError> {
        self.with(move |file| {
            let kind = values.kind.as_str().to_owned();
            let content = values.content.map_or(Value::Null, Value::Blob);
            let all = [
                kind.into(),
                values.name.into(),
                values.document.into(),
                content,
            ];
            let needed = all.into_iter().take(operation.parameters());
            let mut statement = file.prepare_cached(&operation.statement().replace('$', "?"))?;
            let rows = statement.query_map(params_from_iter(needed), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            rows.collect()
        })
        .await
    }

    /// Runs a task on a thread that may block. If the task fails, its connection is
    /// closed.
    async fn with<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let file = Arc::clone(&self.0);
        let done = spawn_blocking(move || {
            let idle = file.idle().pop();
            let connection = idle.map_or_else(|| file.connect(), Ok)?;
            let done = work(&connection)?;
            let mut idle = file.idle();
            if idle.len() < IDLE {
                idle.push(connection);
            }
            Ok(done)
        });
        let done: rusqlite::Result<T> = done.await.map_err(StoreError::new)?;
        done.map_err(StoreError::new)
    }
}

impl File {
    fn connect(&self) -> rusqlite::Result<Connection> {
        // Without CREATE, since a missing file is an outage.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY)?;
        // A committed write also survives a crash of the machine.
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
