//! Sources of the keys of an issuer.

use std::{future::Future, sync::Arc};

use futures::future::BoxFuture;

use super::key_set::KeySet;
use crate::rejection::Rejection;

/// A source of the keys of an issuer.
///
/// A verifier asks for the keys with each token, so that a source can replace them at any
/// time. [`KeySet`] is a source that never changes, and [`JwksFile`](super::JwksFile) one
/// that follows a file.
///
/// # Example
///
/// A source that fetches the keys again if a token names a new one:
///
/// ```
/// use std::sync::{Arc, Mutex, PoisonError};
/// use tower_authn::{Rejection, jwt::{KeySet, KeySource}};
/// # async fn fetch() -> Result<KeySet, std::io::Error> { Err(std::io::Error::other("down")) }
///
/// struct Remote {
///     current: Mutex<Option<Arc<KeySet>>>,
/// }
///
/// impl KeySource for Remote {
///     fn keys(&self, _id: Option<&str>) -> Result<Arc<KeySet>, Rejection> {
///         let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
///         current.clone().ok_or_else(|| Rejection::unavailable("no keys were fetched yet"))
///     }
///
///     fn can_refresh(&self) -> bool {
///         true // A real one returns false for a while after a fetch.
///     }
///
///     async fn refresh(&self, _id: Option<&str>) -> Result<(), Rejection> {
///         let fetched = fetch().await.map_err(Rejection::unavailable)?;
///         *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(fetched));
///         Ok(())
///     }
/// }
/// ```
pub trait KeySource: Send + Sync + 'static {
    /// Returns the current keys, without waiting.
    ///
    /// `id` is the key that a token names, before its signature is verified: it can be
    /// made up. It is for a source that does not hold all keys; the verifier itself finds
    /// the key in the set.
    ///
    /// # Errors
    ///
    /// Return [`Rejection::unavailable`] if there are no keys, or if they are too old to
    /// be used.
    fn keys(&self, id: Option<&str>) -> Result<Arc<KeySet>, Rejection>;

    /// Returns whether [`refresh`](Self::refresh) may find a key that
    /// [`keys`](Self::keys) did not return a moment ago.
    ///
    /// If not, a token that names an unknown key is invalid at once. A source that
    /// fetches returns `false` for a while after each fetch, so that made-up ids cost
    /// nothing.
    fn can_refresh(&self) -> bool {
        false
    }

    /// Waits for newer keys. The verifier calls it if [`keys`](Self::keys) has failed, or
    /// has not returned the key that a token names, and then asks for the keys once more.
    /// Many requests may call it at the same time, and a request that is canceled drops
    /// the future.
    ///
    /// # Errors
    ///
    /// Return [`Rejection::unavailable`] if the keys can't be read: the key that the
    /// token names may exist.
    fn refresh(&self, id: Option<&str>) -> impl Future<Output = Result<(), Rejection>> + Send {
        let _ = id;
        std::future::ready(Ok(()))
    }
}

impl<S: KeySource> KeySource for Arc<S> {
    fn keys(&self, id: Option<&str>) -> Result<Arc<KeySet>, Rejection> {
        S::keys(self, id)
    }

    fn can_refresh(&self) -> bool {
        S::can_refresh(self)
    }

    fn refresh(&self, id: Option<&str>) -> impl Future<Output = Result<(), Rejection>> + Send {
        S::refresh(self, id)
    }
}

/// The dyn-compatible form of [`KeySource`].
pub(super) trait DynKeySource: Send + Sync {
    fn keys(&self, id: Option<&str>) -> Result<Arc<KeySet>, Rejection>;

    fn can_refresh(&self) -> bool;

    fn refresh<'a>(&'a self, id: Option<&'a str>) -> BoxFuture<'a, Result<(), Rejection>>;
}

impl<S: KeySource> DynKeySource for S {
    fn keys(&self, id: Option<&str>) -> Result<Arc<KeySet>, Rejection> {
        KeySource::keys(self, id)
    }

    fn can_refresh(&self) -> bool {
        KeySource::can_refresh(self)
    }

    fn refresh<'a>(&'a self, id: Option<&'a str>) -> BoxFuture<'a, Result<(), Rejection>> {
        Box::pin(KeySource::refresh(self, id))
    }
}

/// Keys that never change.
pub(super) struct Fixed(pub(super) Arc<KeySet>);

impl KeySource for Fixed {
    fn keys(&self, _id: Option<&str>) -> Result<Arc<KeySet>, Rejection> {
        Ok(Arc::clone(&self.0))
    }
}
