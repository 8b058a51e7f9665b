//! A principal with configured fields, and the builder methods.

use std::{sync::Arc, time::SystemTime};

use futures::future::{BoxFuture, FutureExt, pending};

use super::{Principal, PrincipalData};
use crate::{
    error::ConfigError,
    scope::{Scope, parse_all, parse_list},
    target::Target,
};

/// The fields of a principal that is not an entry of a token store.
pub(crate) struct Configured {
    subject: Box<str>,
    issuer: Option<Box<str>>,
    scopes: Box<[Scope]>,
    organization: Option<Box<str>>,
    targets: Option<Box<[Target]>>,
    token_id: Option<Box<str>>,
    metadata: Option<Box<str>>,
    expires_at: Option<SystemTime>,
    /// The principal that this one is a copy of. It knows when it is revoked.
    base: Option<Principal>,
}

impl Configured {
    pub(super) fn new(subject: &str) -> Self {
        Self {
            subject: subject.into(),
            issuer: None,
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
            issuer: base.issuer().map(Box::from),
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

impl PrincipalData for Configured {
    fn subject(&self) -> &str {
        &self.subject
    }

    fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
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

    /// Replaces the scopes by parsed ones.
    #[cfg(any(feature = "jwt", feature = "jwt-rust-crypto"))]
    pub(crate) fn with_parsed_scopes(self, scopes: Box<[Scope]>) -> Self {
        self.edit(|own| own.scopes = scopes)
    }

    /// Restricts the principal to parsed targets.
    #[cfg(any(feature = "jwt", feature = "jwt-rust-crypto"))]
    pub(crate) fn with_parsed_targets(self, targets: Box<[Target]>) -> Self {
        self.edit(|own| own.targets = Some(targets))
    }

    /// Sets the issuer that vouches for the subject.
    #[must_use]
    pub fn with_issuer(self, issuer: impl Into<String>) -> Self {
        self.edit(|own| own.issuer = Some(issuer.into().into()))
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

    /// Sets the id of the token. It must be public, since logs show it.
    #[must_use]
    pub fn with_token_id(self, id: impl Into<String>) -> Self {
        self.edit(|own| own.token_id = Some(id.into().into()))
    }

    /// Sets the metadata, a JSON object. It is not validated.
    #[must_use]
    pub fn with_metadata(self, json: impl Into<String>) -> Self {
        self.edit(|own| own.metadata = Some(json.into().into()))
    }

    /// Sets the time at which the credential expires.
    #[must_use]
    pub fn with_expires_at(self, at: SystemTime) -> Self {
        self.edit(|own| own.expires_at = Some(at))
    }

    /// Changes this principal in place if there is no other clone of it, and a copy
    /// otherwise.
    fn edit(mut self, change: impl FnOnce(&mut Configured)) -> Self {
        if let Some(own) = Arc::get_mut(&mut self.0).and_then(|data| data.configured_mut()) {
            change(own);
            return self;
        }
        let mut copy = Configured::from_principal(self);
        change(&mut copy);
        Self(Arc::new(copy))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_builder_method_changes_one_field_and_keeps_the_others() {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let full = Principal::new("ci")
            .with_scopes(["a"])
            .unwrap()
            .with_issuer("https://login.example.com")
            .with_organization("acme")
            .with_targets(["demo*"])
            .unwrap()
            .with_token_id("t1")
            .with_metadata("{}")
            .with_expires_at(end);
        // `full` is still held, so this changes a copy.
        let other = full.clone().with_scope_list("b c");
        let fields = |p: &Principal| {
            (
                p.subject().to_owned(),
                p.issuer().map(str::to_owned),
                p.organization().map(str::to_owned),
                p.targets().map(<[Target]>::to_vec),
                p.token_id().map(str::to_owned),
                p.metadata().map(str::to_owned),
                p.expires_at(),
            )
        };
        assert_eq!(fields(&full), fields(&other));
        assert_eq!(full.issuer(), Some("https://login.example.com"));
        assert_eq!(full.organization(), Some("acme"));
        assert_eq!(full.expires_at(), Some(end));
        let scopes = |p: &Principal| p.scopes().iter().map(Scope::to_string).collect::<Vec<_>>();
        assert_eq!(
            (scopes(&full), scopes(&other)),
            (vec!["a".into()], vec!["b".into(), "c".into()])
        );
    }

    #[test]
    fn a_copy_of_a_principal_is_revoked_with_it() {
        struct Revoked;
        impl PrincipalData for Revoked {
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
        let is_revoked = |p: &Principal| p.revoked().now_or_never().is_some();
        assert!(is_revoked(
            &Principal(Arc::new(Revoked)).with_organization("acme")
        ));
        assert!(!is_revoked(&Principal::new("ci").with_organization("acme")));
    }
}
