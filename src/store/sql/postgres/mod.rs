//! A store in PostgreSQL.

mod connect;
mod connection;
mod failure;
mod listen;
mod reads;
mod rows;
mod schema;
mod transaction;
mod write;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use deadpool_postgres::Pool;
use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

pub use self::connect::PostgresOptions;
use self::{
    connection::Transaction,
    failure::{Retry, conflict_to_unavailable},
    schema::PositionQuery,
    transaction::{Mode, Settings},
};
use super::{
    Value,
    filter::PageStatements,
    millis,
    statements::{PRUNE, RECORD_PRUNE},
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

/// How long `watch` pauses if a revision past `since` was already notified. After a
/// restore this may always be so.
const WATCH_PAUSE: Duration = Duration::from_millis(10);

/// How many statements are sent before the first result is awaited.
const PIPELINE: usize = 256;

/// A store in PostgreSQL 13 or later, shared by many instances.
///
/// An instance that changes a token notifies the others (`NOTIFY`), which listen
/// on a connection of their own. [`Tokens`](crate::tokens::Tokens) also polls for
/// changes, every second. Statements are not prepared, so that the store works
/// through a pooler in transaction mode: see [`PostgresOptions::without_listen`].
///
/// The tables, `tower_authn_*`, are created if they are missing, in the schema
/// of [`PostgresOptions::schema`]. Defaults of the server, the database or the role
/// do not change the store's behavior, since each transaction sets its isolation,
/// its access mode, its timeouts and its `search_path`. A transaction that
/// PostgreSQL aborts in favor of another one (SQLSTATE 40001 and 40P01) is tried
/// again. A read takes one round trip.
///
/// A restore and a fail-over are detected by the start time of the server. Every
/// role may read it, unless `pg_postmaster_start_time` was revoked from `PUBLIC`.
/// Without it, a fail-over that loses writes is detected only until the new server
/// has passed the last revision that was seen.
///
/// # Example
///
/// ```no_run
/// use tower_authn::{store::PostgresStore, tokens::{Tokens, TokensOptions}};
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::connect("postgres://authn@localhost/authn").await?;
/// let tokens = Tokens::open(store, TokensOptions::new("acme")?).await?;
/// # Ok(())
/// # }
/// ```
pub struct PostgresStore {
    pool: Pool,
    settings: Arc<Settings>,
    position: PositionQuery,
    limit: Duration,
    /// The revision of the last notification.
    notified: watch::Sender<u64>,
    listener: Option<AbortHandle>,
}

impl PostgresStore {
    /// Connects to the database of a URL or a connection string, as libpq reads
    /// them, and creates the tables if they are missing.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is neither, if the database can't be reached, if
    /// a permission is missing, or if the tables were written by a later version of
    /// this crate.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let options = PostgresOptions::new(url).map_err(StoreError::unavailable)?;
        options.connect().await
    }

    /// Waits for a future until the limit.
    async fn with_limit<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        timeout(self.limit, work)
            .await
            .map_err(|_| limit_error(self.limit))?
    }

    async fn begin(&self, mode: Mode) -> Result<Transaction, StoreError> {
        let transaction = Transaction::begin(&self.pool, &self.settings, mode);
        self.with_limit(transaction).await
    }

    /// Tries a transaction again if PostgreSQL aborted it in favor of another one.
    async fn with_retry<T, F>(&self, mut attempt: impl FnMut() -> F + Send) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let mut retry = Retry::new();
        loop {
            match attempt().await {
                Err(error) if retry.allow(&error).await => {}
                result => return result,
            }
        }
    }

    /// Tries a read until the limit. Its conflicts would not be retried by a caller.
    async fn read<T, F>(&self, attempt: impl FnMut() -> F + Send) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let read = self.with_limit(self.with_retry(attempt));
        read.await.map_err(conflict_to_unavailable)
    }
}

impl TokenStore for PostgresStore {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.with_retry(|| self.write_all(&writes)).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        let id = Value::Text(Some(id.to_string()));
        self.read(|| self.try_get(&id)).await
    }

    async fn list(&self, query: Query) -> Result<TokenPage, StoreError> {
        let statements = PageStatements::new(&query)?;
        self.read(|| self.try_list(&statements, &query)).await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        self.read(|| self.try_changes(since, limit)).await
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        self.load_rows(each).await
    }

    async fn watch(&self, since: u64) {
        let mut notified = self.notified.subscribe();
        if *notified.borrow_and_update() > since {
            sleep(WATCH_PAUSE).await;
            return;
        }
        // An error means that the sender is gone, but `self` holds it.
        let _ = notified.wait_for(|rev| *rev > since).await;
    }

    async fn record_uses(&self, mut uses: Vec<TokenUse>) -> Result<(), StoreError> {
        // Sorted, so that statements lock rows in the same order everywhere and can't
        // deadlock.
        uses.sort_by_key(|used| used.id);
        self.with_limit(self.with_retry(|| self.try_record_uses(&uses)))
            .await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<usize, StoreError> {
        let before = [Value::Number(millis(ended_before))];
        // In its own transaction, since it locks the counter's row.
        let record = self.with_retry(|| self.try_execute(RECORD_PRUNE, &before));
        self.with_limit(record).await?;
        let remove = self.with_retry(|| self.try_execute(PRUNE, &before));
        let removed = self.with_limit(remove).await?;
        usize::try_from(removed).map_err(StoreError::corrupt)
    }
}

fn limit_error(limit: Duration) -> StoreError {
    StoreError::unavailable(format!("PostgreSQL did not answer within {limit:?}"))
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("notified", &*self.notified.borrow())
            .field("listens", &self.listener.is_some())
            .finish_non_exhaustive()
    }
}
