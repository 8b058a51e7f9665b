//! What a layer asks of each request, with a policy and without.

use crate::{
    access::{Access, Policy},
    head::Head,
    scope::{ScopeRule, Scoped},
};

/// What a layer asks of each request.
///
/// Every [`Policy`] is one for principals that are [`Scoped`]; the default,
/// [`AlwaysRequired`], for all of them.
pub trait Admission<P>: Send + Sync + 'static {
    /// Whether it asks for a good credential of every request, and for nothing
    /// else: then no request needs be shown to it.
    #[doc(hidden)]
    const ALWAYS_REQUIRED: bool = false;

    /// What this request requires.
    fn access(&self, head: Head<'_>) -> Access;

    /// Whether the principal has the scopes that are required.
    fn allows(&self, rule: &ScopeRule, principal: &P) -> bool;
}

/// Requires a good credential of every request: what a layer does that was
/// given no policy.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AlwaysRequired;

impl<P> Admission<P> for AlwaysRequired {
    const ALWAYS_REQUIRED: bool = true;

    fn access(&self, _: Head<'_>) -> Access {
        Access::Authenticated
    }

    fn allows(&self, _: &ScopeRule, _: &P) -> bool {
        false
    }
}

impl<A: Policy, P: Scoped> Admission<P> for A {
    fn access(&self, head: Head<'_>) -> Access {
        Policy::access(self, &head)
    }

    fn allows(&self, rule: &ScopeRule, principal: &P) -> bool {
        rule.allows(principal)
    }
}
