//! Who a request comes from, where no type of your own says it.

use std::{fmt, sync::Arc, time::SystemTime};

use futures::future::{BoxFuture, FutureExt, pending};

use crate::{
    error::ConfigError,
    scope::{Scope, Scoped, parse_all, parse_list},
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

    fn revoked(&self) -> BoxFuture<'static, ()> {
        pending().boxed()
    }

    /// The fields that a builder method may change.
    fn configured_mut(&mut self) -> Option<&mut Configured> {
        None
    }
}

/// A principal that is not an entry of a token store.
pub(crate) struct Configured {
    subject: Box<str>,
    scopes: Box<[Scope]>,
    organization: Option<Box<str>>,
    targets: Option<Box<[Target]>>,
    token_id: Option<Box<str>>,
    metadata: Option<Box<str>>,
    expires_at: Option<SystemTime>,
    /// The principal that this one was made from, which knows when it is revoked.
    base: Option<Principal>,
}

impl Configured {
    fn new(subject: &str) -> Self {
        Self {
            subject: subject.into(),
            scopes: Box::default(),
            organization: None,
            targets: None,
            token_id: None,
            metadata: None,
            expires_at: None,
            base: None,
        }
    }

    fn from_principal(base: Principal) -> Self {
        Self {
            subject: base.subject().into(),
            scopes: base.scopes().into(),
            organization: base.organization().map(Box::from),
            targets: base.targets().map(Box::from),
            token_id: base.token_id().map(Box::from),
            metadata: base.metadata().map(Box::from),
            expires_at: base.expires_at(),
            base: Some(base),
        }
    }
}

impl Facts for Configured {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    fn organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    fn targets(&self) -> Option<&[Target]> {
        self.targets.as_deref()
    }

    fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    fn metadata(&self) -> Option<&str> {
        self.metadata.as_deref()
    }

    fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    fn revoked(&self) -> BoxFuture<'static, ()> {
        match &self.base {
            Some(base) => base.revoked(),
            None => pending().boxed(),
        }
    }

    fn configured_mut(&mut self) -> Option<&mut Configured> {
        Some(self)
    }
}

impl Principal {
    /// Creates a principal without scopes, and therefore without rights.
    pub fn new(subject: impl Into<String>) -> Self {
        Self(Arc::new(Configured::new(&subject.into())))
    }

    #[cfg(feature = "tokens")]
    pub(crate) fn of(facts: Arc<dyn Facts>) -> Self {
        Self(facts)
    }

    /// Replaces the scopes.
    ///
    /// # Errors
    ///
    /// Returns an error if one of them is not a [`Scope`].
    pub fn with_scopes<T: AsRef<str>>(
        self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let scopes = parse_all(scopes)?;
        Ok(self.edit(|own| own.scopes = scopes.into()))
    }

    /// Replaces the scopes by those of a space-separated list, as in the `scope`
    /// claim of an access token
    /// ([RFC 8693 §4.2](https://www.rfc-editor.org/rfc/rfc8693#section-4.2)).
    ///
    /// An item that is not a [`Scope`] grants nothing and is skipped.
    ///
    /// ```
    /// use tower_authn::Principal;
    ///
    /// let caller = Principal::new("ci").with_scope_list("User.Read files:write");
    /// assert_eq!(caller.scopes().len(), 2);
    /// ```
    #[must_use]
    pub fn with_scope_list(self, scopes: &str) -> Self {
        self.edit(|own| own.scopes = parse_list(scopes).collect())
    }

    /// Sets the organization.
    #[must_use]
    pub fn with_organization(self, organization: impl Into<String>) -> Self {
        self.edit(|own| own.organization = Some(organization.into().into()))
    }

    /// Restricts the principal to targets. An empty list leaves it none.
    ///
    /// # Errors
    ///
    /// Returns an error if one of them is not a [`Target`].
    pub fn with_targets<T: AsRef<str>>(
        self,
        targets: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let targets: Result<_, _> = targets.into_iter().map(|t| t.as_ref().parse()).collect();
        let targets = targets?;
        Ok(self.edit(|own| own.targets = Some(targets)))
    }

