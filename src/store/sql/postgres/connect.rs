//! Options of the connections to PostgreSQL.

use std::{fmt, sync::Arc, time::Duration};

use deadpool_postgres::{
    Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime, Timeouts, WeakPool,
};
use rustls::ClientConfig;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{PostgresStore, limit_error, listen::Listener, schema::prepare, transaction::Settings};
use crate::{error::ConfigError, store::error::StoreError};

/// How long to wait for a statement or a connection.
const DEFAULT_LIMIT: Duration = Duration::from_secs(5);

/// How long a connection may be idle.
const DEFAULT_IDLE: Duration = Duration::from_secs(60);

/// How often idle connections are looked for, at most.
const MIN_IDLE: Duration = Duration::from_millis(10);

/// Options of a [`PostgresStore`].
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
    schema: String,
    pool_size: usize,
    close_idle_after: Duration,
    limit: Duration,
    listen: bool,
}

impl PostgresOptions {
    /// Reads a URL or a connection string, as libpq does. The default of `sslmode`
    /// is `prefer`.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is neither.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let mut config: Config = url.parse().map_err(|_| {
            ConfigError::new("url: malformed; expected a URL or a connection string of PostgreSQL")
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(DEFAULT_LIMIT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(DEFAULT_LIMIT);
        }
        if config.get_application_name().is_none() {
            config.application_name("tower-authn");
        }
        Ok(Self {
            config,
            tls: None,
            schema: "public".to_owned(),
            pool_size: 4,
            close_idle_after: DEFAULT_IDLE,
            limit: DEFAULT_LIMIT,
            listen: true,
        })
    }

    /// Connects over TLS, with the roots and the crypto provider of a configuration.
    /// The certificate and the name of the server are verified for every `sslmode`.
    pub fn tls(mut self, config: ClientConfig) -> Self {
        self.tls = Some(MakeRustlsConnect::new(config));
        self
    }

    /// Sets the schema of the tables, which must exist. The default is `public`.
    ///
    /// The `search_path` and other defaults of the role or the database are not
    /// used, since each transaction sets its own.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is empty, contains a NUL, is longer than the 63
    /// bytes of an identifier, or has a special meaning to PostgreSQL: `$user` and
    /// names that begin with `pg_`.
    pub fn schema(mut self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let name = name.into();
        if name.is_empty() || name.len() > 63 || name.contains('\0') {
            return Err(ConfigError::new(
                "schema: not an identifier; expected 1 to 63 bytes without a NUL",
            ));
        }
        if name == "$user" || name.starts_with("pg_") {
            return Err(ConfigError::new(
                "schema: a name with a special meaning; expected neither $user nor pg_*",
            ));
        }
        self.schema = name;
        Ok(self)
    }

    /// Sets the greatest number of connections, besides that of the listener. The
    /// default is 4. They are opened as calls need them.
    pub fn pool_size(mut self, connections: usize) -> Self {
        self.pool_size = connections.max(1);
        self
    }

    /// Sets how long a connection is kept that no call uses. The default is 60 s. The
    /// connection that was used last is used first, so an instance that only follows
    /// changes keeps one.
    pub fn close_idle_after(mut self, longest: Duration) -> Self {
        self.close_idle_after = longest;
        self
    }

    /// Sets how long a read or a write may take. The default is 5 s. Where all rows
    /// are loaded or many are written, the limit is that of each row.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Does not listen for notifications, which a pooler in transaction mode can't
    /// deliver. Changes of other instances are then found by polling, every
    /// [`poll_every`](crate::tokens::TokensOptions::poll_every).
    pub fn without_listen(mut self) -> Self {
        self.listen = false;
        self
    }

    /// Connects, and creates the tables if they are missing. Any number of
    /// processes may do so at once. If the tables exist, the role needs no permission
    /// to create them.
    ///
    /// # Errors
    ///
    /// Returns an error if the database can't be reached, if a permission is
    /// missing, or if the tables were written by a later version of this crate.
    pub async fn connect(self) -> Result<PostgresStore, StoreError> {
        let pool = self.pool()?;
        let settings = Arc::new(Settings::new(self.schema.clone(), self.limit));
        let prepared = timeout(self.limit, prepare(&pool, &settings)).await;
        let position = prepared.map_err(|_| limit_error(self.limit))??;
        tokio::spawn(close_idle(pool.weak(), self.close_idle_after));
        let notified = watch::Sender::new(0);
        let listener = self.listen.then(|| {
            let listener = Listener {
                config: self.config,
                settings: Arc::clone(&settings),
                position: position.clone(),
                notified: notified.clone(),
                limit: self.limit,
            };
            tokio::spawn(listener.run(self.tls)).abort_handle()
        });
        Ok(PostgresStore {
            pool,
            settings,
            position,
            limit: self.limit,
            notified,
            listener,
        })
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
            .queue_mode(QueueMode::Lifo)
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

/// Closes the connections of a pool that are idle, for as long as there is a pool.
async fn close_idle(pool: WeakPool, longest: Duration) {
    loop {
        sleep((longest / 2).max(MIN_IDLE)).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.retain(|_, metrics| metrics.last_used() < longest);
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("hosts", &self.config.get_hosts())
            .field("database", &self.config.get_dbname())
            .field("schema", &self.schema)
            .field("pool_size", &self.pool_size)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}
