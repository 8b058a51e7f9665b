//! A store in an SQLite file.

mod file;
mod identity;
mod location;
mod operations;
mod read_only;
mod rows;
mod schema;
mod shared_file;
mod write;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::future::join;
use tokio::{sync::mpsc, time::sleep};

use self::{
    file::FileAccess,
    identity::OpenFile,
    operations::{begin_write, read_position, send_all},
    rows::{execute, query_rows, sqlite_error},
    shared_file::{SharedFile, blocking},
    write::{add_uses, write_all},
};
use super::{
    Value,
    columns::{KEY, TOKEN},
    filter::{PageStatements, select_by_id},
    millis,
    read::{read_cursor, read_key, read_stored_token, read_token},
    statements::{PRUNE, RECORD_PRUNE, merge_changes, select_changes},
};
use crate::{
    store::{
        error::StoreError,
        query::{Query, TokenPage},
        rows::{Changes, Position, Row, StoredToken, TokenUse, Write},
        token_store::TokenStore,
    },
    token::{Timestamp, TokenId},
};

/// How often to look for changes of another process.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// A store in an SQLite file, which several processes on one machine may share.
/// SQLite is compiled into the crate.
///
/// The file is in WAL mode with `synchronous=FULL`, so that acknowledged writes
/// survive a crash and a loss of power. A change of another process is seen within
/// 100 ms and one read. Only its owner can read a new file.
///
/// To replace the file with a copy, rename the copy over it and remove `FILE-wal`
/// and `FILE-shm`. Every process then reads the whole file again.
///
/// A process that can't write the file or its directory opens it read-only, as
/// [`open_read_only`](Self::open_read_only) does.
///
/// # Example
///
/// ```
/// use tower_authn::{store::SqliteStore, tokens::{NewToken, Tokens, TokensOptions}};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = std::env::temp_dir().join(format!("tower-authn-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # std::env::set_current_dir(&directory)?;
/// let store = SqliteStore::open("tokens.db").await?;
/// let tokens = Tokens::open(store, TokensOptions::new("acme")?).await?;
/// tokens.create(NewToken::new("alice").scopes(["deployment"])).await?;
/// tokens.shutdown().await?;
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok(())
/// # }
/// ```
pub struct SqliteStore {
    path: PathBuf,
    access: FileAccess,
    /// Three connections, so that neither a write nor the changes wait for a list.
    follower: SharedFile,
    reader: SharedFile,
    writer: SharedFile,
}

impl SqliteStore {
    /// Opens a file, and creates it if it is missing.
    ///
    /// A file of the current version is opened without a lock, even while another
    /// process is writing.
    ///
    /// # Errors
    ///
    /// Returns an error, and leaves the file unchanged, if it belongs to another
    /// program, is damaged, or was written by a later version of this crate
    /// ([`Corrupt`](crate::store::StoreErrorKind::Corrupt)), or if it can't be
    /// read ([`Unavailable`](crate::store::StoreErrorKind::Unavailable)).
    /// `:memory:`, an empty path and a URI are errors: use
    /// [`MemoryStore`](crate::store::MemoryStore) to keep tokens in memory.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = location::resolve(path.as_ref())?;
        let prepared = path.clone();
        let access = blocking(move || file::prepare(&prepared)).await?;
        Ok(Self::new(path, access))
    }

    /// Opens a file read-only, to verify tokens. The store follows the changes of
    /// other processes.
    ///
    /// Attempts to change a token return an error, and uses are not counted.
    ///
    /// # Errors
    ///
    /// Returns an error as [`open`](Self::open) does, and if the file is missing or
    /// not of the current version.
    pub async fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = location::resolve(path.as_ref())?;
        let checked = path.clone();
        blocking(move || read_only::open(&checked).map(drop)).await?;
        Ok(Self::new(path, FileAccess::ReadOnly))
    }

    /// Returns whether the file was opened read-only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.access == FileAccess::ReadOnly
    }

    fn new(path: PathBuf, access: FileAccess) -> Self {
        Self {
            path,
            access,
            follower: SharedFile::default(),
            reader: SharedFile::default(),
            writer: SharedFile::default(),
        }
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        if self.is_read_only() {
            return Err(StoreError::unavailable(
                "the file is read-only; its tokens can be verified, but not changed",
            ));
        }
        Ok(())
    }

    async fn with_file<T, F>(&self, file: &SharedFile, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut OpenFile) -> Result<T, StoreError> + Send + 'static,
    {
        file.with(&self.path, self.access, work).await
    }
}

