//! The mark of a request that was let through without a principal.

use std::{fmt, marker::PhantomData};

use super::answer::Refusals;
#[cfg(feature = "manage")]
use crate::credential::{Schemes, Sources};

/// Stands in the extensions of a request that need not say whose it is, so
/// that what asks for a principal further in tells such a request (401) from a
/// layer that is missing (500), and answers as the layer would.
pub(crate) struct Anonymous<P> {
    refusals: Refusals,
    principal: PhantomData<fn() -> P>,
}

impl<P> Anonymous<P> {
    pub(super) fn new(refusals: Refusals) -> Self {
        Self {
            refusals,
            principal: PhantomData,
        }
    }

    /// One outside of an `AuthnLayer`, answered as a layer with these sources
    /// would answer it.
    #[cfg(feature = "manage")]
    pub(crate) fn answered_as(sources: &Sources) -> Self {
        Self::new(Refusals::new(sources, Schemes::BEARER))
    }

    pub(crate) fn refusals(&self) -> &Refusals {
        &self.refusals
    }
}

impl<P> Clone for Anonymous<P> {
    fn clone(&self) -> Self {
        Self::new(self.refusals.clone())
    }
}

impl<P> fmt::Debug for Anonymous<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anonymous").finish_non_exhaustive()
    }
}
