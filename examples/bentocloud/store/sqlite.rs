//! Documents in the SQLite file that the tokens are in.

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::{Connection, OpenFlags, types::Value};
use tokio::task::spawn_blocking;

use super::{
    StoreError,
    operation::{Operation, Row, Values},
};

/// How long another one's write is waited for.
const BUSY: Duration = Duration::from_secs(5);

const TABLE: &str = "CREATE TABLE IF NOT EXISTS bentocloud (
    kind TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, content BLOB,
    PRIMARY KEY (kind, name)) STRICT";

/// Opens the file for each operation, which takes a fraction of a millisecond,
/// and finds out when it is gone.
#[derive(Clone)]
pub(crate) struct Sqlite(Arc<Path>);

impl Sqlite {
    pub(super) async fn open(path: &str) -> Result<Self, StoreError> {
        let sqlite = Self(Path::new(path).into());
        sqlite
            .with(|file| file.execute(TABLE, []).map(drop))
            .await?;
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
            let mut statement = file.prepare(&operation.statement().replace('$', "?"))?;
            let rows = statement.query_map(rusqlite::params_from_iter(needed), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            rows.collect()
        })
        .await
    }

    async fn with<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let path = Arc::clone(&self.0);
        let done = spawn_blocking(move || {
            // Without CREATE: a file that is gone is an outage.
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let file = Connection::open_with_flags(path, flags)?;
            file.busy_timeout(BUSY)?;
            // What is committed survives a crash of the machine too.
            file.pragma_update(None, "synchronous", "FULL")?;
            work(&file)
        });
        done.await
            .map_err(StoreError::new)?
            .map_err(StoreError::new)
    }
}
