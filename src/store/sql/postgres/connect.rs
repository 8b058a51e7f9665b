//! How PostgreSQL is reached.

use std::{fmt, ops::Deref, time::Duration};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use rustls::ClientConfig;
use tokio::sync::watch;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{PostgresStore, listen, migrate};
use crate::{error::ConfigError, store::error::StoreError};

/// How long a statement, or a connection, is waited for.
const LIMIT: Duration = Duration::from_secs(5);

/// How to reach PostgreSQL.
///
/// # Example
///
/// ```no_run
/// use tower_authn::store::PostgresOptions;
///
/// # async fn connect(tls: rustls::ClientConfig) -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresOptions::new("postgres://authn@db.example.com/authn?sslmode=require")?
///     .tls(tls)
///     .pool_size(16)
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct PostgresOptions {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    pool_size: usize,
    limit: Duration,
    listen: bool,
}

impl PostgresOptions {
    /// Reads a URL or a connection string, as libpq does. Its `sslmode` is
    /// `prefer` unless it says otherwise.
    ///
    /// # Errors
    ///
    /// Where it can't be read.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let mut config: Config = url
            .parse()
            .map_err(|_| ConfigError::new("not a URL or connection string of PostgreSQL"))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(LIMIT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(LIMIT);
        }
        if config.get_application_name().is_none() {
            config.application_name("tower-authn");
        }
        Ok(Self {
            config,
            tls: None,
            pool_size: 8,
            limit: LIMIT,
            listen: true,
        })
    }

    /// Connects over TLS: these roots, and this crypto provider. The server's
    /// certificate is checked, and its name, whatever `sslmode` says.
    pub fn tls(mut self, config: ClientConfig) -> Self {
        self.tls = Some(MakeRustlsConnect::new(config));
        self
    }

    /// How many connections there are at most, the listener's aside; 8 unless
    /// set.
    pub fn pool_size(mut self, connections: usize) -> Self {
        self.pool_size = connections.max(1);
        self
    }

    /// How long a read or a write may take; 5 s unless set. Reading everything,
    /// or writing much at once, takes as long as it takes, but no row may take
    /// longer than this.
    pub fn limit(mut self, longest: Duration) -> Self {
        self.limit = longest;
        self
    }

    /// Does not listen for changes: behind a pooler by transactions, which
    /// can't pass them on. Another instance's changes are then seen by asking,
    /// every [`poll_every`](crate::store::TokensOptions::poll_every).
    pub fn without_listen(mut self) -> Self {
        self.listen = false;
        self
    }

    /// Connects, and makes the tables where they are missing.
    ///
    /// # Errors
    ///
    /// Where the database can't be reached, or its tables were written by a
    /// later version of this crate.
    pub async fn connect(self) -> Result<PostgresStore, StoreError> {
        let pool = self.pool()?;
        let mut store = PostgresStore {
            pool,
            limit: self.limit,
            heard: watch::Sender::new(0),
            listener: None,
        };
        store.within(migrate(&store)).await?;
        if self.listen {
            let heard = store.heard.clone();
            let task = listen::task(self.config, self.tls, heard, self.limit);
            store.listener = Some(tokio::spawn(task).abort_handle());
        }
        Ok(store)
    }

    fn pool(&self) -> Result<Pool, StoreError> {
        let config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match self.tls.clone() {
            None => Manager::from_config(self.config.clone(), NoTls, config),
            Some(tls) => Manager::from_config(self.config.clone(), tls, config),
        };
        Pool::builder(manager)
            .max_size(self.pool_size)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(self.limit),
                create: Some(self.limit),
                recycle: Some(self.limit),
            })
            .build()
            .map_err(StoreError::unavailable)
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("hosts", &self.config.get_hosts())
            .field("database", &self.config.get_dbname())
            .field("pool_size", &self.pool_size)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// A connection of the pool. One that is dropped before it is given back was
/// left in the middle of something: it is closed, and what it had begun is
/// rolled back.
pub(super) struct Lease(Option<Object>);

impl Lease {
    pub(super) fn new(connection: Object) -> Self {
        Self(Some(connection))
    }

    pub(super) fn give_back(mut self) {
        self.0.take();
    }
}

impl Deref for Lease {
    type Target = Client;

    fn deref(&self) -> &Client {
        let connection = self.0.as_ref();
        connection.expect("it is there until it is given back")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.take().map(Object::take);
    }
}
