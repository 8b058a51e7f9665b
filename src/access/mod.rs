//! Access policies: what each request requires of its caller.

mod builder;
mod index;
mod into_access;
mod path;
mod path_hasher;
mod row;
mod table;

use std::{fmt, sync::Arc};

pub use self::{builder::AccessTableBuilder, into_access::IntoAccess, table::AccessTable};
use crate::{error::ConfigError, head::Head, scope::ScopeRule};

/// What a request requires of its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Requires a valid credential.
    Authenticated,
    /// Refuses every request: 401 without a credential, 403 with a valid one.
    Denied,
    /// Refuses every request as if nothing were there: 401 without a credential,
    /// 404 with a valid one, and 12 `UNIMPLEMENTED` over gRPC. The inner service is
    /// not called, so a route that a table does not name stays closed.
    NotFound,
    /// Requires nothing, but verifies a credential that is sent, and refuses an
    /// invalid one.
    Optional,
    /// Requires nothing. Credentials are not verified, only marked as sensitive.
    Public,
    /// Requires a valid credential with scopes.
    Scopes(ScopeRule),
    /// Refuses every request with 503, because the policy can't decide now: the
    /// service that holds its data can't be reached.
    Unavailable,
}

impl Access {
    /// Requires a valid credential with one scope.
    ///
    /// A row of an [`AccessTable`] takes the result as it is, and the table reports
    /// the error when it is built. Elsewhere, write `Access::scope("deployment")?`.
    ///
    /// # Errors
    ///
    /// Returns an error if `scope` is not a [`Scope`](crate::Scope).
    pub fn scope(scope: &str) -> Result<Self, ConfigError> {
        Ok(Self::Scopes(ScopeRule::all_of([scope])?))
    }

    /// Returns the one of two that admits fewer callers. Neither of two different
    /// scope rules is the stricter one, so these give [`Denied`](Self::Denied).
    fn stricter(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Scopes(a), Self::Scopes(b)) if a != b => Self::Denied,
            _ if other.rank() > self.rank() => other,
            _ => self,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Public => 0,
            Self::Optional => 1,
            Self::Authenticated => 2,
            Self::Scopes(_) => 3,
            Self::NotFound => 4,
            Self::Denied => 5,
            Self::Unavailable => 6,
        }
    }
}

/// Decides what each request requires.
///
/// An [`Access`] is a policy that requires the same of every request. An
/// [`AccessTable`] decides by path and method, and [`policy_fn`] wraps a closure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Policy`",
    note = "a constant `Access`, an `AccessTable` and `policy_fn(|head| …)` are policies",
    note = "if this is a `Result`, as `Access::scope(…)` and `AccessTableBuilder::build()` \
            return, add `?` after it"
)]
pub trait Policy: Send + Sync + 'static {
    /// Returns what this request requires.
    ///
    /// # Security
    ///
    /// The client chooses the path, the headers and the query. Decide only by the
    /// parts of the request by which the router decides.
    fn access(&self, head: &Head<'_>) -> Access;

    /// Returns the scope rules that [`access`](Self::access) may return, so that a
    /// layer with [`challenge_scopes`](crate::AuthnLayer::challenge_scopes) renders
    /// their responses once. Those of another rule are rendered for each request.
    ///
    /// The default implementation returns none.
    fn scope_rules(&self) -> Vec<ScopeRule> {
        Vec::new()
    }
}

impl Policy for Access {
    fn access(&self, _: &Head<'_>) -> Access {
        self.clone()
    }

    fn scope_rules(&self) -> Vec<ScopeRule> {
        match self {
            Self::Scopes(rule) => vec![rule.clone()],
            _ => Vec::new(),
        }
    }
}

impl<T: Policy + ?Sized> Policy for Arc<T> {
    fn access(&self, head: &Head<'_>) -> Access {
        T::access(self, head)
    }

    fn scope_rules(&self) -> Vec<ScopeRule> {
        T::scope_rules(self)
    }
}

/// Creates a policy from a closure, for decisions that depend on the state of the
/// program.
///
/// # Example
///
/// ```
/// use tower_authn::{Access, access::policy_fn};
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// static DEMO_IS_PUBLIC: AtomicBool = AtomicBool::new(false);
/// let policy = policy_fn(|head| match head.path() {
///     "/demo" if DEMO_IS_PUBLIC.load(Ordering::Relaxed) => Access::Public,
///     _ => Access::Authenticated,
/// });
/// ```
pub fn policy_fn<F>(f: F) -> PolicyFn<F>
where
    F: Fn(&Head<'_>) -> Access + Send + Sync + 'static,
{
    PolicyFn(f)
}

/// A policy made from a closure. Created by [`policy_fn`].
#[derive(Clone)]
pub struct PolicyFn<F>(F);

impl<F> Policy for PolicyFn<F>
where
    F: Fn(&Head<'_>) -> Access + Send + Sync + 'static,
{
    fn access(&self, head: &Head<'_>) -> Access {
        (self.0)(head)
    }
}

impl<F> fmt::Debug for PolicyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyFn").finish_non_exhaustive()
    }
}
