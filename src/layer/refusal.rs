//! Refusals, answered in the protocol of the caller.

use std::{fmt, sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{
    challenge::Challenge,
    credential::Sources,
    head::Head,
    rejection::{Rejection, RejectionKind},
    scope::ScopeRule,
};

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// When to try again, where nobody said, in seconds.
const RETRY_AFTER_DEFAULT: u64 = 1;

/// What a client may know of a refusal; given to [`Respond`].
///
/// It does not tell an unknown credential from a malformed, expired or revoked
/// one, so no body made of it can.
#[derive(Clone, Debug)]
pub struct Refusal {
    rejection: Rejection,
}

impl Refusal {
    fn new(rejection: &Rejection) -> Self {
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
/// use tower_authn::{AuthnLayer, Principal, layer::Refusal, verifier::FixedTokens};
///
/// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
/// let layer = AuthnLayer::new(tokens)
///     .respond(|refusal: &Refusal| Json(json!({ "message": refusal.message() })).into_response());
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
pub trait Respond<ResBody>: Send + Sync + 'static {
    /// Makes the answer; its status is replaced.
    fn respond(&self, refusal: &Refusal) -> Response<ResBody>;
}

impl<F, ResBody> Respond<ResBody> for F
where
    F: Fn(&Refusal) -> Response<ResBody> + Send + Sync + 'static,
{
    fn respond(&self, refusal: &Refusal) -> Response<ResBody> {
        self(refusal)
    }
}

/// Answers without a body: the default [`Respond`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoBody;

/// The default needs nothing of the rejection, and makes nothing of it.
impl<ResBody: Default> Respond<ResBody> for NoBody {
    fn respond(&self, _: &Refusal) -> Response<ResBody> {
        Response::default()
    }
}

/// The headers of every refusal, rendered once.
#[derive(Clone)]
pub(crate) struct Refusals(Arc<Prepared>);

struct Prepared {
    challenges: Vec<Challenge>,
    missing: HeaderMap,
    invalid: HeaderMap,
    ambiguous: HeaderMap,
    forbidden: HeaderMap,
    /// Without a challenge: no credential would help.
    later: HeaderMap,
}

impl Refusals {
    pub(crate) fn new(sources: &Sources) -> Self {
        let challenges = sources.challenges();
        let with_error = |kind: RejectionKind| headers(&challenges, kind, None);
        Self(Arc::new(Prepared {
            missing: with_error(RejectionKind::Missing),
            invalid: with_error(RejectionKind::Invalid),
            ambiguous: with_error(RejectionKind::Ambiguous),
            forbidden: with_error(RejectionKind::Forbidden),
            later: headers(&[], RejectionKind::Unavailable, None),
            challenges,
        }))
    }

    /// The answer to a request that was refused.
    pub(crate) fn answer<ResBody, R>(
        &self,
        head: Head<'_>,
        rejection: &Rejection,
        respond: &R,
    ) -> Response<ResBody>
    where
        ResBody: Default,
        R: Respond<ResBody>,
    {
        if let Some(content_type) = grpc_content_type(head) {
            let answer = rejection.kind().answer();
            return grpc_answer(content_type, answer.grpc_status, answer.message);
        }
        let mut response = respond.respond(&Refusal::new(rejection));
        if head.method() == Method::HEAD {
            *response.body_mut() = ResBody::default();
        }
        *response.status_mut() = rejection.kind().status();
        let own = self.headers(rejection);
        if response.headers().is_empty() {
            *response.headers_mut() = own;
        } else {
            for name in [WWW_AUTHENTICATE, RETRY_AFTER] {
                response.headers_mut().remove(name);
            }
            response.headers_mut().extend(own);
        }
        response
    }

    /// The answer where a credential ended before there was a response.
    #[cfg(feature = "tokens")]
    pub(super) fn ended<ResBody: Default>(&self, grpc: Option<HeaderValue>) -> Response<ResBody> {
        let answer = RejectionKind::Revoked.answer();
        if let Some(content_type) = grpc {
            return grpc_answer(content_type, answer.grpc_status, answer.message);
        }
        let mut response = Response::new(ResBody::default());
        *response.status_mut() = RejectionKind::Revoked.status();
        *response.headers_mut() = self.0.invalid.clone();
        response
    }

    fn headers(&self, rejection: &Rejection) -> HeaderMap {
        let prepared = &*self.0;
        match (rejection.kind().public(), rejection.scopes()) {
            (RejectionKind::Forbidden, Some(lacking)) => headers(
                &prepared.challenges,
                RejectionKind::Forbidden,
                Some(lacking),
            ),
            (RejectionKind::Forbidden, None) => prepared.forbidden.clone(),
            (RejectionKind::Missing, _) => prepared.missing.clone(),
            (RejectionKind::Ambiguous, _) => prepared.ambiguous.clone(),
            (RejectionKind::RateLimited | RejectionKind::Unavailable, _) => {
                let mut headers = prepared.later.clone();
                headers.insert(RETRY_AFTER, retry_after(rejection));
                headers
            }
            _ => prepared.invalid.clone(),
        }
    }
}

/// The headers of a refusal. A 401 carries each challenge; any other answer
/// those alone that can say what is wrong.
fn headers(
    challenges: &[Challenge],
    kind: RejectionKind,
    lacking: Option<&ScopeRule>,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CACHE_CONTROL, NO_STORE);
    for challenge in challenges {
        if kind.status() == StatusCode::UNAUTHORIZED || challenge.is_bearer() {
            let line = challenge.render(kind.error_code(), lacking);
            // The first clone of a value allocates: here, and not while serving.
            drop(line.clone());
            headers.append(WWW_AUTHENTICATE, line);
        }
    }
    headers
}

/// Whole seconds, rounded up, at least one.
fn retry_after(rejection: &Rejection) -> HeaderValue {
    let seconds = rejection
        .retry_after()
        .map_or(RETRY_AFTER_DEFAULT, |after| {
            let begun = u64::from(after.subsec_nanos() > 0);
            after.as_secs().saturating_add(begun)
        });
    HeaderValue::from(seconds.max(1))
}

/// The content type of a gRPC answer, where the caller speaks gRPC.
///
/// Only a POST with exactly that content type does, so that no other request
/// can have a refusal turned into an HTTP 200. Nothing of it is echoed.
pub(super) fn grpc_content_type(head: Head<'_>) -> Option<HeaderValue> {
    if head.method() != Method::POST {
        return None;
    }
    let mut values = head.headers().get_all(CONTENT_TYPE).iter();
    let (value, None) = (values.next()?.as_bytes(), values.next()) else {
        return None;
    };
    let rest = value.strip_prefix(b"application/grpc")?;
    let kinds: [(&[u8], &str); 3] = [
        (b"-web-text", "application/grpc-web-text+proto"),
        (b"-web", "application/grpc-web+proto"),
        (b"", "application/grpc"),
    ];
    let is = |suffix: &[u8]| {
        let behind = rest.strip_prefix(suffix)?;
        matches!(behind, [] | [b'+' | b';', ..]).then_some(())
    };
    let (_, answer) = kinds.into_iter().find(|(suffix, _)| is(suffix).is_some())?;
    Some(HeaderValue::from_static(answer))
}

/// The answer where a guard finds neither a principal nor the mark of an
/// anonymous request: the server's fault, so 500, and 13 `INTERNAL` over gRPC.
pub(crate) fn layer_is_missing<ResBody: Default>(head: Head<'_>) -> Response<ResBody> {
    const MESSAGE: &str = "no AuthnLayer stands in front of this guard";
    if let Some(content_type) = grpc_content_type(head) {
        return grpc_answer(content_type, "13", MESSAGE);
    }
    let mut response = Response::new(ResBody::default());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// A trailers-only answer: HTTP 200, the status in the headers, no body.
fn grpc_answer<ResBody: Default>(
    content_type: HeaderValue,
    status: &'static str,
    message: &'static str,
) -> Response<ResBody> {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(GRPC_STATUS, HeaderValue::from_static(status));
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(message));
    headers.insert(CACHE_CONTROL, NO_STORE);
    let mut response = Response::new(ResBody::default());
    *response.headers_mut() = headers;
    response
}

/// The trailers that end a gRPC response which has begun.
#[cfg(feature = "tokens")]
pub(super) fn grpc_trailers(kind: RejectionKind) -> HeaderMap {
    let answer = kind.answer();
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(GRPC_STATUS, HeaderValue::from_static(answer.grpc_status));
    trailers.insert(GRPC_MESSAGE, HeaderValue::from_static(answer.message));
    trailers
}

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.challenges).finish()
    }
}
