//! The requirement of a layer, with a policy and without.

use crate::{
    access::{Access, Policy},
    head::Head,
    scope::{ScopeRule, Scoped},
};

/// The requirement of a layer: a [`Policy`], or [`AlwaysRequired`].
///
/// A policy needs principals that are [`Scoped`]. [`AlwaysRequired`], the
/// default, takes every principal. The trait is sealed; implement [`Policy`].
pub trait Admission<P>: sealed::Sealed + Send + Sync + 'static {
    /// Returns what this request requires.
    fn access(&self, head: Head<'_>) -> Access;

    /// Returns whether the principal has the scopes that are required.
    fn allows(&self, rule: &ScopeRule, principal: &P) -> bool;
}

mod sealed {
    #[expect(unnameable_types, reason = "this seals a trait")]
    pub trait Sealed {
        /// Whether the requirement depends on the request.
        const READS_HEAD: bool;
    }
}

/// Requires a good credential for every request: the requirement of a layer
/// without a policy.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AlwaysRequired;

impl sealed::Sealed for AlwaysRequired {
    const READS_HEAD: bool = false;
}

impl<P> Admission<P> for AlwaysRequired {
    fn access(&self, _: Head<'_>) -> Access {
        Access::Authenticated
    }

    fn allows(&self, _: &ScopeRule, _: &P) -> bool {
        false
    }
}

impl<A: Policy> sealed::Sealed for A {
    const READS_HEAD: bool = true;
}

impl<A: Policy, P: Scoped> Admission<P> for A {
    fn access(&self, head: Head<'_>) -> Access {
        Policy::access(self, &head)
    }

    fn allows(&self, rule: &ScopeRule, principal: &P) -> bool {
        rule.allows(principal)
    }
}
