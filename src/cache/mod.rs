//! A cache in front of a verifier that is slow or expensive.

mod builder;
mod digest;
mod loads;
mod run;
mod state;
mod verdicts;
mod without_head;

use std::{
    fmt,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use self::{
    builder::CacheOptions,
    digest::Digester,
    loads::Loads,
    state::{CacheState, ExpiresAt, Step},
    verdicts::{Verdicts, WallClock},
};
pub use self::{builder::CachedBuilder, without_head::WithoutHead};
use crate::{
    credential::{Credential, Schemes},
    principal::{Principal, Validity},
    rejection::Rejection,
    verifier::Verifier,
};

/// A verifier that remembers the verdicts of another: of one that asks a server, hashes
/// passwords, or checks signatures.
///
/// A remembered verdict is immediate, so the layer needs no boxed future for it. Requests
/// with the same credential share one verification, and its failure. It goes on if the
/// request that began it is cancelled, and stops if all are.
///
/// | verdict | remembered |
/// |---|---|
/// | a principal | until it expires, for [`ttl`](CachedBuilder::ttl) at most, or until it is invalidated |
/// | `Denied`, `Expired`, `Forbidden`, `Invalid`, `Malformed`, `Revoked` | for [`refusal_ttl`](CachedBuilder::refusal_ttl), in a table of its own |
/// | every other rejection, such as `Unavailable`; a panic | never |
///
/// The crate's guide has a chapter on caching. A clone shares the cache.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_authn::{AuthnLayer, Credential, Principal, Rejection, Verifier, cache::Cached};
///
/// /// Asks a server of accounts.
/// struct Accounts;
///
/// impl Verifier for Accounts {
///     type Principal = Principal;
///     const READS_HEAD: bool = false;
///
///     async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
///         // let response = self.client.post(...).await.map_err(Rejection::unavailable)?;
///         Ok(Principal::new("alice").with_token_id("k1"))
///     }
/// }
///
/// let accounts = Cached::builder(Accounts).ttl(Duration::from_secs(30)).build();
/// let layer = AuthnLayer::new(accounts.clone());
/// // Later, as soon as the server of accounts reports it:
/// accounts.invalidate_token_id("k1");
/// ```
///
/// # Security
///
/// Another process that revokes a credential does not tell the cache: the credential is
/// accepted for the rest of its TTL, unless your program calls an `invalidate` method.
/// [`Principal::revoked`] does not end an entry, so do not put a cache around
/// `Tokens::verifier`, which has its tokens in memory.
/// Combine: `tokens.verifier().or(Cached::new(other))`.
///
/// The verdict may depend on the credential alone. A verifier with
/// [`READS_HEAD`](Verifier::READS_HEAD), as it is by default, does not compile:
///
/// ```compile_fail
/// use tower_authn::{Rejection, cache::Cached, verify_async_fn};
///
/// let verifier = verify_async_fn(|_| async { Err::<tower_authn::Principal, _>(Rejection::invalid()) });
/// let cached = Cached::new(verifier); // error: evaluation panicked: the verifier reads …
/// ```
///
/// Wrap it with [`WithoutHead`] if it does not need the head:
///
/// ```
/// use tower_authn::{Rejection, cache::{Cached, WithoutHead}, verify_async_fn};
///
/// let verifier = verify_async_fn(|_| async { Err::<tower_authn::Principal, _>(Rejection::invalid()) });
/// let cached = Cached::new(WithoutHead::new(verifier));
/// ```
///
/// The cache holds no credential: a verdict is found by a digest of 128 bits of the scheme
/// and the token, under a random key of each cache.
pub struct Cached<V: Verifier> {
    state: Arc<CacheState<V>>,
}

impl<V: Verifier> Cached<V> {
    /// Creates a cache with the default settings, see [`CachedBuilder`].
    pub fn new(verifier: V) -> Self
    where
        V::Principal: Validity,
    {
        Self::builder(verifier).build()
    }

    /// Sets a cache up for a principal with a [`Validity`], such as [`Principal`].
    pub fn builder(verifier: V) -> CachedBuilder<V>
    where
        V::Principal: Validity,
    {
        Self::for_principal(verifier, Validity::expires_at)
    }

    /// Sets a cache up for a principal of your own. The closure returns the time at which
    /// the principal expires.
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use tower_authn::{Rejection, cache::{Cached, WithoutHead}, verify_async_fn};
    ///
    /// #[derive(Clone)]
    /// struct User { name: String, session_end: SystemTime }
    ///
    /// let verifier = verify_async_fn(|_| async { Err::<User, _>(Rejection::invalid()) });
    /// let verifier = WithoutHead::new(verifier);
    /// let cached = Cached::for_principal(verifier, |user| Some(user.session_end)).build();
    /// cached.invalidate_if(|user| user.name == "alice");
    /// ```
    pub fn for_principal<F>(verifier: V, expires_at: F) -> CachedBuilder<V>
    where
        F: Fn(&V::Principal) -> Option<std::time::SystemTime> + Send + Sync + 'static,
    {
        const {
            assert!(
                !V::READS_HEAD,
                "the verifier reads the head of a request, so its verdict can't be remembered for \
                 others: set `const READS_HEAD: bool = false` in its `impl Verifier`, or wrap it \
                 with `cache::WithoutHead`"
            );
        }
        CachedBuilder::new(verifier, Box::new(expires_at))
    }

    fn from_options(
        verifier: V,
        expires_at: Box<ExpiresAt<V::Principal>>,
        options: CacheOptions,
        clock: WallClock,
    ) -> Self {
        Self {
            state: Arc::new(CacheState {
                verifier,
                digester: Digester::random(),
                verdicts: Verdicts::new(options, clock),
                expires_at,
                loads: Mutex::new(Loads::new()),
                generation: AtomicU64::new(0),
            }),
        }
    }

    /// Forgets the principals for which the closure returns `true`.
    ///
    /// No request that arrives after the return is answered by a verification that began
    /// before the call. Call it *after* the change, for example in the handler of a
    /// revocation. It walks over all entries and calls the closure for each one with a lock
    /// held, so the closure must not use the cache; if it panics, the principal is forgotten.
    /// Refusals stay.
    pub fn invalidate_if<F>(&self, is_invalid: F)
    where
        F: Fn(&V::Principal) -> bool + Send + Sync + 'static,
    {
        self.state.invalidate(&(Arc::new(is_invalid) as _));
    }

    /// Forgets all verdicts, including refusals. See [`invalidate_if`](Self::invalidate_if)
    /// for those that are under way.
    pub fn invalidate_all(&self) {
        self.state.invalidate_all();
    }

    /// Returns how full the cache is, for metrics.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        CacheStats {
            principals: self.state.verdicts.principals_len(),
            refusals: self.state.verdicts.refusals_len(),
            loads: self.state.lock().len(),
        }
    }
}

