//! What a client is told of a refusal.

use std::time::Duration;

use http::{Response, StatusCode};

use crate::{
    rejection::{Rejection, RejectionKind},
    scope::ScopeRule,
};

/// What a client may know of a refusal; given to [`Respond`].
///
/// It does not tell an unknown credential from a malformed, expired or revoked
/// one, so no body made of it can.
#[derive(Clone, Debug)]
pub struct PublicRejection {
    rejection: Rejection,
}

impl PublicRejection {
    pub(super) fn new(rejection: &Rejection) -> Self {
        // The cause stays behind, and so does whatever tells apart what must
        // look alike.
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

    /// The status of the answer. The layer sets it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.rejection.kind().status()
    }

    /// One fixed sentence for the client.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.rejection.kind().message()
    }

    /// The `error` of the Bearer challenge
    /// ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    #[must_use]
    pub fn error_code(&self) -> Option<&'static str> {
        self.rejection.kind().error_code()
    }

    /// When to try again, where the verifier said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.rejection.retry_after()
    }

    /// The scopes that are lacking, where scopes are what is lacking.
    #[must_use]
    pub fn scopes(&self) -> Option<&ScopeRule> {
        self.rejection.scopes()
    }
}

/// Makes the body of a refusal, for callers that speak plain HTTP.
///
/// It may add headers. Status, `WWW-Authenticate`, `Cache-Control`,
/// `Retry-After` and the gRPC forms stay the layer's own. A closure is one:
///
/// ```
/// use axum::{Json, response::IntoResponse};
/// use serde_json::json;
/// use tower_authn::{AuthnLayer, Principal, layer::PublicRejection, verifier::FixedTokens};
///
/// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
/// let layer = AuthnLayer::new(tokens)
///     .respond(|refusal: &PublicRejection| Json(json!({ "message": refusal.message() })).into_response());
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
pub trait Respond<ResBody>: Send + Sync + 'static {
    /// Whether it makes anything at all: [`NoBody`] does not, and need not be
    /// asked.
    #[doc(hidden)]
    const ANSWERS: bool = true;

    /// Makes the answer; its status is replaced.
    fn respond(&self, refusal: &PublicRejection) -> Response<ResBody>;
}

impl<F, ResBody> Respond<ResBody> for F
where
    F: Fn(&PublicRejection) -> Response<ResBody> + Send + Sync + 'static,
{
    fn respond(&self, refusal: &PublicRejection) -> Response<ResBody> {
        self(refusal)
    }
}

/// Answers without a body: the default [`Respond`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoBody;

impl<ResBody: Default> Respond<ResBody> for NoBody {
    const ANSWERS: bool = false;

    fn respond(&self, _: &PublicRejection) -> Response<ResBody> {
        Response::default()
    }
}
