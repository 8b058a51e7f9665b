//! Tokens in PostgreSQL.

mod connect;
mod listen;
mod rows;

use std::{fmt, future::Future, time::Duration};

use deadpool_postgres::Pool;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};
use tokio_postgres::Client;

pub use self::connect::PostgresOptions;
use self::{
    connect::Lease,
    listen::CHANNEL,
    rows::{execute, failed, rows, stream_rows},
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

/// What brings the tables from one version of their form to the next.
const MIGRATIONS: &[&str] = &[include_str!("1.sql")];

/// Whoever holds this advisory lock makes the tables: `tAut`.
const LOCK: i64 = 0x7441_7574;

const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How long a revision waits that was heard of and not found: after a restore
/// the one that we heard of last may be ahead for ever.
const PAUSE: Duration = Duration::from_millis(10);

/// How many statements are sent before the answer to the first is awaited.
const PIPELINE: usize = 256;

/// Names the history: the tables that were made, the database that they are
/// in, and the timeline of its log, which a restore or a fail-over changes.
const HEAD: &str = "SELECT m.epoch || ' in ' || d.oid || ' on ' || \
        CASE WHEN pg_is_in_recovery() THEN 'a standby' \
        ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END, m.rev \
    FROM tower_authn_meta m, pg_database d WHERE d.datname = current_database()";

/// Keeps tokens in PostgreSQL (13 or later), shared by many instances.
///
/// An instance that changes something tells the others (`NOTIFY`), who listen
/// on a connection of their own; whether they hear or not,
/// [`Tokens`](crate::store::Tokens) asks for changes every second. Statements
/// are not prepared, so that a pooler by transactions may stand in between:
/// see [`PostgresOptions::without_listen`].
///
/// The tables, `tower_authn_*`, are made where they are missing, in the first
/// schema of the `search_path`.
///
/// # Example
///
/// ```no_run
/// use tower_authn::store::{PostgresStore, Tokens, TokensOptions};
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::connect("postgres://authn@localhost/authn").await?;
/// let tokens = Tokens::open(store, TokensOptions::new("acme")?).await?;
/// # Ok(())
/// # }
/// ```
pub struct PostgresStore {
    pool: Pool,
    limit: Duration,
    /// The last revision that was heard of.
    heard: watch::Sender<u64>,
    listener: Option<AbortHandle>,
}

impl PostgresStore {
    /// Connects to the database of a URL or a connection string, as libpq
    /// reads them, and makes the tables.
    ///
    /// # Errors
    ///
    /// Where the string can't be read, the database can't be reached, or its
    /// tables were written by a later version of this crate.
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
            .map_err(|_| StoreError::unavailable("PostgreSQL took too long"))?
    }

    /// Writes rows within a transaction. All of it may take long; no row may.
    async fn write_all(&self, client: &Client, writes: &[Write]) -> Result<u64, StoreError> {
        let count = [Value::Number(Some(number(writes.len() as u64)?))];
        let taken = rows(client, TAKE_REVISIONS, &count, columns::rev);
        let last = self.within(taken).await?;
        let last = last.first().copied().unwrap_or_default();
        let first = (last + 1).saturating_sub(writes.len() as u64);
        let statements: Vec<_> = writes
            .iter()
            .zip(first..)
            .map(|(Write { row, was }, rev)| write(row, rev, *was))
            .collect::<Result<_, _>>()?;
        let mut written = stream::iter(statements)
            .map(async |(statement, values)| execute(client, &statement, &values).await)
            .buffered(PIPELINE);
        while let Some(count) = self.within(written.try_next()).await? {
            if count != 1 {
                return Err(StoreError::conflict());
            }
        }
        let tell = format!("NOTIFY {CHANNEL}, '{last}'");
        self.within(run(client, &tell)).await?;
        Ok(last)
    }

    async fn read(&self, statement: &str, values: &[Value]) -> Result<Vec<Stored>, StoreError> {
        self.within(async {
            let lease = self.lease().await?;
            let found = rows(&lease, statement, values, columns::stored).await?;
            lease.give_back();
            Ok(found)
        })
        .await
    }

    async fn lease(&self) -> Result<Lease, StoreError> {
        self.pool
            .get()
            .await
            .map(Lease::new)
            .map_err(StoreError::unavailable)
    }
}

impl TokenStore for PostgresStore {
    async fn apply(&self, writes: Vec<Write>) -> Result<u64, StoreError> {
        let begun = self.within(async {
            let lease = self.lease().await?;
            run(&lease, "BEGIN").await?;
            Ok(lease)
        });
        let lease = begun.await?;
        let done = self.write_all(&lease, &writes).await;
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        self.within(run(&lease, end)).await?;
        lease.give_back();
        done
    }

    async fn get(&self, id: TokenId) -> Result<Option<Stored>, StoreError> {
        let id = Value::Text(Some(id.to_string()));
        let found = self.read(&filter::get(), &[id]).await?;
        Ok(found.into_iter().next())
    }

