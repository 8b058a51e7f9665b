//! Who a request comes from, where no type of your own says it.

use std::{fmt, sync::Arc, time::SystemTime};

use futures::future::{BoxFuture, FutureExt, pending};

use crate::{
    error::ConfigError,
    scope::{Scope, Scoped, parse_all},
    target::Target,
};

/// The crate's own principal: a subject, its scopes, and what a token store
/// adds.
///
/// Fixed lists and token stores answer with it, so that verifiers of both
/// kinds can stand side by side in one `or`. It is cheap to clone. No scopes
/// means no rights.
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
pub struct Principal(Arc<dyn Facts>);

/// What is known of a principal: by configuration, or by a token store, whose
/// own entries are principals as they stand.
pub(crate) trait Facts: Send + Sync + 'static {
    fn subject(&self) -> &str;

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

    fn ended(&self) -> BoxFuture<'static, ()> {
        pending().boxed()
    }
}

/// What a configuration knows.
struct Configured {
    subject: Box<str>,
    scopes: Box<[Scope]>,
}

impl Facts for Configured {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn scopes(&self) -> &[Scope] {
        &self.scopes
    }
}

impl Principal {
    /// A principal without scopes.
    pub fn new(subject: impl Into<String>) -> Self {
        Self(Arc::new(Configured {
            subject: subject.into().into(),
            scopes: Box::default(),
        }))
    }

    #[cfg(feature = "tokens")]
    pub(crate) fn of(facts: Arc<dyn Facts>) -> Self {
        Self(facts)
    }

    /// The same subject with these scopes.
    ///
    /// # Errors
    ///
    /// Where one of them is not a scope.
    pub fn with_scopes<T: AsRef<str>>(
        self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(Configured {
            subject: self.subject().into(),
            scopes: parse_all(scopes)?.into(),
        })))
    }

    /// Who it is: a user, a service, a token's owner.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.0.subject()
    }

    /// The scopes that were granted.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        self.0.scopes()
    }

    /// The organization that the token belongs to.
    #[must_use]
    pub fn organization(&self) -> Option<&str> {
        self.0.organization()
    }

    /// What the token is held to; `None` for no list, which means everything.
    #[must_use]
    pub fn targets(&self) -> Option<&[Target]> {
        self.0.targets()
    }

    /// Whether the principal may have to do with the target of this name.
    #[must_use]
    pub fn has_target(&self, name: &str) -> bool {
        let covers = |targets: &[Target]| targets.iter().any(|target| target.covers_name(name));
        self.targets().is_none_or(covers)
    }

    /// The id of the token, which is public and safe to log.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0.token_id()
    }

    /// The token's metadata: a JSON object.
    #[must_use]
    pub fn metadata(&self) -> Option<&str> {
        self.0.metadata()
    }

    /// When the credential ends by itself.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.expires_at()
    }

    /// Waits until the credential was withdrawn: revoked, suspended, its key
    /// retired. It does not wait for [`expires_at`](Self::expires_at). For a
    /// principal that no token store knows it waits for ever.
    #[must_use]
    pub fn ended(&self) -> BoxFuture<'static, ()> {
        self.0.ended()
    }
}

impl Scoped for Principal {
    fn has_scope(&self, scope: &Scope) -> bool {
        self.scopes().iter().any(|granted| granted.covers(scope))
    }
}

/// What may end while what was asked for with it is still under way: a token, a
/// session. `layer::LifetimeLayer` ends it too.
pub trait Lifetime {
    /// When it ends by itself.
    fn expires_at(&self) -> Option<SystemTime>;

    /// Waits until it is withdrawn, and for ever where that can't be.
    fn ended(&self) -> BoxFuture<'static, ()>;
}

impl Lifetime for Principal {
    fn expires_at(&self) -> Option<SystemTime> {
        Self::expires_at(self)
    }

    fn ended(&self) -> BoxFuture<'static, ()> {
        Self::ended(self)
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
