//! The body of a rejection response.

use std::time::Duration;

use http::{Response, StatusCode};

use crate::{
    rejection::{Rejection, RejectionKind},
    scope::ScopeRule,
};

/// The part of a [`Rejection`] that a client may know. [`Respond`] receives it.
///
/// It is the same for an unknown, malformed, expired and revoked credential, so
/// a body cannot reveal the difference.
#[derive(Clone, Debug)]
pub struct PublicRejection {
    rejection: Rejection,
}

impl PublicRejection {
    pub(super) fn new(rejection: &Rejection) -> Self {
        let kind = rejection.kind().public();
        let public = match (kind, rejection.scopes(), rejection.retry_after()) {
            (RejectionKind::Forbidden, Some(scopes), _) => {
                Rejection::insufficient_scope(scopes.clone())
            }
            (RejectionKind::RateLimited | RejectionKind::Unavailable, _, Some(after)) => {
                Rejection::new(kind).with_retry_after(after)
            }
            _ => Rejection::new(kind),
        };
        Self { rejection: public }
    }

    /// Returns the status of the response. The layer sets it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.rejection.kind().status()
    }

    /// Returns a fixed sentence for the client.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.rejection.kind().message()
    }

    /// Returns the `error` of the Bearer challenge
    /// ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    #[must_use]
    pub fn error_code(&self) -> Option<&'static str> {
        self.rejection.kind().error_code()
    }

    /// Returns the time after which the client may try again, if the verifier
    /// gave one.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.rejection.retry_after()
    }

    /// Returns the scopes that the request requires, if the principal lacks
    /// some of them.
    #[must_use]
    pub fn scopes(&self) -> Option<&ScopeRule> {
        self.rejection.scopes()
    }
}

/// Makes the body of a rejection response, for callers that use plain HTTP.
///
/// It may add headers. The layer itself sets the status, `WWW-Authenticate`,
/// `Cache-Control`, `Retry-After` and every response over gRPC. A closure is a
/// `Respond`:
///
/// ```
/// use axum::{Json, response::IntoResponse};
/// use serde_json::json;
/// use tower_authn::{AuthnLayer, Principal, verifier::FixedTokens};
///
/// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
/// let layer = AuthnLayer::new(tokens)
///     .respond(|rejection| Json(json!({ "message": rejection.message() })).into_response());
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
pub trait Respond<ResBody>: Send + Sync + 'static {
    /// Whether the response has neither headers nor a body. If it is `true`, the
    /// layer does not call [`respond`](Self::respond).
    const IS_EMPTY: bool = false;

    /// Makes the response. Its status is replaced.
    fn respond(&self, rejection: &PublicRejection) -> Response<ResBody>;
}

impl<F, ResBody> Respond<ResBody> for F
where
    F: Fn(&PublicRejection) -> Response<ResBody> + Send + Sync + 'static,
{
    fn respond(&self, rejection: &PublicRejection) -> Response<ResBody> {
        self(rejection)
    }
}

/// Makes an empty body: the default [`Respond`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct EmptyBody;

impl<ResBody: Default> Respond<ResBody> for EmptyBody {
    const IS_EMPTY: bool = true;

    fn respond(&self, _: &PublicRejection) -> Response<ResBody> {
        Response::default()
    }
}
