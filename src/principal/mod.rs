//! The crate's own principal: an authenticated caller.

mod configured;
mod validity;

use std::{fmt, sync::Arc, time::SystemTime};

use futures::future::{BoxFuture, FutureExt, pending};

use self::configured::Configured;
pub use self::validity::Validity;
use crate::{
    scope::{Scope, Scoped},
    target::Target,
};

/// An authenticated caller: a subject, its scopes, and the properties of its token.
///
/// Fixed lists and token stores return it, so `or` can combine verifiers of both
/// kinds. It is cheap to clone. A principal without scopes has no rights.
///
/// # Example
///
/// ```
/// use tower_authn::{Principal, Scoped};
///
/// let caller = Principal::new("ci").with_scopes(["deployment"])?;
/// assert_eq!(caller.subject(), "ci");
/// assert!(caller.has_scope(&"deployment".parse()?));
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Principal(Arc<dyn PrincipalData>);

/// The fields of a principal. An entry of a token store implements it too, so that
/// a verdict copies nothing.
pub(crate) trait PrincipalData: Send + Sync + 'static {
    fn subject(&self) -> &str;

    fn issuer(&self) -> Option<&str> {
        None
    }

    fn scopes(&self) -> &[Scope];

    fn organization(&self) -> Option<&str> {
        None
    }

    fn targets(&self) -> Option<&[Target]> {
        None
    }

    fn token_id(&self) -> Option<&str> {
        None
    }

    fn metadata(&self) -> Option<&str> {
        None
    }

    fn expires_at(&self) -> Option<SystemTime> {
        None
    }

    fn revoked(&self) -> BoxFuture<'static, ()> {
        pending().boxed()
    }

    /// The fields that a builder method may change.
    fn configured_mut(&mut self) -> Option<&mut Configured> {
        None
    }
}

impl Principal {
    /// Creates a principal without scopes, and therefore without rights.
    pub fn new(subject: impl Into<String>) -> Self {
        Self(Arc::new(Configured::new(&subject.into())))
    }

    #[cfg(feature = "tokens")]
    pub(crate) fn from_data(data: Arc<dyn PrincipalData>) -> Self {
        Self(data)
    }

    /// Returns the subject: a user, a service, the owner of a token.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.0.subject()
    }

    /// Returns the issuer that vouches for the subject, such as that of a JWT. Two
    /// issuers may have different subjects of the same name. A token store and a fixed
    /// list have no issuer.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.0.issuer()
    }

    /// Returns the granted scopes.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        self.0.scopes()
    }

    /// Returns the organization.
    #[must_use]
    pub fn organization(&self) -> Option<&str> {
        self.0.organization()
    }

    /// Returns the targets that the principal is restricted to, or `None` if it is
    /// not restricted.
    #[must_use]
    pub fn targets(&self) -> Option<&[Target]> {
        self.0.targets()
    }

    /// Returns whether the principal may act on the target of this name. A principal
    /// that is not restricted may act on every target.
    ///
    /// ```
    /// use tower_authn::Principal;
    ///
    /// let free = Principal::new("ci");
    /// assert!(free.has_target("demo"));
    /// assert!(!free.with_targets(["hello", "test-*"])?.has_target("demo"));
    /// assert!(!Principal::new("ci").with_targets::<&str>([])?.has_target("demo"));
    /// # Ok::<(), tower_authn::ConfigError>(())
    /// ```
    #[must_use]
    pub fn has_target(&self, name: &str) -> bool {
        let covers = |targets: &[Target]| targets.iter().any(|target| target.covers_name(name));
        self.targets().is_none_or(covers)
    }

    /// Returns whether the principal may act on everything that a list of targets
    /// includes. `None` is the absence of a list, and includes everything.
    ///
    /// ```
    /// use tower_authn::{Principal, Target};
    ///
    /// let held = Principal::new("ci").with_targets(["test-*"])?;
    /// let narrow: [Target; 1] = ["test-1".parse()?];
    /// assert!(held.has_targets(Some(&narrow)));
    /// assert!(!held.has_targets(None));
    /// assert!(Principal::new("ci").has_targets(None));
    /// # Ok::<(), tower_authn::ConfigError>(())
    /// ```
    #[must_use]
    pub fn has_targets(&self, targets: Option<&[Target]>) -> bool {
        match (self.targets(), targets) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(targets)) => Target::all_covered(targets, own),
        }
    }

    /// Returns the id of the token. It is public and safe to log.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0.token_id()
    }

    /// Returns the metadata of the token, a JSON object.
    #[must_use]
    pub fn metadata(&self) -> Option<&str> {
        self.0.metadata()
    }

    /// Returns the time at which the credential expires.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.expires_at()
    }

    /// Waits until the credential is revoked or suspended, or its key retired.
    ///
    /// It ignores [`expires_at`](Self::expires_at). For a principal without a token
    /// store it never completes.
    #[must_use]
    pub fn revoked(&self) -> BoxFuture<'static, ()> {
        self.0.revoked()
    }
}

impl Scoped for Principal {
    fn has_scope(&self, scope: &Scope) -> bool {
        self.scopes().iter().any(|granted| granted.covers(scope))
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("subject", &self.subject())
            .field("scopes", &self.scopes())
            .field("token_id", &self.token_id())
            .finish_non_exhaustive()
    }
}
