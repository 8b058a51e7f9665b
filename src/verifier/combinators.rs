//! Verifiers that wrap other verifiers.

use std::fmt;

use super::Verifier;
use crate::{
    credential::{Credential, Schemes},
    rejection::{Rejection, RejectionKind},
};

/// A verifier that asks a second one about credentials that are invalid to the first.
/// Created by [`Verifier::or`].
#[derive(Clone)]
pub struct Or<A, B> {
    first: A,
    second: B,
}

impl<A, B> Or<A, B> {
    pub(super) fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A, B> Verifier for Or<A, B>
where
    A: Verifier,
    B: Verifier<Principal = A::Principal>,
{
    type Principal = A::Principal;

    const IMMEDIATE: bool = A::IMMEDIATE && B::IMMEDIATE;
    const READS_HEAD: bool = A::READS_HEAD || B::READS_HEAD;

    async fn verify(&self, credential: &Credential<'_>) -> Result<A::Principal, Rejection> {
        match self.first.verify(credential).await {
            Err(rejection) if rejection.kind() == RejectionKind::Invalid => {
                self.second.verify(credential).await
            }
            result => result,
        }
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<A::Principal, Rejection>> {
        match self.first.verify_now(credential)? {
            Err(rejection) if rejection.kind() == RejectionKind::Invalid => {
                self.second.verify_now(credential)
            }
            result => Some(result),
        }
    }

    fn schemes(&self) -> Schemes {
        self.first.schemes() | self.second.schemes()
    }
}

/// A verifier that converts or rejects the principal of another. Created by
/// [`Verifier::and_then`].
#[derive(Clone)]
pub struct AndThen<V, F> {
    verifier: V,
    f: F,
}

impl<V, F> AndThen<V, F> {
    pub(super) fn new(verifier: V, f: F) -> Self {
        Self { verifier, f }
    }
}

impl<V, F, P> Verifier for AndThen<V, F>
where
    V: Verifier,
    F: Fn(V::Principal) -> Result<P, Rejection> + Send + Sync + 'static,
    P: Clone + Send + Sync + 'static,
{
    type Principal = P;

    const IMMEDIATE: bool = V::IMMEDIATE;
    const READS_HEAD: bool = V::READS_HEAD;

    async fn verify(&self, credential: &Credential<'_>) -> Result<P, Rejection> {
        self.verifier.verify(credential).await.and_then(&self.f)
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<P, Rejection>> {
        let result = self.verifier.verify_now(credential)?;
        Some(result.and_then(&self.f))
    }

    fn schemes(&self) -> Schemes {
        self.verifier.schemes()
    }
}

/// A verifier that converts the principal of another. Created by [`Verifier::map`].
#[derive(Clone)]
pub struct Map<V, F> {
    verifier: V,
    f: F,
}

impl<V, F> Map<V, F> {
    pub(super) fn new(verifier: V, f: F) -> Self {
        Self { verifier, f }
    }
}

impl<V, F, P> Verifier for Map<V, F>
where
    V: Verifier,
    F: Fn(V::Principal) -> P + Send + Sync + 'static,
    P: Clone + Send + Sync + 'static,
{
    type Principal = P;

    const IMMEDIATE: bool = V::IMMEDIATE;
    const READS_HEAD: bool = V::READS_HEAD;

    async fn verify(&self, credential: &Credential<'_>) -> Result<P, Rejection> {
        self.verifier.verify(credential).await.map(&self.f)
    }

    fn verify_now(&self, credential: &Credential<'_>) -> Option<Result<P, Rejection>> {
        let result = self.verifier.verify_now(credential)?;
        Some(result.map(&self.f))
    }

    fn schemes(&self) -> Schemes {
        self.verifier.schemes()
    }
}

// A verifier may hold secrets and need not implement `Debug`, so only names are shown.

impl<A, B> fmt::Debug for Or<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Or").finish_non_exhaustive()
    }
}

impl<V, F> fmt::Debug for AndThen<V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AndThen").finish_non_exhaustive()
    }
}

impl<V, F> fmt::Debug for Map<V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").finish_non_exhaustive()
    }
}