    /// Sets the id of the token. It must be public: it is shown in logs.
    #[must_use]
    pub fn with_token_id(self, id: impl Into<String>) -> Self {
        self.edit(|own| own.token_id = Some(id.into().into()))
    }

    /// Sets the metadata, a JSON object, which is not checked.
    #[must_use]
    pub fn with_metadata(self, json: impl Into<String>) -> Self {
        self.edit(|own| own.metadata = Some(json.into().into()))
    }

    /// Sets when the credential expires.
    #[must_use]
    pub fn with_expires_at(self, at: SystemTime) -> Self {
        self.edit(|own| own.expires_at = Some(at))
    }

    /// Changes this principal in place where nothing else holds it, and a copy
    /// otherwise.
    fn edit(mut self, change: impl FnOnce(&mut Configured)) -> Self {
        if let Some(own) = Arc::get_mut(&mut self.0).and_then(|facts| facts.configured_mut()) {
            change(own);
            return self;
        }
        let mut copy = Configured::from_principal(self);
        change(&mut copy);
        Self(Arc::new(copy))
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

    /// Returns whether the principal may act on the target of this name: it is
    /// restricted to targets that include it, or not restricted at all.
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
    /// includes, where `None` is no list, which includes everything.
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
    pub fn revoked(&self) -> BoxFuture<'static, ()> {
        self.0.revoked()
    }
}

impl Scoped for Principal {
    fn has_scope(&self, scope: &Scope) -> bool {
        self.scopes().iter().any(|granted| granted.covers(scope))
    }
}

/// What may end while what was asked for with it is still under way: a token, a
/// session. `layer::ValidityLayer` ends it too.
pub trait Validity {
    /// When it ends by itself.
    fn expires_at(&self) -> Option<SystemTime>;

    /// Waits until it is withdrawn, and for ever where that can't be.
    fn revoked(&self) -> BoxFuture<'static, ()>;
}

impl Validity for Principal {
    fn expires_at(&self) -> Option<SystemTime> {
        Self::expires_at(self)
    }

    fn revoked(&self) -> BoxFuture<'static, ()> {
        Self::revoked(self)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_builder_method_changes_one_fact_and_keeps_the_others() {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let full = Principal::new("ci")
            .with_scopes(["a"])
            .unwrap()
            .with_organization("acme")
            .with_targets(["demo*"])
            .unwrap()
            .with_token_id("t1")
            .with_metadata("{}")
            .with_expires_at(end);
        // A copy is changed where another clone is held, and that one is not.
        let other = full.clone().with_scope_list("b c");
        let facts = |p: &Principal| {
            (
                p.subject().to_owned(),
                p.organization().map(str::to_owned),
                p.targets().map(<[Target]>::to_vec),
                p.token_id().map(str::to_owned),
                p.metadata().map(str::to_owned),
                p.expires_at(),
            )
        };
        assert_eq!(facts(&full), facts(&other));
        assert_eq!(full.organization(), Some("acme"));
        assert_eq!(full.expires_at(), Some(end));
        let scopes = |p: &Principal| p.scopes().iter().map(Scope::to_string).collect::<Vec<_>>();
        assert_eq!(
            (scopes(&full), scopes(&other)),
            (vec!["a".into()], vec!["b".into(), "c".into()])
        );
    }

    #[test]
    fn a_principal_that_is_made_from_another_is_revoked_with_it() {
        struct Revoked;
        impl Facts for Revoked {
            fn subject(&self) -> &str {
                "ci"
            }
            fn scopes(&self) -> &[Scope] {
                &[]
            }
            fn revoked(&self) -> BoxFuture<'static, ()> {
                std::future::ready(()).boxed()
            }
        }
        let ended = |p: &Principal| p.revoked().now_or_never().is_some();
        assert!(ended(
            &Principal(Arc::new(Revoked)).with_organization("acme")
        ));
        assert!(!ended(&Principal::new("ci").with_organization("acme")));
    }
}
