//! Tokens in PostgreSQL.

mod connect;
mod failure;
mod listen;
mod rows;
mod schema;
mod transaction;
mod write;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use deadpool_postgres::Pool;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

pub use self::connect::PostgresOptions;
use self::{
    failure::{Retry, failed, unavailable},
    rows::{execute, rows, stream_rows},
    schema::ReadHead,
    transaction::{Mode, Session, Transaction},
};
use super::{
    ADD_USE, PRUNE, Value,
    columns::{self, KEY, Read, TOKEN},
    filter, in_order, number, select, select_changes, time,
};
use crate::{
    store::{
        contract::{Changes, Position, Query, Row, StoredToken, TokenStore, TokenUse, Write},
        error::StoreError,
    },
    token::{Timestamp, TokenId},
};

/// How long `watch` waits for a revision that was notified and not found: after
/// a restore, the last one that was notified may stay ahead.
const PAUSE: Duration = Duration::from_millis(10);

/// How many statements are sent before the answer to the first is awaited.
const PIPELINE: usize = 256;

/// Keeps tokens in PostgreSQL (13 or later), shared by many instances.
///
/// An instance that changes a token notifies the others (`NOTIFY`), which listen
/// on a connection of their own. [`Tokens`](crate::tokens::Tokens) also polls for
/// changes, every second. Statements are not prepared, so that the store works
/// through a pooler by transactions: see [`PostgresOptions::without_listen`].
///
/// The tables, `tower_authn_*`, are created if they are missing, in the schema
/// of [`PostgresOptions::schema`]. No default of the server, the database or the
/// role changes what the store does: each transaction states its isolation, its
/// access mode, its timeouts and its `search_path`. A transaction that PostgreSQL
/// gives up in favor of another one (SQLSTATE 40001 and 40P01) is tried again.
///
/// A restore and a fail-over are noticed by the start of the server, which the
/// role must be permitted to ask for (`pg_postmaster_start_time`; it is, unless
/// that was revoked from `PUBLIC`). If it is not, a fail-over that loses writes
/// is noticed only until the new server has been written past the last revision
/// that was seen.
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
    session: Arc<Session>,
    head: ReadHead,
    limit: Duration,
    /// The revision of the last notification.
    notified: watch::Sender<u64>,
    listener: Option<AbortHandle>,
}

impl PostgresStore {
    /// Connects to the database of a URL or a connection string, as libpq
    /// reads them, and creates the tables if they are missing.
    ///
    /// # Errors
    ///
    /// Returns an error if the string can't be read, if the database can't be
    /// reached, if a permission is missing, or if the tables were written by a
    /// later version of this crate.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let options = PostgresOptions::new(url).map_err(StoreError::unavailable)?;
        options.connect().await
    }

    /// Does something within the limit.
    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        timeout(self.limit, work)
            .await
            .map_err(|_| too_slow(self.limit))?
    }

    async fn begin(&self, mode: Mode) -> Result<Transaction, StoreError> {
        self.within(self.session.transaction(&self.pool, mode))
            .await
    }

    /// Runs a transaction again if PostgreSQL gave it up in favor of another one.
    async fn retried<T, F>(&self, mut attempt: impl FnMut() -> F + Send) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let mut retry = Retry::new();
        loop {
            match attempt().await {
                Err(error) if retry.after(&error).await => {}
                done => return done,
            }
        }
    }

    async fn read(
        &self,
        statement: &str,
        values: &[Value],
    ) -> Result<Vec<StoredToken>, StoreError> {
        let read = self.retried(|| self.read_rows(statement, values));
        self.within(read).await.map_err(unavailable)
    }

    async fn read_rows(
        &self,
        statement: &str,
        values: &[Value],
    ) -> Result<Vec<StoredToken>, StoreError> {
        let transaction = self.begin(Mode::Read).await?;
        let found = rows(&transaction, statement, values, columns::stored).await?;
        transaction.commit().await?;
        Ok(found)
    }

    async fn read_changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let values = [number(since)?, number(limit as u64)?].map(|n| Value::Number(Some(n)));
        let transaction = self.begin(Mode::Read).await?;
        let head = self.head.read(&transaction).await?;
        let keys = select_changes(&KEY);
        let keys = rows(&transaction, &keys, &values, columns::key).await?;
        let tokens = select_changes(&TOKEN);
        let tokens = rows(&transaction, &tokens, &values, columns::token).await?;
        transaction.commit().await?;
        let rows = in_order(keys, tokens, limit);
        Ok(Changes { head, rows })
    }

    async fn add_uses(&self, uses: &[TokenUse]) -> Result<(), StoreError> {
        let transaction = self.begin(Mode::Write).await?;
        let client = &*transaction;
        let add = async |used: &TokenUse| {
            let values = [
                Value::Text(Some(used.id.to_string())),
                Value::Number(time(used.at)),
                Value::Number(Some(number(used.count)?)),
            ];
            execute(client, ADD_USE, &values).await
        };
        let mut added = stream::iter(uses).map(add).buffered(PIPELINE);
        while added.try_next().await?.is_some() {}
        drop(added);
        transaction.commit().await
    }

    async fn remove_ended(&self, before: Timestamp) -> Result<Vec<TokenId>, StoreError> {
        let transaction = self.begin(Mode::Write).await?;
        let before = [Value::Number(time(before))];
        let pruned = rows(&transaction, PRUNE, &before, columns::id).await?;
        transaction.commit().await?;
        Ok(pruned)
    }
}

impl TokenStore for PostgresStore {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        self.retried(|| self.write_all(&writes)).await
    }

    async fn get(&self, id: TokenId) -> Result<Option<StoredToken>, StoreError> {
        let id = Value::Text(Some(id.to_string()));
        let found = self.read(&filter::get(), &[id]).await?;
        Ok(found.into_iter().next())
    }

    async fn list(&self, query: Query) -> Result<Vec<StoredToken>, StoreError> {
        let (statement, values) = filter::list(&query)?;
        self.read(&statement, &values).await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let read = self.retried(|| self.read_changes(since, limit));
        self.within(read).await.map_err(unavailable)
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Position, StoreError> {
        // All of it may take long; no row may.
        let transaction = self.begin(Mode::ReadAll).await?;
        let head = self.within(self.head.read(&transaction)).await?;
        let tables: [(_, Read<Row>); 2] = [(&KEY, columns::key), (&TOKEN, columns::token)];
        for (table, read) in tables {
            let statement = select(table, "");
            let rows = stream_rows(&transaction, &statement, &[]);
            let rows = self.within(rows).await?;
            let mut rows = std::pin::pin!(rows.map_err(failed));
            while let Some(row) = self.within(rows.try_next()).await? {
                each(read(&row)?);
            }
        }
        self.within(transaction.commit()).await?;
        Ok(head)
    }

    async fn watch(&self, since: u64) {
        let mut notified = self.notified.subscribe();
        if *notified.borrow_and_update() > since {
            sleep(PAUSE).await;
            return;
        }
        // The sender lives as long as `self`.
        let _ = notified.wait_for(|rev| *rev > since).await;
    }

    async fn record_uses(&self, mut uses: Vec<TokenUse>) -> Result<(), StoreError> {
        // In one order everywhere, so that no two instances wait for each other.
        uses.sort_by_key(|used| used.id);
        self.within(self.retried(|| self.add_uses(&uses))).await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<Vec<TokenId>, StoreError> {
        self.within(self.retried(|| self.remove_ended(ended_before)))
            .await
    }
}

fn too_slow(limit: Duration) -> StoreError {
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
