//! [`Tokens`]: the handle that creates, changes and verifies API tokens.
//!
//! It keeps every token in memory, so that a verdict does not wait for the store, and
//! follows the store's changes, so that it also sees the changes of other processes.
//!
//! | the change was made by | a verdict sees it after at most |
//! |---|---|
//! | this process | 0: before the call that makes it returns |
//! | another process or instance | the time that the store's [`watch`](crate::store::TokenStore::watch) takes, and one read; in any case [`TokensOptions::poll_every`] and one read |
//! | anyone, while the store can't be reached | [`TokensOptions::max_stale`]; then every active token is [`Unavailable`](crate::RejectionKind::Unavailable) |

mod change;
mod create;
#[cfg(test)]
mod interleavings;
mod keys;
mod lookup;
mod new_token;
#[cfg(test)]
mod remembered;
mod revoke;
mod rotate;
#[cfg(feature = "manage")]
mod session;
mod update;
mod validate;
mod verifier;

use std::{fmt, sync::Arc, time::Duration};

#[cfg(feature = "manage")]
pub(crate) use self::{change::TokenChange, session::SessionKind};
pub use self::{
    create::CreatedToken,
    new_token::NewToken,
    revoke::TokenSelector,
    update::TokenUpdate,
    verifier::{ImmediateTokenVerifier, TokenVerifier},
};
pub use crate::engine::{TokenError, TokenErrorKind, TokensOptions};
use crate::{
    engine::{Engine, Flush},
    store::TokenStore,
};
#[cfg(feature = "manage")]
use crate::{scope::Scope, token::Timestamp};

/// API tokens over a store: the one handle that creates, changes and verifies them.
///
/// Clones are cheap and share the same tokens. The same handle changes tokens and makes
/// their verifiers, so a token is refused before the call that revokes it returns.
///
/// Methods that change tokens take the token first, then the details of the change, then
/// the caller, then the reason.
///
/// # Example
///
/// ```
/// use tower_authn::{store::MemoryStore, tokens::{NewToken, Tokens, TokensOptions, TokenSelector}};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = Tokens::open(MemoryStore::new(), TokensOptions::new("acme")?).await?;
/// let created = tokens.create(NewToken::new("alice").scopes(["deployment"])).await?;
/// println!("shown once: {}", created.secret.expose());
/// let revoked = tokens.revoke(TokenSelector::Id(created.record.id), "admin", "lost").await?;
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
    /// Must be called within a tokio runtime, on which it runs two tasks: one follows the
    /// store's changes, the other writes uses. An empty store gets its first key.
    ///
    /// # Errors
    ///
    /// Returns an error if the store can't be read, or if one of its keys can't be opened:
    /// it is sealed, and the options have no master key or a different one.
    pub async fn open(store: impl TokenStore, options: TokensOptions) -> Result<Self, TokenError> {
        let engine = Arc::new(Engine::new(store, options));
        let tokens = Self { engine };
        tokens.engine.follow().await?;
        tokens.ensure_key().await?;
        tokens.engine.spawn_tasks();
        Ok(tokens)
    }

    /// Returns a verifier of these tokens, for a layer.
    #[must_use]
    pub fn verifier(&self) -> TokenVerifier {
        TokenVerifier::new(Arc::clone(&self.engine))
    }

    /// Returns the time since the memory was last confirmed to hold every change of the
    /// store: a gauge for monitoring.
    ///
    /// Past [`TokensOptions::max_stale`], active tokens are refused as
    /// [`Unavailable`](crate::RejectionKind::Unavailable).
    #[must_use]
    pub fn staleness(&self) -> Duration {
        self.engine.freshness.staleness()
    }

    #[cfg(feature = "manage")]
    pub(crate) fn now(&self) -> Timestamp {
        self.engine.now()
    }

    /// Returns the scopes that tokens may have, or `None` if the options do not limit them.
    #[cfg(feature = "manage")]
    pub(crate) fn known_scopes(&self) -> Option<&[Scope]> {
        self.engine.options.known_scopes.as_deref()
    }

    /// Stops following the store, and writes the uses that are still in memory.
    ///
    /// # Errors
    ///
    /// Returns an error if the uses can't be written. They are kept, and another call
    /// tries again.
    pub async fn shutdown(&self) -> Result<(), TokenError> {
        {
            // A task that is aborted in the middle of a write would lose its uses.
            let _no_flush = self.engine.usage.lock_flush().await;
            let tasks = std::mem::take(&mut *self.engine.tasks());
            for task in tasks {
                task.abort();
                // The result is that the task was aborted.
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
