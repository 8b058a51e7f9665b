//! A verifier with an erased type.

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;

use super::Verifier;
use crate::{
    credential::{Credential, Schemes},
    rejection::Rejection,
};

/// A verifier with an erased type, chosen at run time. Created by [`Verifier::boxed`].
///
/// An immediate decision does not allocate. One that waits allocates one box more
/// than the inner verifier does.
///
/// # Example
///
/// ```
/// use tower_authn::{AuthnLayer, Principal, Rejection, Verifier, verify_fn};
/// use tower_authn::verifier::{BoxVerifier, FixedTokens};
///
/// fn layer(tokens: Option<FixedTokens>) -> AuthnLayer<BoxVerifier<Principal>> {
///     AuthnLayer::new(match tokens {
///         Some(tokens) => tokens.boxed(),
///         None => verify_fn(|_| Err(Rejection::invalid())).boxed(),
///     })
/// }
/// ```
pub struct BoxVerifier<P>(Arc<dyn DynVerifier<P>>);

impl<P> BoxVerifier<P> {
    pub(super) fn new(verifier: impl Verifier<Principal = P>) -> Self {
        Self(Arc::new(verifier))
    }
}

impl<P: Clone + Send + Sync + 'static> Verifier for BoxVerifier<P> {
    type Principal = P;

    async fn verify(&self, credential: &Credential<'_>) -> Result<P, Rejection> {
        self.0.verify(credential).await
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<P, Rejection>> {
        self.0.verify_now(credential)
    }

    fn schemes(&self) -> Schemes {
        self.0.schemes()
    }
}

impl<P> Clone for BoxVerifier<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> fmt::Debug for BoxVerifier<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxVerifier").finish_non_exhaustive()
    }
}

/// The dyn-compatible form of [`Verifier`].
trait DynVerifier<P>: Send + Sync {
    fn verify<'a>(&'a self, credential: &'a Credential<'a>) -> BoxFuture<'a, Result<P, Rejection>>;

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<P, Rejection>>;

    fn schemes(&self) -> Schemes;
}

impl<V: Verifier> DynVerifier<V::Principal> for V {
    fn verify<'a>(
        &'a self,
        credential: &'a Credential<'a>,
    ) -> BoxFuture<'a, Result<V::Principal, Rejection>> {
        Box::pin(Verifier::verify(self, credential))
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<V::Principal, Rejection>> {
        Verifier::verify_now(self, credential)
    }

    fn schemes(&self) -> Schemes {
        Verifier::schemes(self)
    }
}
