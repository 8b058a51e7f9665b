//! The mark of a request that is admitted without a principal.

use std::{fmt, marker::PhantomData};

use super::rejection_response::RejectionResponses;
#[cfg(feature = "manage")]
use crate::credential::{Schemes, Sources};

/// Marks a request, in its extensions, that is admitted without a principal.
///
/// A guard or an extractor further in that needs a principal can thus tell an
/// anonymous request (401, with the responses of the layer) from a missing layer
/// (500).
pub(crate) struct Anonymous<P> {
    responses: RejectionResponses,
    principal: PhantomData<fn() -> P>,
}

impl<P> Anonymous<P> {
    pub(super) fn new(responses: RejectionResponses) -> Self {
        Self {
            responses,
            principal: PhantomData,
        }
    }

    /// Creates the mark without an `AuthnLayer`. A guard answers as a layer with
    /// these sources would.
    #[cfg(feature = "manage")]
    pub(crate) fn from_sources(sources: &Sources) -> Self {
        Self::new(RejectionResponses::new(sources, Schemes::BEARER))
    }

    pub(crate) fn responses(&self) -> &RejectionResponses {
        &self.responses
    }
}

impl<P> Clone for Anonymous<P> {
    fn clone(&self) -> Self {
        Self::new(self.responses.clone())
    }
}

impl<P> fmt::Debug for Anonymous<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anonymous").finish_non_exhaustive()
    }
}
