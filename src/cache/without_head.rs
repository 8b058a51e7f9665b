//! A verifier that sees no head.

use std::fmt;

use crate::{
    credential::{Credential, Schemes},
    rejection::Rejection,
    verifier::Verifier,
};

/// A verifier that never sees the head of a request, so that its verdicts depend on the
/// credential alone and [`Cached`](super::Cached) can remember them.
///
/// Wrap a closure, a [`BoxVerifier`](crate::verifier::BoxVerifier) or another verifier that
/// does not say whether it reads [`Credential::head`], which is `None` inside.
#[derive(Clone)]
pub struct WithoutHead<V>(V);

impl<V> WithoutHead<V> {
    /// Hides the head from a verifier.
    pub fn new(verifier: V) -> Self {
        Self(verifier)
    }
}

impl<V: Verifier> Verifier for WithoutHead<V> {
    type Principal = V::Principal;

    const IMMEDIATE: bool = V::IMMEDIATE;
    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<V::Principal, Rejection> {
        self.0.verify(&credential.without_head()).await
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<V::Principal, Rejection>> {
        self.0.verify_now(&credential.without_head())
    }

    fn schemes(&self) -> Schemes {
        self.0.schemes()
    }
}

impl<V> fmt::Debug for WithoutHead<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithoutHead").finish_non_exhaustive()
    }
}
