//! Access: what each place requires of its callers.

mod builder;
mod into_access;
mod path;
mod row;
mod table;

use std::{fmt, sync::Arc};

pub use self::{builder::AccessTableBuilder, into_access::IntoAccess, table::AccessTable};
use crate::{error::ConfigError, head::Head, scope::ScopeRule};

/// What a place requires of its callers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// A good credential.
    Authenticated,
    /// Every request is refused: 401 without a credential, 403 with a good one.
    Denied,
    /// Nothing is here: 401 without a credential, 404 with a good one, and 12
    /// `UNIMPLEMENTED` over gRPC. The inner service is not called, so a route
    /// that a table forgot to name stays closed.
    NotFound,
    /// Nothing, but a credential that comes is verified, and a bad one refused.
    Optional,
    /// Nothing. Credentials are not looked at, only marked as sensitive.
    Public,
    /// A good credential with scopes.
    Scopes(ScopeRule),
    /// Nobody can tell now: what says it can't be reached. 503, whoever asks.
    Unavailable,
}

impl Access {
    /// A good credential with one scope.
    ///
    /// # Errors
    ///
    /// Where it is not a scope. A table takes the result as it is, and reports
    /// the error when it is built.
    pub fn scope(scope: &str) -> Result<Self, ConfigError> {
        Ok(Self::Scopes(ScopeRule::all_of([scope])?))
    }

    /// The one that lets fewer callers in. Two rules of scopes that differ let
    /// nobody in: neither is the stricter one.
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

/// Says what each request requires.
///
/// An [`Access`] is a policy, the same for every request; so is an
/// [`AccessTable`]; [`policy_fn`] makes one of a closure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Policy`",
    note = "a constant `Access`, an `AccessTable` and `policy_fn(|head| …)` are policies",
    note = "`Access::scope` and `AccessTableBuilder::build` return a `Result`: add `?`"
)]
pub trait Policy: Send + Sync + 'static {
    /// What this request requires.
    ///
    /// # Security
    ///
    /// Whoever sends the request chose its path, its headers and its query.
    /// Decide by what the router decides by, and by nothing else.
    fn access(&self, head: &Head<'_>) -> Access;
}

impl Policy for Access {
    fn access(&self, _: &Head<'_>) -> Access {
        self.clone()
    }
}

impl<T: Policy + ?Sized> Policy for Arc<T> {
    fn access(&self, head: &Head<'_>) -> Access {
        T::access(self, head)
    }
}

/// A policy made of a closure, for what only run time knows.
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

/// A policy made of a closure. Made by [`policy_fn`].
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
