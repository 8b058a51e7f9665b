//! Tokens: made, changed, verified and followed.

mod change;
mod draft;
mod error;
mod follow;
mod freshness;
#[cfg(test)]
mod interleavings;
mod listing;
mod operations;
mod options;
mod read_through;
mod retries;
mod rotation;
#[cfg(feature = "manage")]
mod session;
mod usage;
mod verdict;
mod verifier;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, Notify},
    task::JoinHandle,
};

#[cfg(feature = "manage")]
pub(crate) use self::session::SessionKind;
pub use self::{
    change::{CreatedToken, TokenSelector, TokenUpdate},
    draft::NewToken,
    error::{TokenError, TokenErrorKind},
    options::TokensOptions,
    verifier::{ImmediateTokenVerifier, TokenVerifier},
};
use self::{
    freshness::Freshness,
    read_through::ReadThrough,
    retries::Retries,
    usage::{Flush, UsageBook},
};
use super::{
    contract::{Position, Query, Row, StoredToken, TokenStore, Write},
    deadline::DeadlineStore,
    error::{StoreError, StoreErrorKind},
    mirror::Mirror,
    schedule,
};
#[cfg(feature = "manage")]
use crate::scope::Scope;
use crate::token::{Clock, Random, Record, SystemClock, TagKey, Timestamp, TokenId, TokenState};

/// API tokens over a store: the one handle to make, change and verify them.
///
/// It is cheap to clone. What changes tokens and what verifies them can't be
/// built apart, so a token is refused before the call that revokes it returns.
///
/// # Example
///
/// ```
/// use tower_authn::store::{MemoryStore, NewToken, Tokens, TokensOptions, TokenSelector};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = Tokens::open(MemoryStore::new(), TokensOptions::new("acme")?).await?;
/// let made = tokens.create(NewToken::new("alice").scopes(["deployment"])).await?;
/// println!("shown once: {}", made.secret.expose());
/// let revoked = tokens.revoke(TokenSelector::Id(made.record.id), "admin", "lost").await?;
/// assert_eq!(revoked, 1);
/// tokens.shutdown().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tokens {
    shared: Arc<Shared>,
}

