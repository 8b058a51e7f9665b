//! [`Tokens`]: the handle that creates, changes and verifies API tokens.
//!
//! It keeps every token in memory, so that a verdict asks no store, and follows the
//! store's changes, so that it also sees what another process changed.
//!
//! | the change was made by | a verdict knows it after at most |
//! |---|---|
//! | this process | 0: before the call that makes it returns |
//! | another process or instance | the time that the store's [`watch`](crate::store::TokenStore::watch) takes, and one read; in any case [`TokensOptions::poll_every`] and one read |
//! | anyone, while the store can't be reached | [`TokensOptions::max_stale`]; then every good token is [`Unavailable`](crate::RejectionKind::Unavailable) |

#[cfg(test)]
mod interleavings;
mod new_token;
mod operations;
mod rotation;
#[cfg(feature = "manage")]
mod session;
mod update;
mod verifier;

use std::{fmt, sync::Arc, time::Duration};

#[cfg(feature = "manage")]
pub(crate) use self::session::SessionKind;
pub use self::{
    new_token::NewToken,
    update::{CreatedToken, TokenSelector, TokenUpdate},
    verifier::{ImmediateTokenVerifier, TokenVerifier},
};
pub use crate::engine::{TokenError, TokenErrorKind, TokensOptions};
#[cfg(feature = "manage")]
use crate::scope::Scope;
use crate::{
    engine::{Engine, Flush},
    store::{Query, StoredToken, TokenStore},
    token::{Record, TagKey, Timestamp, TokenId, TokenState},
};

/// API tokens over a store: the one handle to make, change and verify them.
///
/// It is cheap to clone. What changes tokens and what verifies them can't be
/// built apart, so a token is refused before the call that revokes it returns.
///
/// # Example
///
/// ```
/// use tower_authn::{store::MemoryStore, tokens::{NewToken, Tokens, TokensOptions, TokenSelector}};
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
    engine: Arc<Engine>,
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
        let engine = Arc::new(Engine::new(store, options));
        let tokens = Self { engine };
        tokens.engine.follow().await?;
        tokens.ensure_key().await?;
        tokens.engine.spawn_tasks();
        Ok(tokens)
    }

    /// Returns a token, with its uses up to now in this process.
    ///
    /// # Errors
    ///
    /// Returns an error if there is none of this id, or the store can't tell.
    pub async fn get(&self, id: TokenId) -> Result<StoredToken, TokenError> {
        let stored = self.engine.stored(id).await?;
        stored.ok_or_else(TokenError::not_found)
    }

    /// The token that is presented, whatever its state; `None` where there is no
    /// such token. It is no use of it.
    ///
    /// # Errors
    ///
    /// Where the store can't tell.
    pub async fn find(&self, presented: &str) -> Result<Option<StoredToken>, TokenError> {
        match self.engine.presented(presented).await? {
            Some(id) => Ok(self.engine.stored(id).await?),
            None => Ok(None),
        }
    }

    /// What a token is worth now: [`Record::state`], and revoked where its key
    /// is retired.
    #[must_use]
    pub fn state(&self, record: &Record) -> TokenState {
        if self.engine.mirror.is_retired(record.kid) {
            TokenState::Revoked
        } else {
            record.state(self.engine.now())
        }
    }

    #[cfg(feature = "manage")]
    pub(crate) fn now(&self) -> Timestamp {
        self.engine.now()
    }

    /// The scopes that there are, where that is known.
    #[cfg(feature = "manage")]
    pub(crate) fn known_scopes(&self) -> Option<&[Scope]> {
        self.engine.options.known_scopes.as_deref()
    }

    /// A page of tokens, the newest first. The next page begins
    /// [`after`](Query::after) the last of this one.
    ///
    /// # Errors
    ///
    /// Where the store can't tell.
    pub async fn list(&self, query: Query) -> Result<Vec<StoredToken>, TokenError> {
        Ok(self.engine.list(query).await?)
    }

    /// Good tokens whose end comes within a time.
    ///
    /// # Errors
    ///
    /// Where the store can't tell.
    pub async fn expiring(&self, within: Duration) -> Result<Vec<StoredToken>, TokenError> {
        let now = self.engine.now();
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
            state: Some((TokenState::Active, self.engine.now())),
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
        self.engine.mirror.ring().keys().cloned().collect()
    }

    /// How long ago it was confirmed that nothing had changed that is not known
    /// here: a gauge. Past [`TokensOptions::max_stale`], good tokens are refused
    /// as [`Unavailable`](crate::RejectionKind::Unavailable).
    #[must_use]
    pub fn staleness(&self) -> Duration {
        self.engine.freshness.staleness()
    }

    /// Decides on credentials: give it to a layer.
    #[must_use]
    pub fn verifier(&self) -> TokenVerifier {
        TokenVerifier::new(Arc::clone(&self.engine))
    }

    /// Stops following, and writes the uses that are not written yet.
    ///
    /// # Errors
    ///
    /// Returns an error if the uses can't be written.
    pub async fn shutdown(&self) -> Result<(), TokenError> {
        {
            // A task that is cut off while uses are on their way loses them.
            let _flushed = self.engine.usage.flushed().await;
            let tasks = std::mem::take(&mut *self.engine.tasks());
            for task in tasks {
                task.abort();
                // It says that it was aborted.
                let _ = task.await;
            }
        }
        self.engine.freshness.end();
        Ok(self.engine.flush_usage(Flush::All).await?)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("options", &self.engine.options)
            .field("staleness", &self.staleness())
            .finish_non_exhaustive()
    }
}
