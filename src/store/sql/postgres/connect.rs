//! How PostgreSQL is reached.

use std::{fmt, sync::Arc, time::Duration};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use rustls::ClientConfig;
use tokio::{sync::watch, time::timeout};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{PostgresStore, listen::Listener, schema::prepare, too_slow, transaction::Session};
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
    schema: String,
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
    /// Returns an error if it can't be read.
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
            schema: "public".to_owned(),
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

    /// Sets the schema of the tables, `public` unless set. It must exist.
    ///
    /// The `search_path` of the role or the database is not used, nor are its
    /// other defaults: each transaction states its own.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is empty, holds a NUL, is longer than the 63
    /// bytes of an identifier, or means something else to PostgreSQL: `$user`,
    /// and names that begin with `pg_`.
    pub fn schema(mut self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let name = name.into();
        if name.is_empty() || name.len() > 63 || name.contains('\0') {
            return Err(ConfigError::new(
                "schema: not an identifier; expected 1 to 63 bytes without a NUL",
            ));
        }
        if name == "$user" || name.starts_with("pg_") {
            return Err(ConfigError::new(
                "schema: a name with a meaning of its own; expected neither $user nor pg_*",
            ));
        }
        self.schema = name;
        Ok(self)
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
    /// every [`poll_every`](crate::tokens::TokensOptions::poll_every).
    pub fn without_listen(mut self) -> Self {
        self.listen = false;
        self
    }

    /// Connects, and creates the tables if they are missing. Any number of
    /// processes may do so at once. Where the tables exist, their creation needs
    /// no right.
    ///
    /// # Errors
    ///
    /// Returns an error if the database can't be reached, if a permission is
    /// missing, or if the tables were written by a later version of this crate.
    pub async fn connect(self) -> Result<PostgresStore, StoreError> {
        let pool = self.pool()?;
        let session = Arc::new(Session::new(self.schema.clone(), self.limit));
        let prepared = timeout(self.limit, prepare(&pool, &session)).await;
        let head = prepared.map_err(|_| too_slow(self.limit))??;
        let notified = watch::Sender::new(0);
        let listener = self.listen.then(|| {
            let listener = Listener {
                config: self.config,
                session: Arc::clone(&session),
                head,
                notified: notified.clone(),
                limit: self.limit,
            };
            tokio::spawn(listener.run(self.tls)).abort_handle()
        });
        Ok(PostgresStore {
            pool,
            session,
            head,
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
            .field("schema", &self.schema)
            .field("pool_size", &self.pool_size)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}
