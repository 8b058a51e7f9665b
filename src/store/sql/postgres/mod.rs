//! A store in PostgreSQL.

mod connect;
mod connection;
mod failure;
mod listen;
mod rows;
mod schema;
mod transaction;
mod write;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use deadpool_postgres::Pool;
use futures::{StreamExt, TryStreamExt, future::try_join3, stream};
use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

pub use self::connect::PostgresOptions;
use self::{
    connection::{PooledConnection, Transaction},
    failure::{Retry, conflict_to_unavailable, postgres_error},
    rows::{execute, query_rows, stream_rows},
    schema::PositionQuery,
    transaction::{Mode, Settings},
};
use super::{
    Value,
    columns::{KEY, TOKEN},
    filter::{select_by_id, select_matching},
    millis,
    read::{ReadRow, read_key, read_stored_token, read_token},
    statements::{ADD_USES, PRUNE, RECORD_PRUNE, merge_changes, select, select_changes},
};
use crate::{
    store::{
        error::StoreError,
        query::Query,
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

    async fn read(
        &self,
        statement: &str,
        values: &[Value],
    ) -> Result<Vec<StoredToken>, StoreError> {
        let read = self.with_retry(|| self.try_read(statement, values));
        self.with_limit(read).await.map_err(conflict_to_unavailable)
    }

    async fn try_read(
        &self,
        statement: &str,
        values: &[Value],
    ) -> Result<Vec<StoredToken>, StoreError> {
        let connection = PooledConnection::get(&self.pool).await?;
        let rows = || query_rows(&connection, statement, values, read_stored_token);
        let tokens = self.settings.read(&connection, rows).await?;
        connection.release();
        Ok(tokens)
    }

    async fn try_changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let values = [Value::from_count(since)?, Value::from_count(limit as u64)?];
        let (keys, tokens) = (select_changes(&KEY), select_changes(&TOKEN));
        let connection = PooledConnection::get(&self.pool).await?;
        let rows = || {
            try_join3(
                self.position.run(&connection),
                query_rows(&connection, &keys, &values, read_key),
                query_rows(&connection, &tokens, &values, read_token),
            )
        };
        let (head, keys, tokens) = self.settings.read(&connection, rows).await?;
        connection.release();
        let rows = merge_changes(keys, tokens, limit);
        Ok(Changes { head, rows })
    }

    async fn try_record_uses(&self, uses: &[TokenUse]) -> Result<(), StoreError> {
        let transaction = self.begin(Mode::Write).await?;
        let client = &*transaction;
        let add = async |used: &TokenUse| {
            let values = [
                Value::Text(Some(used.id.to_string())),
                Value::Number(millis(used.at)),
                Value::from_count(used.count)?,
            ];
            execute(client, ADD_USES, &values).await
        };
        let mut added = stream::iter(uses).map(add).buffered(PIPELINE);
        while added.try_next().await?.is_some() {}
        drop(added);
        transaction.commit().await
    }

    async fn try_execute(&self, statement: &str, values: &[Value]) -> Result<u64, StoreError> {
        let transaction = self.begin(Mode::Write).await?;
        let changed = execute(&transaction, statement, values).await?;
        transaction.commit().await?;
        Ok(changed)
    }
}

impl TokenStore for PostgresStore {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.with_retry(|| self.write_all(&writes)).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        let id = Value::Text(Some(id.to_string()));
        let found = self.read(&select_by_id(), &[id]).await?;
        Ok(found.into_iter().next())
    }

    async fn list(&self, query: Query) -> Result<Vec<StoredToken>, StoreError> {
        let (statement, values) = select_matching(&query)?;
        self.read(&statement, &values).await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let read = self.with_retry(|| self.try_changes(since, limit));
        self.with_limit(read).await.map_err(conflict_to_unavailable)
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        // The limit is that of each row, not of the whole.
        let transaction = self.begin(Mode::ReadAll).await?;
        let position = self.with_limit(self.position.run(&transaction)).await?;
        let tables: [(_, ReadRow<Row>); 2] = [(&KEY, read_key), (&TOKEN, read_token)];
        for (table, read) in tables {
            let statement = select(table, "");
            let rows = stream_rows(&transaction, &statement, &[]);
            let rows = self.with_limit(rows).await?;
            let mut rows = std::pin::pin!(rows.map_err(postgres_error));
            while let Some(row) = self.with_limit(rows.try_next()).await? {
                each(read(&row)?);
            }
        }
        self.with_limit(transaction.commit()).await?;
        Ok(position)
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
        // Sorted, so that two instances lock rows in the same order and can't
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
