//! A verifier that can be replaced while serving.

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
/// A request that is under way keeps the verifier it began with. Read the new
/// one before you replace the old one, and a file that can't be read leaves the
/// old set in force:
///
/// ```no_run
/// use std::sync::Arc;
/// use tower_authn::{AuthnLayer, verifier::{FixedTokens, ReloadableVerifier}};
///
/// let tokens = Arc::new(ReloadableVerifier::new(FixedTokens::from_file("tokens.txt")?));
/// let layer = AuthnLayer::new(Arc::clone(&tokens));
/// // later, on SIGHUP say:
/// match FixedTokens::from_file("tokens.txt") {
///     Ok(fresh) => tokens.replace(fresh),
///     Err(error) => eprintln!("tokens.txt: {error}; the old tokens stay in force"),
/// }
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
pub struct ReloadableVerifier<V> {
    current: RwLock<Arc<V>>,
}

impl<V> ReloadableVerifier<V> {
    /// Begins with a verifier.
    pub fn new(verifier: V) -> Self {
        Self {
            current: RwLock::new(Arc::new(verifier)),
        }
    }

    /// Puts another in its place, for every request that is not yet verified.
    pub fn replace(&self, verifier: V) {
        let fresh = Arc::new(verifier);
        // A lock that was poisoned holds a whole `Arc` all the same.
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
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

    /// Returns the schemes of the current verifier. A layer asks when it is
    /// built, so a replacement does not change the challenges.
    fn schemes(&self) -> Schemes {
        self.current().schemes()
    }
}

impl<V> fmt::Debug for ReloadableVerifier<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Swap").finish_non_exhaustive()
    }
}
