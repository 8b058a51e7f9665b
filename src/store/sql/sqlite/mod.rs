//! Tokens in a file.

mod file;
mod rows;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::join;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use tokio::{sync::mpsc, task, time::sleep};

use self::{
    file::{FileId, Opened, create, migrate, open},
    rows::{each_row, execute, failed, numbered, rows},
};
use super::{
    ADD_USE, PRUNE, TAKE_REVISIONS, Value,
    columns::{self, KEY, Read, TOKEN},
    filter, in_order, number, select, select_changes, time, write,
};
use crate::{
    store::{
        contract::{Changes, Head, Query, Row, Stored, TokenStore, Use, Write},
        error::StoreError,
    },
    token::{Timestamp, TokenId},
};

/// How often another process's changes are looked for.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// How many rows are handed over at once while everything is read.
const CHUNK: usize = 1_000;

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
/// # Example
///
/// ```
/// use tower_authn::store::{NewToken, SqliteStore, Tokens, TokensOptions};
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
    /// A change is not to wait for a list, nor the next change for either.
    follower: Slot,
    reader: Slot,
    writer: Slot,
}

type Slot = Arc<Mutex<Option<Opened>>>;

impl SqliteStore {
    /// Opens a file, or makes it where there is none.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::store::StoreErrorKind::Corrupt) where the file is something else, is
    /// damaged, or was written by a later version of this crate, and
    /// [`Unavailable`](crate::store::StoreErrorKind::Unavailable) where it can't be read or
    /// written. Nothing is changed in it then.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        // A relative path means what it means now.
        let path = std::path::absolute(path).map_err(StoreError::unavailable)?;
        let store = Self {
            path,
            follower: Slot::default(),
            reader: Slot::default(),
            writer: Slot::default(),
        };
        let path = store.path.clone();
        blocking(move || {
            create(&path)?;
            migrate(&mut open(&path)?.connection)
        })
        .await?;
        Ok(store)
    }

    /// Does something with a connection, on a thread that may wait.
    async fn with<T, F>(&self, slot: &Slot, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Opened) -> Result<T, StoreError> + Send + 'static,
    {
        let slot = Arc::clone(slot);
        let path = self.path.clone();
        blocking(move || {
            // A transaction that a panic cut off was rolled back by its guard.
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let now = FileId::of(&path)?;
            let opened = match slot.take() {
                Some(opened) if opened.file == now => slot.insert(opened),
                // Another file was put in its place.
                _ => slot.insert(open(&path)?),
            };
            work(opened)
        })
        .await
    }
}

impl TokenStore for SqliteStore {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.with(&self.writer, move |opened| {
            let transaction = begin(&mut opened.connection)?;
            let last = apply(&transaction, &writes)?;
            transaction.commit().map_err(failed)?;
            Ok(last)
        })
        .await
    }

    async fn get(&self, id: TokenId) -> Result<Option<Stored>, StoreError> {
        let id = Value::Text(Some(id.to_string()));
        let found = self.with(&self.reader, move |opened| {
            rows(&opened.connection, &filter::get(), &[id], columns::stored)
        });
        Ok(found.await?.pop())
    }

    async fn list(&self, query: Query) -> Result<Vec<Stored>, StoreError> {
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

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Head, StoreError> {
        let (chunks, mut read) = mpsc::channel(2);
        let load = self.with(&self.reader, move |opened| {
            let file = opened.file;
            let snapshot = opened.connection.transaction().map_err(failed)?;
            let head = head(&snapshot, file)?;
            in_chunks(&snapshot, &select(&KEY, ""), columns::key, &chunks)?;
            in_chunks(&snapshot, &select(&TOKEN, ""), columns::token, &chunks)?;
            Ok(head)
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

    async fn touch(&self, uses: Vec<Use>) -> Result<(), StoreError> {
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

/// Begins a transaction that writes, so that it can't fail half-way for want
/// of the lock.
fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)
}

fn apply(transaction: &Transaction<'_>, writes: &[Write]) -> Result<u64, StoreError> {
    let count = number(writes.len() as u64)?;
    let last: i64 = transaction
        .query_row(&numbered(TAKE_REVISIONS), [count], |row| row.get(0))
        .map_err(failed)?;
    let last = u64::try_from(last).map_err(StoreError::corrupt)?;
    let first = last - writes.len() as u64 + 1;
    for (Write { row, was }, rev) in writes.iter().zip(first..) {
        let (statement, values) = write(row, rev, *was)?;
        if execute(transaction, &statement, &values)? != 1 {
            return Err(StoreError::conflict());
        }
    }
    Ok(last)
}

fn head(connection: &Connection, file: FileId) -> Result<Head, StoreError> {
    let head = connection
        .query_row("SELECT epoch, rev FROM tower_authn_meta", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()
        .map_err(failed)?;
    let (epoch, rev) = head.ok_or_else(|| StoreError::corrupt("the counter is missing"))?;
    Ok(Head {
        epoch: format!("{epoch} in {file}"),
        rev: u64::try_from(rev).map_err(StoreError::corrupt)?,
    })
}

fn in_chunks(
    connection: &Connection,
    statement: &str,
    read: Read<Row>,
    chunks: &mpsc::Sender<Vec<Row>>,
) -> Result<(), StoreError> {
    let send = |chunk| {
        let gone = |_| StoreError::unavailable("nobody waits for it any more");
        chunks.blocking_send(chunk).map_err(gone)
    };
    let mut chunk = Vec::with_capacity(CHUNK);
    each_row(connection, statement, &[], |row| {
        chunk.push(read(row)?);
        if chunk.len() == CHUNK {
            send(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK)))?;
        }
        Ok(())
    })?;
    send(chunk)
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
