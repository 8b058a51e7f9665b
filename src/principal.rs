//! Who a request comes from, where no type of your own says it.

use std::{fmt, sync::Arc};

use crate::{
    error::ConfigError,
    scope::{Scope, Scoped, parse_all},
};

/// The crate's own principal: a subject and its scopes.
///
/// Fixed lists and token stores answer with it, so that verifiers of both
/// kinds can stand side by side in one `or`. It is one pointer wide and cheap
/// to clone. No scopes means no rights.
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
#[derive(Clone, PartialEq, Eq)]
pub struct Principal(Arc<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    subject: Box<str>,
    scopes: Box<[Scope]>,
}

impl Principal {
    /// A principal without scopes.
    pub fn new(subject: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            subject: subject.into().into(),
            scopes: Box::default(),
        }))
    }

    /// Replaces the scopes.
    ///
    /// # Errors
    ///
    /// Where one of them is not a scope.
    pub fn with_scopes<T: AsRef<str>>(
        mut self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        Arc::make_mut(&mut self.0).scopes = parse_all(scopes)?.into();
        Ok(self)
    }

    /// Who it is: a user, a service, a token's owner.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The scopes that were granted.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.0.scopes
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
            .finish_non_exhaustive()
    }
}