impl TokenStore for SqliteStore {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.check_writable()?;
        self.with_file(&self.writer, move |opened| {
            let transaction = begin_write(&mut opened.connection)?;
            let last = write_all(&transaction, &writes)?;
            transaction.commit().map_err(sqlite_error)?;
            Ok(last)
        })
        .await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        let id = Value::Text(Some(id.to_string()));
        let found = self.with_file(&self.reader, move |opened| {
            query_rows(
                &opened.connection,
                &select_by_id(),
                &[id],
                read_stored_token,
            )
        });
        Ok(found.await?.pop())
    }

    async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
        let PageStatements { tokens, end } = PageStatements::new(&query)?;
        self.with_file(&self.reader, move |opened| {
            let snapshot = opened.connection.transaction().map_err(sqlite_error)?;
            let (statement, values) = tokens;
            let tokens = query_rows(&snapshot, &statement, &values, read_stored_token)?;
            let end = match end {
                Some((statement, values)) => {
                    query_rows(&snapshot, &statement, &values, read_cursor)?
                }
                None => Vec::new(),
            };
            Ok(PageStatements::page(tokens, end.first().copied(), &query))
        })
        .await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let values = [Value::from_count(since)?, Value::from_count(limit as u64)?];
        self.with_file(&self.follower, move |opened| {
            let file = opened.file;
            let snapshot = opened.connection.transaction().map_err(sqlite_error)?;
            let head = read_position(&snapshot, file)?;
            if head.rev == since {
                let rows = Vec::new();
                return Ok(Changes { head, rows });
            }
            let keys = query_rows(&snapshot, &select_changes(&KEY), &values, read_key)?;
            let tokens = query_rows(&snapshot, &select_changes(&TOKEN), &values, read_token)?;
            let rows = merge_changes(keys, tokens, limit);
            Ok(Changes { head, rows })
        })
        .await
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        let (chunks, mut received) = mpsc::channel(2);
        let load = self.with_file(&self.reader, move |opened| {
            let snapshot = opened.connection.transaction().map_err(sqlite_error)?;
            send_all(&snapshot, opened.file, &chunks)
        });
        let pass_on = async {
            while let Some(chunk) = received.recv().await {
                Vec::into_iter(chunk).for_each(&mut *each);
            }
        };
        join(load, pass_on).await.0
    }

    async fn watch(&self, since: u64) {
        loop {
            sleep(WATCH_EVERY).await;
            let position = self.with_file(&self.follower, |opened| {
                read_position(&opened.connection, opened.file)
            });
            // An error is left to `changes`, which returns it.
            if position.await.is_ok_and(|position| position.rev != since) {
                return;
            }
        }
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        if self.is_read_only() {
            return Ok(());
        }
        self.with_file(&self.writer, move |opened| {
            let transaction = begin_write(&mut opened.connection)?;
            add_uses(&transaction, &uses)?;
            transaction.commit().map_err(sqlite_error)
        })
        .await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        self.check_writable()?;
        self.with_file(&self.writer, move |opened| {
            let before = [Value::Number(millis(ended_before))];
            let transaction = begin_write(&mut opened.connection)?;
            let removed = execute(&transaction, PRUNE, &before)?;
            execute(&transaction, RECORD_PRUNE, &before)?;
            transaction.commit().map_err(sqlite_error)?;
            Ok(removed)
        })
        .await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}
