//! Why a request was not let through, and the one place that maps it to the wire.

use std::{any::Any, error::Error, fmt, sync::Arc, time::Duration};

use http::StatusCode;

use crate::scope::ScopeRule;

/// A refusal: what [`Verifier`](crate::Verifier)s answer with instead of a principal.
///
/// What its `Display` says is for you; the client is told much less, see
/// [`RejectionKind`]. It is cheap to clone.
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
    /// Apart, so that a verdict is small: few rejections have any.
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
    /// A rejection of some kind.
    #[must_use]
    pub fn new(kind: RejectionKind) -> Self {
        Self {
            kind,
            reason: None,
            details: None,
        }
    }

    /// The credential is nobody's, or not of the verifier's kind.
    #[must_use]
    pub fn invalid() -> Self {
        Self::new(RejectionKind::Invalid)
    }

    /// The credential was good once, or is not good yet.
    #[must_use]
    pub fn expired() -> Self {
        Self::new(RejectionKind::Expired)
    }

    /// The credential was withdrawn.
    #[must_use]
    pub fn revoked() -> Self {
        Self::new(RejectionKind::Revoked)
    }

    /// The credential is good, but does not suffice here.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(RejectionKind::Forbidden)
    }

    /// The credential is good, but lacks scopes. The client is told which.
    #[must_use]
    pub fn insufficient_scope(required: ScopeRule) -> Self {
        let mut rejection = Self::forbidden();
        rejection.details_mut().scopes = Some(required);
        rejection
    }

    /// Too many attempts.
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::new(RejectionKind::RateLimited).with_retry_after(retry_after)
    }

    /// Nobody can tell now whether the credential is good: a store is down,
    /// a key can't be fetched.
    ///
    /// Never answer [`Rejection::invalid`] for an outage: clients throw good
    /// credentials away then.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(RejectionKind::Unavailable).with_source(source)
    }

    /// The same, for a cause that is ours: it allocates nothing.
    #[cfg(feature = "tokens")]
    pub(crate) fn unavailable_with_reason(reason: &'static str) -> Self {
        Self::new(RejectionKind::Unavailable).with_reason(reason)
    }

    /// Adds the cause, for logs. It never reaches the client.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.details_mut().source = Some(source.into().into());
        self
    }

    /// Says more precisely why, for logs and metrics. It never reaches the client.
    #[must_use]
    pub fn with_reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Adds the principal that was refused, for logs and audits. It never reaches
    /// the client.
    #[must_use]
    pub fn with_principal<P: Send + Sync + 'static>(mut self, principal: P) -> Self {
        self.details_mut().principal = Some(Arc::new(principal));
        self
    }

    /// Sets when to try again; sent in whole seconds, rounded up, for
    /// [`RateLimited`](RejectionKind::RateLimited) and
    /// [`Unavailable`](RejectionKind::Unavailable).
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.details_mut().retry_after = Some(retry_after);
        self
    }

    /// What kind of refusal it is.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// When to try again, where that was said.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.details.as_ref()?.retry_after
    }

    /// Why precisely, where that was said.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    /// The scopes that are lacking, where scopes are what is lacking.
    #[must_use]
    pub fn scopes(&self) -> Option<&ScopeRule> {
        self.details.as_ref()?.scopes.as_ref()
    }

    /// The principal that was refused, if there is one and it is of this type: a
    /// good credential without the rights that a route requires.
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
            RejectionKind::Expired => "the credential has expired or is not valid yet",
            RejectionKind::Forbidden => "insufficient permissions",
            RejectionKind::Invalid => "the credential is not known",
            RejectionKind::Malformed => "the credential is malformed",
            RejectionKind::Missing => "no credential was sent",
            RejectionKind::NotFound => "the policy names nothing here",
            RejectionKind::RateLimited => "too many attempts",
            RejectionKind::Revoked => "the credential was revoked",
            RejectionKind::Unavailable => "the credential could not be verified",
        })
    }
}

/// Shows the kind and whether there is a cause. The cause itself may quote
/// what the caller sent: read it with [`source`](Error::source).
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

/// The kinds of refusal, and how each is answered.
///
/// | kind | HTTP | `WWW-Authenticate` | gRPC |
/// |---|---|---|---|
/// | `Missing` | 401 | each challenge, no `error` | 16 `UNAUTHENTICATED` |
/// | `Malformed`, `Invalid`, `Expired`, `Revoked` | 401, the same bytes | `error="invalid_token"` | 16, the same message |
/// | `Ambiguous` | 400 | `error="invalid_request"` | 16 |
/// | `Forbidden` | 403 | `error="insufficient_scope"`, and the scopes | 7 `PERMISSION_DENIED` |
/// | `NotFound` | 404 | none | 12 `UNIMPLEMENTED` |
/// | `RateLimited` | 429, `Retry-After` | none | 8 `RESOURCE_EXHAUSTED` |
/// | `Unavailable` | 503, `Retry-After` | none | 14 `UNAVAILABLE` |
///
/// The errors are those of [RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1),
/// the codes those of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// More than one credential came, so that nobody can say which was meant.
    Ambiguous,
    /// The credential's time is over, or has not come.
    Expired,
    /// The credential is good, but does not suffice here.
    Forbidden,
    /// The credential is nobody's.
    Invalid,
    /// Something stands where a credential belongs, and is none.
    Malformed,
    /// No credential came.
    Missing,
    /// The credential is good, but the policy names nothing here: see
    /// [`Access::NotFound`](crate::Access::NotFound).
    NotFound,
    /// Too many attempts.
    RateLimited,
    /// The credential was withdrawn: revoked, suspended, or its key retired.
    Revoked,
    /// Nobody can tell now whether the credential is good.
    Unavailable,
}

