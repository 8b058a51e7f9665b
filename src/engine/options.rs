//! The options of [`Tokens`](crate::Tokens).

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    error::ConfigError,
    scope::{Scope, parse_all},
    token::{Clock, MasterKey, Prefix, Timestamp},
};

/// Options that [`Tokens::open`](crate::Tokens::open) takes.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_authn::tokens::TokensOptions;
///
/// let options = TokensOptions::new("acme")?
///     .default_expiry(Duration::from_secs(30 * 24 * 60 * 60))
///     .known_scopes(["resources", "deployment"])?;
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct TokensOptions {
    pub(crate) prefix: Prefix,
    pub(crate) default_expiry: Duration,
    pub(crate) max_stale: Duration,
    pub(crate) poll_every: Duration,
    pub(crate) flush_every: Duration,
    pub(crate) store_timeout: Duration,
    pub(crate) master: Option<MasterKey>,
    pub(crate) known_scopes: Option<Vec<Scope>>,
    pub(crate) load_progress: Option<LoadProgress>,
    clock: Option<Arc<dyn Clock>>,
}

/// A function that is called with the number of rows that were read.
pub(crate) type LoadProgress = Arc<dyn Fn(u64) + Send + Sync>;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl TokensOptions {
    /// Creates the options of tokens that begin with a prefix: a lower-case letter, then 1
    /// to 14 of `[a-z0-9]`.
    ///
    /// # Errors
    ///
    /// Returns an error if the prefix has another form.
    pub fn new(prefix: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            prefix: prefix.parse()?,
            default_expiry: 90 * DAY,
            max_stale: Duration::from_secs(30),
            poll_every: Duration::from_secs(1),
            flush_every: Duration::from_secs(60),
            store_timeout: Duration::from_secs(5),
            master: None,
            known_scopes: None,
            load_progress: None,
            clock: None,
        })
    }

    /// Sets how long after its creation a token expires that sets no expiry of its own; 90
    /// days by default.
    pub fn default_expiry(mut self, after: Duration) -> Self {
        self.default_expiry = after;
        self
    }

    /// Sets how long memory decides on tokens while the store can't be reached; 30 s by
    /// default. After that, active tokens are refused as
    /// [`Unavailable`](crate::RejectionKind::Unavailable). Zero refuses them always, since
    /// memory is always older than that.
    ///
    /// A new key of the ring starts to mint this long after it was created.
    pub fn max_stale(mut self, longest: Duration) -> Self {
        self.max_stale = longest;
        self
    }

    /// Sets how often the store is asked for changes, whatever its
    /// [`watch`](crate::store::TokenStore::watch) reports; 1 s by default, and at least
    /// twice within [`max_stale`](Self::max_stale).
    pub fn poll_every(mut self, period: Duration) -> Self {
        self.poll_every = period;
        self
    }

    /// Sets the longest time between two writes of uses; 60 s by default. Each wait is
    /// shorter by up to a quarter, at random, so that instances don't write together. The
    /// first use of a token is written within a second. Reads of this process include
    /// uses that are not written yet.
    pub fn flush_every(mut self, period: Duration) -> Self {
        self.flush_every = period;
        self
    }

    /// Sets how long one call of the store may take; 5 s by default. A call
    /// that takes longer fails as
    /// [`Unavailable`](crate::tokens::TokenErrorKind::Unavailable), with an error
    /// that names it.
    ///
    /// A write may take as long again for each thousand rows, and a prune twelve
    /// times as long. Reading everything may take any time, as long as rows keep
    /// coming. A store that blocks its thread is not interrupted.
    pub fn store_timeout(mut self, longest: Duration) -> Self {
        self.store_timeout = longest;
        self
    }

    /// Sets the master key, which seals the keys of the ring in the store.
    pub fn master(mut self, master: MasterKey) -> Self {
        self.master = Some(master);
        self
    }

    /// Limits the scopes of new tokens: a token can be created only if these cover each of
    /// its scopes.
    ///
    /// # Errors
    ///
    /// Returns an error if one of them is not a scope.
    pub fn known_scopes<T: AsRef<str>>(
        mut self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        self.known_scopes = Some(parse_all(scopes)?);
        Ok(self)
    }

    /// Calls a function with the number of rows read so far while every token is loaded:
    /// after each thousand rows, and after the last one. Tokens are loaded by
    /// [`Tokens::open`](crate::Tokens::open), and again if the store has another history.
    ///
    /// The function delays the load, so it must not block.
    ///
    /// # Example
    ///
    /// ```
    /// use tower_authn::tokens::TokensOptions;
    ///
    /// let options = TokensOptions::new("acme")?;
    /// let options = options.load_progress(|rows| println!("{rows} rows"));
    /// # Ok::<(), tower_authn::ConfigError>(())
    /// ```
    pub fn load_progress(mut self, report: impl Fn(u64) + Send + Sync + 'static) -> Self {
        self.load_progress = Some(Arc::new(report));
        self
    }

    /// Sets the clock that decides whether tokens have expired, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Returns the time for tokens, given the system's time.
    pub(crate) fn now(&self, system: Timestamp) -> Timestamp {
        self.clock.as_ref().map_or(system, |clock| clock.now())
    }
}

impl fmt::Debug for TokensOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokensOptions")
            .field("prefix", &self.prefix)
            .field("default_expiry", &self.default_expiry)
            .field("max_stale", &self.max_stale)
            .field("poll_every", &self.poll_every)
            .finish_non_exhaustive()
    }
}
