//! A verifier that can be replaced at run time.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use super::Verifier;
use crate::{
    credential::{Credential, Schemes},
    rejection::Rejection,
};

/// A verifier that can be replaced while requests are served.
///
/// A verification that has begun keeps the verifier that it began with. Load the new
/// verifier before replacing the old one, so that a file with an error leaves the old
/// one in place:
///
/// ```no_run
/// use std::sync::Arc;
/// use tower_authn::{AuthnLayer, verifier::{FixedTokens, ReloadableVerifier}};
///
/// let tokens = Arc::new(ReloadableVerifier::new(FixedTokens::from_file("tokens.txt")?));
/// let layer = AuthnLayer::new(Arc::clone(&tokens));
/// // Later, for example on SIGHUP:
/// match FixedTokens::from_file("tokens.txt") {
///     Ok(reloaded) => tokens.replace(reloaded),
///     Err(error) => eprintln!("tokens.txt: {error}; the old tokens stay in place"),
/// }
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
pub struct ReloadableVerifier<V> {
    current: RwLock<Arc<V>>,
}

impl<V> ReloadableVerifier<V> {
    /// Creates a reloadable verifier that begins with `verifier`.
    pub fn new(verifier: V) -> Self {
        Self {
            current: RwLock::new(Arc::new(verifier)),
        }
    }

    /// Replaces the verifier for every verification that has not begun.
    pub fn replace(&self, verifier: V) {
        let verifier = Arc::new(verifier);
        // A poisoned lock still holds a complete `Arc`.
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = verifier;
    }

    fn current(&self) -> Arc<V> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<V: Verifier> Verifier for ReloadableVerifier<V> {
    type Principal = V::Principal;

    const IMMEDIATE: bool = V::IMMEDIATE;
    const READS_HEAD: bool = V::READS_HEAD;

    async fn verify(&self, credential: &Credential<'_>) -> Result<V::Principal, Rejection> {
        self.current().verify(credential).await
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<V::Principal, Rejection>> {
        self.current().verify_now(credential)
    }

    /// Returns the schemes of the current verifier. A layer calls this when it is
    /// built, so a replacement does not change the challenges.
    fn schemes(&self) -> Schemes {
        self.current().schemes()
    }
}

impl<V> fmt::Debug for ReloadableVerifier<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadableVerifier").finish_non_exhaustive()
    }
}
