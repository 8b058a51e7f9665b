//! Tokens in a file.

mod file;
mod location;
mod read_only;
mod rows;
mod steps;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::join;
use tokio::{sync::mpsc, task, time::sleep};

use self::{
    file::{Access, Opened},
    rows::{execute, failed, rows},
    steps::{apply, begin, head, load},
};
use super::{
    ADD_USE, PRUNE, Value,
    columns::{self, KEY, TOKEN},
    filter, in_order, number, select_changes, time,
};
use crate::{
    store::{
        contract::{Changes, Position, Query, Row, StoredToken, TokenStore, TokenUse, Write},
        error::StoreError,
    },
    token::{Timestamp, TokenId},
};

/// How often another process's changes are looked for.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// Keeps tokens in an SQLite file, which several processes on one machine may
/// share. SQLite comes with the crate.
///
/// The file is in WAL mode with `synchronous=FULL`: what was acknowledged
/// outlives a crash and a loss of power. Another process's change is seen
/// within 100 ms and one read. A new file can be read by its owner alone.
///
/// To put a copy in the place of a file, rename it over the file and remove
/// `FILE-wal` and `FILE-shm`: every process then reads it whole.
///
/// A process that can't write the file, or its directory, opens it for reading
/// alone, as [`open_read_only`](Self::open_read_only) does.
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
    access: Access,
    /// A change is not to wait for a list, nor the next change for either.
    follower: Slot,
    reader: Slot,
    writer: Slot,
}

type Slot = Arc<Mutex<Option<Opened>>>;

impl SqliteStore {
    /// Opens a file, or creates it.
    ///
    /// A file of the current version is opened without a lock, so that another
    /// process may hold a transaction that writes.
    ///
    /// # Errors
    ///
    /// Returns an error, and leaves the file as it was, if the file is something
    /// else, is damaged, or was written by a later version of this crate
    /// ([`Corrupt`](crate::store::StoreErrorKind::Corrupt)), or if it can't be
    /// read ([`Unavailable`](crate::store::StoreErrorKind::Unavailable)).
    /// `:memory:`, an empty path and a URI are refused: use
    /// [`MemoryStore`](crate::store::MemoryStore) to keep tokens in memory.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = location::resolve(path.as_ref())?;
        let prepared = path.clone();
        let access = blocking(move || file::prepare(&prepared)).await?;
        Ok(Self::new(path, access))
    }

    /// Opens a file to verify its tokens alone: nothing is written to it, and it
    /// need not be writable. What another process writes is followed.
    ///
    /// Changes of tokens return an error, and uses are not counted.
    ///
    /// # Errors
    ///
    /// Returns an error as [`open`](Self::open) does, and if there is no file or
    /// it is not of the current version.
    pub async fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = location::resolve(path.as_ref())?;
        let checked = path.clone();
        blocking(move || read_only::open(&checked).map(drop)).await?;
        Ok(Self::new(path, Access::ReadOnly))
    }

    /// Whether the file was opened for reading alone.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.access == Access::ReadOnly
    }

    fn new(path: PathBuf, access: Access) -> Self {
        Self {
            path,
            access,
            follower: Slot::default(),
            reader: Slot::default(),
            writer: Slot::default(),
        }
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        if self.is_read_only() {
            return Err(StoreError::unavailable(
                "the file is read-only: its tokens can be verified, but not changed",
            ));
        }
        Ok(())
    }

    /// Does something with a connection, on a thread that may wait.
    async fn with<T, F>(&self, slot: &Slot, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Opened) -> Result<T, StoreError> + Send + 'static,
    {
        let slot = Arc::clone(slot);
        let path = self.path.clone();
        let access = self.access;
        blocking(move || {
            // A transaction that a panic cut off was rolled back by its guard.
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let opened = match slot.take() {
                Some(opened) if opened.is_current(&path)? => slot.insert(opened),
                // Another file was put in its place, or an immutable one changed.
                _ => slot.insert(file::open(&path, access)?),
            };
            let done = work(opened);
            if opened.stamp.is_some() && !opened.is_current(&path)? {
                *slot = None;
                return Err(StoreError::unavailable(
                    "the file was changed while it was read",
                ));
            }
            done
        })
        .await
    }
}

impl TokenStore for SqliteStore {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.check_writable()?;
        self.with(&self.writer, move |opened| {
            let transaction = begin(&mut opened.connection)?;
            let last = apply(&transaction, &writes)?;
            transaction.commit().map_err(failed)?;
            Ok(last)
        })
        .await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        let id = Value::Text(Some(id.to_string()));
        let found = self.with(&self.reader, move |opened| {
            rows(&opened.connection, &filter::get(), &[id], columns::stored)
        });
        Ok(found.await?.pop())
    }

    async fn list(&self, query: Query) -> Result<Vec<StoredToken>, StoreError> {
        let (statement, values) = filter::list(&query)?;
        self.with(&self.reader, move |opened| {
            rows(&opened.connection, &statement, &values, columns::stored)
        })
        .await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let values = [since, limit as u64].map(|n| number(n).map(|n| Value::Number(Some(n))));
        let [since, limited] = values;
        let values = [since?, limited?];
        self.with(&self.follower, move |opened| {
            let file = opened.file;
            let snapshot = opened.connection.transaction().map_err(failed)?;
            let head = head(&snapshot, file)?;
            let keys = rows(&snapshot, &select_changes(&KEY), &values, columns::key)?;
            let tokens = rows(&snapshot, &select_changes(&TOKEN), &values, columns::token)?;
            let rows = in_order(keys, tokens, limit);
            Ok(Changes { head, rows })
        })
        .await
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        let (chunks, mut read) = mpsc::channel(2);
        let load = self.with(&self.reader, move |opened| {
            let snapshot = opened.connection.transaction().map_err(failed)?;
            load(&snapshot, opened.file, &chunks)
        });
        let hand_over = async {
            while let Some(chunk) = read.recv().await {
                Vec::into_iter(chunk).for_each(&mut *each);
            }
        };
        join(load, hand_over).await.0
    }

    async fn watch(&self, since: u64) {
        loop {
            sleep(WATCH_EVERY).await;
            let head = self.with(&self.follower, |opened| {
                head(&opened.connection, opened.file)
            });
            // Who can't be asked is asked by `changes`, which says why.
            if head.await.is_ok_and(|head| head.rev != since) {
                return;
            }
        }
    }

    async fn record_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        if self.is_read_only() {
            return Ok(());
        }
        self.with(&self.writer, move |opened| {
            let transaction = begin(&mut opened.connection)?;
            for used in uses {
                let values = [
                    Value::Text(Some(used.id.to_string())),
                    Value::Number(time(used.at)),
                    Value::Number(Some(number(used.count)?)),
                ];
                execute(&transaction, ADD_USE, &values)?;
            }
            transaction.commit().map_err(failed)
        })
        .await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<Vec<TokenId>, StoreError> {
        self.check_writable()?;
        self.with(&self.writer, move |opened| {
            let before = [Value::Number(time(ended_before))];
            rows(&opened.connection, PRUNE, &before, columns::id)
        })
        .await
    }
}

async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    task::spawn_blocking(work)
        .await
        .map_err(StoreError::unavailable)?
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}