    async fn list(&self, query: Query) -> Result<Vec<Stored>, StoreError> {
        let (statement, values) = filter::list(&query)?;
        self.read(&statement, &values).await
    }

    async fn changes(&self, since: u64, limit: usize) -> Result<Changes, StoreError> {
        let values = [number(since)?, number(limit as u64)?].map(|n| Value::Number(Some(n)));
        self.within(async {
            let lease = self.lease().await?;
            run(&lease, SNAPSHOT).await?;
            let head = head(&lease).await?;
            let keys = rows(&lease, &select_changes(&KEY), &values, columns::key).await?;
            let tokens = rows(&lease, &select_changes(&TOKEN), &values, columns::token).await?;
            run(&lease, "COMMIT").await?;
            lease.give_back();
            let rows = in_order(keys, tokens, limit);
            Ok(Changes { head, rows })
        })
        .await
    }

    async fn load_all(&self, each: &mut (dyn FnMut(Row) + Send)) -> Result<Head, StoreError> {
        // All of it may take long; no row may.
        let begun = self.within(async {
            let lease = self.lease().await?;
            run(&lease, SNAPSHOT).await?;
            let head = head(&lease).await?;
            Ok((lease, head))
        });
        let (lease, head) = begun.await?;
        let tables: [(_, Read<Row>); 2] = [(&KEY, columns::key), (&TOKEN, columns::token)];
        for (table, read) in tables {
            let statement = select(table, "");
            let rows = self.within(stream_rows(&lease, &statement, &[])).await?;
            let mut rows = std::pin::pin!(rows.map_err(failed));
            while let Some(row) = self.within(rows.try_next()).await? {
                each(read(&row)?);
            }
        }
        self.within(run(&lease, "COMMIT")).await?;
        lease.give_back();
        Ok(head)
    }

    async fn watch(&self, since: u64) {
        let mut heard = self.heard.subscribe();
        if *heard.borrow_and_update() > since {
            sleep(PAUSE).await;
            return;
        }
        // The sender lives as long as `self`.
        let _ = heard.wait_for(|rev| *rev > since).await;
    }

    async fn touch(&self, mut uses: Vec<Use>) -> Result<(), StoreError> {
        // In one order everywhere, so that no two instances wait for each other.
        uses.sort_by_key(|used| used.id);
        self.within(async {
            let lease = self.lease().await?;
            run(&lease, "BEGIN").await?;
            let add = async |used: Use| {
                let values = [
                    Value::Text(Some(used.id.to_string())),
                    Value::Number(time(used.at)),
                    Value::Number(Some(number(used.count)?)),
                ];
                execute(&lease, ADD_USE, &values).await
            };
            let mut added = stream::iter(uses).map(add).buffered(PIPELINE);
            while added.try_next().await?.is_some() {}
            drop(added);
            run(&lease, "COMMIT").await?;
            lease.give_back();
            Ok(())
        })
        .await
    }

    async fn prune(&self, ended_before: Timestamp) -> Result<Vec<TokenId>, StoreError> {
        self.within(async {
            let lease = self.lease().await?;
            let before = [Value::Number(time(ended_before))];
            let pruned = rows(&lease, PRUNE, &before, columns::id).await?;
            lease.give_back();
            Ok(pruned)
        })
        .await
    }
}

async fn run(client: &Client, statements: &str) -> Result<(), StoreError> {
    client.batch_execute(statements).await.map_err(failed)
}

async fn migrate(store: &PostgresStore) -> Result<(), StoreError> {
    let lease = store.lease().await?;
    run(&lease, "BEGIN").await?;
    let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
    run(&lease, &lock).await?;
    for migration in MIGRATIONS.iter().skip(version(&lease).await?) {
        run(&lease, migration).await?;
    }
    run(&lease, "COMMIT").await?;
    lease.give_back();
    Ok(())
}

/// Which version of our form the tables have; 0 where there are none.
async fn version(client: &Client) -> Result<usize, StoreError> {
    let number = async |statement: &str| {
        let row = client.query_typed_one(statement, &[]).await;
        let number = row
            .and_then(|row| row.try_get::<_, i64>(0))
            .map_err(failed)?;
        usize::try_from(number).map_err(StoreError::corrupt)
    };
    let tables = "SELECT count(to_regclass('tower_authn_meta'))";
    if number(tables).await? == 0 {
        return Ok(0);
    }
    match number("SELECT version FROM tower_authn_meta").await? {
        version if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(StoreError::corrupt(
            "the tables were written by a later version of this crate",
        )),
    }
}

async fn head(client: &Client) -> Result<Head, StoreError> {
    let row = client.query_typed_one(HEAD, &[]).await.map_err(failed)?;
    let rev: i64 = row.try_get(1).map_err(failed)?;
    Ok(Head {
        epoch: row.try_get(0).map_err(failed)?,
        rev: u64::try_from(rev).map_err(StoreError::corrupt)?,
    })
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
            .field("heard", &*self.heard.borrow())
            .field("listens", &self.listener.is_some())
            .finish_non_exhaustive()
    }
}
