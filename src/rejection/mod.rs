//! The reason why a request is rejected.

mod kind;

use std::{any::Any, error::Error, fmt, sync::Arc, time::Duration};

pub use self::kind::RejectionKind;
use crate::scope::ScopeRule;

/// The error of a [`Verifier`](crate::Verifier): why a request is rejected.
///
/// Its `Display` is for logs. The client learns less; see [`RejectionKind`]. A
/// rejection is cheap to clone.
///
/// # Example
///
/// ```
/// use tower_authn::{Rejection, RejectionKind};
///
/// let outage = Rejection::unavailable(std::io::Error::other("connection refused"));
/// assert_eq!(outage.kind(), RejectionKind::Unavailable);
/// assert_eq!(outage.to_string(), "the credential could not be verified");
/// ```
#[derive(Clone)]
pub struct Rejection {
    kind: RejectionKind,
    reason: Option<&'static str>,
    /// Boxed, since few rejections have details and every verdict is moved.
    details: Option<Arc<Details>>,
}

#[derive(Clone, Default)]
struct Details {
    retry_after: Option<Duration>,
    scopes: Option<ScopeRule>,
    source: Option<Arc<dyn Error + Send + Sync>>,
    principal: Option<Arc<dyn Any + Send + Sync>>,
}

impl Rejection {
    /// Creates a rejection of a kind.
    #[must_use]
    pub fn new(kind: RejectionKind) -> Self {
        Self {
            kind,
            reason: None,
            details: None,
        }
    }

    /// Creates a rejection of a credential that is unknown, or that the verifier
    /// cannot read.
    #[must_use]
    pub fn invalid() -> Self {
        Self::new(RejectionKind::Invalid)
    }

    /// Creates a rejection of a credential that has expired, or is not valid yet.
    #[must_use]
    pub fn expired() -> Self {
        Self::new(RejectionKind::Expired)
    }

    /// Creates a rejection of a revoked credential.
    #[must_use]
    pub fn revoked() -> Self {
        Self::new(RejectionKind::Revoked)
    }

    /// Creates a rejection of a good credential that lacks rights.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(RejectionKind::Forbidden)
    }

    /// Creates a rejection of a good credential that lacks scopes. The response
    /// names the required scopes.
    #[must_use]
    pub fn insufficient_scope(required: ScopeRule) -> Self {
        let mut rejection = Self::forbidden();
        rejection.set_scopes(required);
        rejection
    }

    /// Creates a rejection of a caller that made too many attempts.
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::new(RejectionKind::RateLimited).with_retry_after(retry_after)
    }

    /// Creates a rejection of a credential that cannot be verified now, for example
    /// because a store is down.
    ///
    /// Do not return [`Rejection::invalid`] for an outage: clients would discard good
    /// credentials.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(RejectionKind::Unavailable).with_source(source)
    }

    /// Creates the same rejection from a fixed reason, without an allocation.
    #[cfg(feature = "tokens")]
    pub(crate) fn unavailable_with_reason(reason: &'static str) -> Self {
        Self::new(RejectionKind::Unavailable).with_reason(reason)
    }

    pub(crate) fn set_scopes(&mut self, required: ScopeRule) {
        self.details_mut().scopes = Some(required);
    }

    /// Sets the cause, for logs. It never reaches the client.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.details_mut().source = Some(source.into().into());
        self
    }

    /// Sets a more precise reason, for logs and metrics. It never reaches the
    /// client.
    #[must_use]
    pub fn with_reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Sets the principal of the rejected request, for logs and audits. It never
    /// reaches the client.
    #[must_use]
    pub fn with_principal<P: Send + Sync + 'static>(mut self, principal: P) -> Self {
        self.details_mut().principal = Some(Arc::new(principal));
        self
    }

    /// Sets the time after which the client may try again. The response has it in
    /// whole seconds, rounded up, for
    /// [`RateLimited`](RejectionKind::RateLimited) and
    /// [`Unavailable`](RejectionKind::Unavailable).
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.details_mut().retry_after = Some(retry_after);
        self
    }

    /// Returns the kind of the rejection.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// Returns the time after which the client may try again, if it is set.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.details.as_ref()?.retry_after
    }

    /// Returns the more precise reason, if one is set.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    /// Returns the scopes that the request requires, if the principal lacks some of
    /// them, or if the layer names them in a challenge.
    #[must_use]
    pub fn scopes(&self) -> Option<&ScopeRule> {
        self.details.as_ref()?.scopes.as_ref()
    }

    /// Returns the principal of the rejected request, if it is set and of this type.
    ///
    /// [`AuthnLayer::expose_rejection`](crate::AuthnLayer::expose_rejection) and
    /// [`insecure_audit`](crate::AuthnLayer::insecure_audit) set it if the policy
    /// refuses a good credential.
    ///
    /// ```
    /// use tower_authn::{Principal, Rejection};
    ///
    /// let rejection = Rejection::forbidden().with_principal(Principal::new("ci"));
    /// let caller: Option<&Principal> = rejection.principal();
    /// assert_eq!(caller.map(Principal::subject), Some("ci"));
    /// ```
    #[must_use]
    pub fn principal<P: 'static>(&self) -> Option<&P> {
        self.details.as_ref()?.principal.as_ref()?.downcast_ref()
    }

    fn details_mut(&mut self) -> &mut Details {
        Arc::make_mut(self.details.get_or_insert_default())
    }
}

impl From<RejectionKind> for Rejection {
    fn from(kind: RejectionKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            RejectionKind::Ambiguous => "more than one credential was sent",
            RejectionKind::Denied => "the policy denies every caller",
            RejectionKind::Expired => "the credential has expired or is not valid yet",
            RejectionKind::Forbidden => "insufficient permissions",
            RejectionKind::Invalid => "the credential is not known",
            RejectionKind::Malformed => "the credential is malformed",
            RejectionKind::Missing => "no credential was sent",
            RejectionKind::NotFound => "the policy has no entry for the request",
            RejectionKind::RateLimited => "too many attempts",
            RejectionKind::Revoked => "the credential was revoked",
            RejectionKind::Unavailable => "the credential could not be verified",
        })
    }
}

/// Leaves out the cause, which may quote the request, and the principal.
impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("kind", &self.kind)
            .field("reason", &self.reason)
            .field("retry_after", &self.retry_after())
            .field("scopes", &self.scopes())
            .finish_non_exhaustive()
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.details.as_ref()?.source.as_deref()?;
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_principal_of_a_rejected_request_is_read_by_its_type() {
        let rejection = Rejection::forbidden().with_principal("alice".to_owned());
        assert_eq!(rejection.principal(), Some(&"alice".to_owned()));
        assert_eq!(rejection.principal::<u32>(), None);
        assert_eq!(Rejection::forbidden().principal::<String>(), None);
        assert!(!format!("{rejection:?} {rejection}").contains("alice"));
    }

    #[test]
    fn the_source_is_kept_and_never_printed() {
        let rejection = Rejection::unavailable("password=hunter2");
        assert_eq!(
            rejection.source().map(ToString::to_string).as_deref(),
            Some("password=hunter2")
        );
        for text in [format!("{rejection}"), format!("{rejection:?}")] {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