/// What the handle, its verifiers and its tasks have in common.
struct Shared {
    store: DeadlineStore,
    options: TokensOptions,
    mirror: Mirror,
    /// How far the memory followed the store, if it was read. Held while the
    /// store is followed.
    head: AsyncMutex<Option<Position>>,
    /// Wakes the follower after a write whose outcome is unknown.
    unsure: Notify,
    freshness: Freshness,
    reads: ReadThrough,
    usage: UsageBook,
    random: Mutex<Random>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Tokens {
    /// Reads every token of a store, and follows its changes from then on.
    ///
    /// Needs a tokio runtime, on which it runs a task for the changes and one
    /// for the uses. An empty store gets its first key.
    ///
    /// # Errors
    ///
    /// Where the store can't be read, or a key of it can't be opened: it is
    /// sealed under another master, or under one that is not given.
    pub async fn open(store: impl TokenStore, options: TokensOptions) -> Result<Self, TokenError> {
        let shared = Arc::new(Shared::new(store, options));
        let tokens = Self { shared };
        tokens.shared.follow().await?;
        tokens.ensure_key().await?;
        let follow = follow::task(&tokens.shared);
        let tell = usage::task(&tokens.shared);
        tokens
            .shared
            .tasks()
            .extend([tokio::spawn(follow), tokio::spawn(tell)]);
        Ok(tokens)
    }

    /// Returns a token, with its uses up to now in this process.
    ///
    /// # Errors
    ///
    /// Returns an error if there is none of this id, or the store can't tell.
    pub async fn get(&self, id: TokenId) -> Result<StoredToken, TokenError> {
        let stored = self.shared.stored(id).await?;
        stored.ok_or_else(TokenError::not_found)
    }

    /// The token that is presented, whatever its state; `None` where there is no
    /// such token. It is no use of it.
    ///
    /// # Errors
    ///
    /// Where the store can't tell.
    pub async fn find(&self, presented: &str) -> Result<Option<StoredToken>, TokenError> {
        match self.shared.presented(presented).await? {
            Some(id) => Ok(self.shared.stored(id).await?),
            None => Ok(None),
        }
    }

    /// What a token is worth now: [`Record::state`], and revoked where its key
    /// is retired.
    #[must_use]
    pub fn state(&self, record: &Record) -> TokenState {
        if self.shared.mirror.is_retired(record.kid) {
            TokenState::Revoked
        } else {
            record.state(self.shared.now())
        }
    }

    #[cfg(feature = "manage")]
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// The scopes that there are, where that is known.
    #[cfg(feature = "manage")]
    pub(crate) fn known_scopes(&self) -> Option<&[Scope]> {
        self.shared.options.known_scopes.as_deref()
    }

    /// A page of tokens, the newest first. The next page begins
    /// [`after`](Query::after) the last of this one.
    ///
    /// # Errors
    ///
    /// Where the store can't tell.
    pub async fn list(&self, query: Query) -> Result<Vec<StoredToken>, TokenError> {
        Ok(self.shared.list(query).await?)
    }

    /// Good tokens whose end comes within a time.
    ///
    /// # Errors
    ///
    /// Where the store can't tell.
    pub async fn expiring(&self, within: Duration) -> Result<Vec<StoredToken>, TokenError> {
        let now = self.shared.now();
        let query = Query {
            state: Some((TokenState::Active, now)),
            expires_before: Some(now + within),
            ..Query::default()
        };
        self.all(query).await
    }

    /// Good tokens that were made, and not used, since before a time.
    ///
    /// # Errors
    ///
    /// Where the store can't tell.
    pub async fn unused_since(&self, since: Timestamp) -> Result<Vec<StoredToken>, TokenError> {
        let query = Query {
            state: Some((TokenState::Active, self.shared.now())),
            unused_since: Some(since),
            ..Query::default()
        };
        self.all(query).await
    }

    /// Every token that a query means.
    async fn all(&self, mut query: Query) -> Result<Vec<StoredToken>, TokenError> {
        query.limit = usize::MAX;
        self.list(query).await
    }

    /// The keys of the ring.
    #[must_use]
    pub fn keys(&self) -> Vec<TagKey> {
        self.shared.mirror.ring().keys().cloned().collect()
    }

    /// How long ago it was confirmed that nothing had changed that is not known
    /// here: a gauge. Past [`TokensOptions::max_stale`], good tokens are refused
    /// as [`Unavailable`](crate::RejectionKind::Unavailable).
    #[must_use]
    pub fn staleness(&self) -> Duration {
        self.shared.freshness.staleness()
    }

    /// Decides on credentials: give it to a layer.
    #[must_use]
    pub fn verifier(&self) -> TokenVerifier {
        TokenVerifier::new(Arc::clone(&self.shared))
    }

    /// Stops following, and writes the uses that are not written yet.
    ///
    /// # Errors
    ///
    /// Returns an error if the uses can't be written.
    pub async fn shutdown(&self) -> Result<(), TokenError> {
        {
            // A task that is cut off while uses are on their way loses them.
            let _flushed = self.shared.usage.flushed().await;
            let tasks = std::mem::take(&mut *self.shared.tasks());
            for task in tasks {
                task.abort();
                // It says that it was aborted.
                let _ = task.await;
            }
        }
        self.shared.freshness.end();
        Ok(self.shared.flush_usage(Flush::All).await?)
    }
}

impl Shared {
    fn new(store: impl TokenStore, options: TokensOptions) -> Self {
        Self {
            store: DeadlineStore::new(store, options.store_timeout),
            mirror: Mirror::new(options.master.clone()),
            head: AsyncMutex::default(),
            unsure: Notify::new(),
            freshness: Freshness::new(options.max_stale),
            reads: ReadThrough::new(),
            usage: UsageBook::new(),
            random: Mutex::new(Random::system()),
            tasks: Mutex::default(),
            options,
        }
    }

    fn now(&self) -> Timestamp {
        self.options.now(SystemClock.now())
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn random(&self) -> std::sync::MutexGuard<'_, Random> {
        self.random.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes rows, puts them into memory, and returns the revision of the last.
    async fn apply(&self, mut writes: Vec<Write>) -> Result<u64, StoreError> {
        // Asked before the write is sent, which a reload may overtake.
        let history = self.mirror.history();
        let applied = self.store.apply(writes.clone()).await;
        schedule::point();
        let last = applied.inspect_err(|error| {
            // The rows may have been written: the follower finds out.
            if error.kind() == StoreErrorKind::Unavailable {
                self.unsure.notify_one();
            }
        })?;
        let before = last.saturating_sub(writes.len() as u64);
        for (write, rev) in writes.iter_mut().zip(before + 1..) {
            write.row.set_rev(rev);
        }
        let merged = self.mirror.merge_written(history, &writes, last);
        if !merged.map_err(StoreError::corrupt)? {
            // The reload may have read the store before the write.
            self.follow().await?;
        }
        Ok(last)
    }

    /// Reads a record, changes it and writes it.
    async fn change<F>(&self, id: TokenId, mut change: F) -> Result<Record, TokenError>
    where
        F: FnMut(&mut Record) -> Result<(), TokenError> + Send,
    {
        let mut retries = Retries::default();
        loop {
            let stored = self.stored(id).await?;
            let stored = stored.ok_or_else(TokenError::not_found)?;
            let mut record = stored.record;
            let was = Some(record.rev);
            let before = record.clone();
            change(&mut record)?;
            if record == before {
                return Ok(record);
            }
            let row = Row::Token(Box::new(record.clone()));
            match self.apply(vec![Write { row, was }]).await {
                Ok(rev) => return Ok(Record { rev, ..record }),
                Err(error) => retries.allow(error)?,
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for task in self.tasks().drain(..) {
            task.abort();
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("options", &self.shared.options)
            .field("staleness", &self.staleness())
            .finish_non_exhaustive()
    }
}