impl RejectionKind {
    /// The name of the kind, for logs and metrics: `invalid`, `rate_limited`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::Malformed => "malformed",
            Self::Missing => "missing",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::Revoked => "revoked",
            Self::Unavailable => "unavailable",
        }
    }

    /// The status of the HTTP answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.answer().status
    }

    /// The number of the gRPC status.
    #[must_use]
    pub fn grpc_code(self) -> i32 {
        self.answer().grpc_code
    }

    /// What the client is told: fixed text, the same for every kind that it
    /// must not tell apart.
    #[must_use]
    pub fn message(self) -> &'static str {
        self.answer().message
    }

    /// The `error` of the Bearer challenge.
    #[must_use]
    pub fn error_code(self) -> Option<&'static str> {
        self.answer().error
    }

    /// The kind as the client sees it: one for all that must look alike.
    pub(crate) fn public(self) -> Self {
        match self {
            Self::Expired | Self::Malformed | Self::Revoked => Self::Invalid,
            kind => kind,
        }
    }

    pub(crate) fn answer(self) -> &'static Answer {
        match self {
            Self::Ambiguous => &AMBIGUOUS,
            Self::Expired | Self::Invalid | Self::Malformed | Self::Revoked => &INVALID,
            Self::Forbidden => &FORBIDDEN,
            Self::Missing => &MISSING,
            Self::NotFound => &NOT_FOUND,
            Self::RateLimited => &RATE_LIMITED,
            Self::Unavailable => &UNAVAILABLE,
        }
    }
}

impl fmt::Display for RejectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One row of the table above.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) error: Option<&'static str>,
    pub(crate) grpc_code: i32,
    /// The same number as text, ready to be a header's value.
    pub(crate) grpc_status: &'static str,
    /// Printable ASCII without `%`, so that it is its own percent-encoding.
    pub(crate) message: &'static str,
}

const MISSING: Answer = Answer {
    status: StatusCode::UNAUTHORIZED,
    error: None,
    grpc_code: 16,
    grpc_status: "16",
    message: "a credential is required",
};
const INVALID: Answer = Answer {
    status: StatusCode::UNAUTHORIZED,
    error: Some("invalid_token"),
    grpc_code: 16,
    grpc_status: "16",
    message: "the credential is not valid",
};
const AMBIGUOUS: Answer = Answer {
    status: StatusCode::BAD_REQUEST,
    error: Some("invalid_request"),
    grpc_code: 16,
    grpc_status: "16",
    message: "more than one credential was sent",
};
const FORBIDDEN: Answer = Answer {
    status: StatusCode::FORBIDDEN,
    error: Some("insufficient_scope"),
    grpc_code: 7,
    grpc_status: "7",
    message: "insufficient permissions",
};
const NOT_FOUND: Answer = Answer {
    status: StatusCode::NOT_FOUND,
    error: None,
    grpc_code: 12,
    grpc_status: "12",
    message: "there is nothing here",
};
const RATE_LIMITED: Answer = Answer {
    status: StatusCode::TOO_MANY_REQUESTS,
    error: None,
    grpc_code: 8,
    grpc_status: "8",
    message: "too many attempts",
};
const UNAVAILABLE: Answer = Answer {
    status: StatusCode::SERVICE_UNAVAILABLE,
    error: None,
    grpc_code: 14,
    grpc_status: "14",
    message: "the credential could not be verified",
};

#[cfg(test)]
mod tests {
    use super::*;

    impl RejectionKind {
        pub(crate) const ALL: [Self; 10] = [
            Self::Ambiguous,
            Self::Expired,
            Self::Forbidden,
            Self::Invalid,
            Self::Malformed,
            Self::Missing,
            Self::NotFound,
            Self::RateLimited,
            Self::Revoked,
            Self::Unavailable,
        ];
    }

    #[test]
    fn messages_are_their_own_percent_encoding() {
        for kind in RejectionKind::ALL {
            let answer = kind.answer();
            let plain = |b: u8| matches!(b, b' '..=b'~') && b != b'%';
            assert!(answer.message.bytes().all(plain), "{kind:?}");
            assert_eq!(answer.grpc_status, answer.grpc_code.to_string());
        }
    }

    #[test]
    fn a_kind_is_named_as_its_variant_in_snake_case() {
        for kind in RejectionKind::ALL {
            let mut expected = String::new();
            for letter in format!("{kind:?}").chars() {
                if letter.is_uppercase() && !expected.is_empty() {
                    expected.push('_');
                }
                expected.push(letter.to_ascii_lowercase());
            }
            assert_eq!(kind.as_str(), expected);
            assert_eq!(format!("{kind:>14}"), format!("{expected:>14}"));
        }
    }

    #[test]
    fn the_principal_that_was_refused_is_read_by_its_type() {
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