impl<V: Verifier<Principal = Principal>> Cached<V> {
    /// Forgets the principals with a token id. See [`invalidate_if`](Self::invalidate_if).
    pub fn invalidate_token_id(&self, id: impl Into<String>) {
        let id = id.into();
        self.invalidate_if(move |principal| principal.token_id() == Some(&id));
    }

    /// Forgets the principals of a subject. See [`invalidate_if`](Self::invalidate_if).
    pub fn invalidate_subject(&self, subject: impl Into<String>) {
        let subject = subject.into();
        self.invalidate_if(move |principal| principal.subject() == subject);
    }
}

impl<V: Verifier> Verifier for Cached<V> {
    type Principal = V::Principal;

    const IMMEDIATE: bool = V::IMMEDIATE;
    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<V::Principal, Rejection> {
        if let Some(verdict) = self.verify_now(credential) {
            return verdict;
        }
        let digest = self.state.digester.digest(credential);
        loop {
            match self.state.join_or_begin(digest, credential) {
                Step::Decided(verdict) => return verdict,
                Step::Wait(waiter) => {
                    if let Some(verdict) = waiter.wait().await {
                        return verdict;
                    }
                }
            }
        }
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<V::Principal, Rejection>> {
        let digest = self.state.digester.digest(credential);
        let Some(hit) = self.state.verdicts.find(digest) else {
            return self.state.verify_now(digest, credential);
        };
        if hit.wants_refresh {
            self.state.refresh(digest, credential);
        }
        Some(hit.verdict)
    }

    fn schemes(&self) -> Schemes {
        self.state.verifier.schemes()
    }
}

impl<V: Verifier> Clone for Cached<V> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
        }
    }
}

impl<V: Verifier> fmt::Debug for Cached<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").finish_non_exhaustive()
    }
}

/// How full a cache is. Returned by [`Cached::stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// The remembered principals, including those that have ended and were not used since.
    pub principals: usize,
    /// The remembered refusals, including those that have ended.
    pub refusals: usize,
    /// The verifications under way.
    pub loads: usize,
}

#[cfg(test)]
mod tests;
