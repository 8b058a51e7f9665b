//! Responses to rejected requests, in the protocol of the caller.

mod grpc;
mod http;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use ::http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

#[cfg(feature = "tokens")]
pub(super) use self::grpc::grpc_trailers;
pub(super) use self::grpc::response_content_type;
use super::respond::{PublicRejection, Respond};
use crate::{
    challenge::Challenge,
    credential::{Schemes, Sources},
    head::Head,
    rejection::{Rejection, RejectionKind},
};

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The response to every kind of rejection, rendered once.
#[derive(Clone)]
pub(crate) struct RejectionResponses(Arc<Prepared>);

struct Prepared {
    challenges: Vec<Challenge>,
    http: ByKind,
    grpc: ByKind,
}

impl RejectionResponses {
    pub(crate) fn new(sources: &Sources, accepted: Schemes) -> Self {
        let challenges = sources.challenges(accepted);
        Self(Arc::new(Prepared {
            http: ByKind::new(|kind| http::render(&challenges, kind, None)),
            grpc: ByKind::new(grpc::render),
            challenges,
        }))
    }

    /// Returns the response to a rejected request.
    pub(crate) fn respond<ResBody, R>(
        &self,
        head: Head<'_>,
        rejection: &Rejection,
        respond: &R,
    ) -> Response<ResBody>
    where
        ResBody: Default,
        R: Respond<ResBody>,
    {
        if let Some(content_type) = response_content_type(head) {
            return self.grpc(rejection.kind(), content_type);
        }
        let rendered = self.http(rejection);
        if R::IS_EMPTY {
            return rendered.map(|()| ResBody::default());
        }
        let mut response = respond.respond(&PublicRejection::new(rejection));
        if head.method() == Method::HEAD {
            *response.body_mut() = ResBody::default();
        }
        *response.status_mut() = rendered.status();
        let headers = rendered.into_parts().0.headers;
        if response.headers().is_empty() {
            *response.headers_mut() = headers;
        } else {
            for name in [WWW_AUTHENTICATE, RETRY_AFTER] {
                response.headers_mut().remove(name);
            }
            response.headers_mut().extend(headers);
        }
        response
    }

    /// Returns the response for a credential that ended before the inner service
    /// responded.
    #[cfg(feature = "tokens")]
    pub(super) fn credential_ended<ResBody: Default>(
        &self,
        grpc: Option<HeaderValue>,
    ) -> Response<ResBody> {
        let kind = RejectionKind::Revoked;
        match grpc {
            Some(content_type) => self.grpc(kind, content_type),
            None => self.http(&kind.into()).map(|()| ResBody::default()),
        }
    }

    fn http(&self, rejection: &Rejection) -> Response<()> {
        let kind = rejection.kind();
        if let Some(required) = rejection.scopes() {
            return http::render(&self.0.challenges, kind, Some(required));
        }
        let mut response = self.0.http.get(kind);
        if rejection.retry_after().is_some() && http::may_be_retried(kind) {
            let value = http::retry_after(rejection);
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        response
    }

    fn grpc<ResBody: Default>(
        &self,
        kind: RejectionKind,
        content_type: HeaderValue,
    ) -> Response<ResBody> {
        let mut response = self.0.grpc.get(kind);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response.map(|()| ResBody::default())
    }
}

/// Returns the response of a guard that finds neither a principal nor the mark of
/// an anonymous request. The server is at fault: 500, or 13 `INTERNAL` over gRPC.
pub(crate) fn missing_layer<ResBody: Default>(head: Head<'_>) -> Response<ResBody> {
    const MESSAGE: &str = "no AuthnLayer is in front of this guard";
    if let Some(content_type) = response_content_type(head) {
        return grpc::trailers_only(content_type, "13", MESSAGE).map(|()| ResBody::default());
    }
    let mut response = Response::new(ResBody::default());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// A response without a body for each kind that clients can tell apart.
struct ByKind {
    ambiguous: Response<()>,
    denied: Response<()>,
    forbidden: Response<()>,
    invalid: Response<()>,
    missing: Response<()>,
    not_found: Response<()>,
    rate_limited: Response<()>,
    unavailable: Response<()>,
}

impl ByKind {
    fn new(render: impl Fn(RejectionKind) -> Response<()>) -> Self {
        Self {
            ambiguous: render(RejectionKind::Ambiguous),
            denied: render(RejectionKind::Denied),
            forbidden: render(RejectionKind::Forbidden),
            invalid: render(RejectionKind::Invalid),
            missing: render(RejectionKind::Missing),
            not_found: render(RejectionKind::NotFound),
            rate_limited: render(RejectionKind::RateLimited),
            unavailable: render(RejectionKind::Unavailable),
        }
    }

    fn get(&self, kind: RejectionKind) -> Response<()> {
        let prepared = match kind {
            RejectionKind::Ambiguous => &self.ambiguous,
            RejectionKind::Denied => &self.denied,
            RejectionKind::Forbidden => &self.forbidden,
            RejectionKind::Missing => &self.missing,
            RejectionKind::NotFound => &self.not_found,
            RejectionKind::RateLimited => &self.rate_limited,
            RejectionKind::Unavailable => &self.unavailable,
            RejectionKind::Expired
            | RejectionKind::Invalid
            | RejectionKind::Malformed
            | RejectionKind::Revoked => &self.invalid,
        };
        prepared.clone()
    }
}

impl fmt::Debug for RejectionResponses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.challenges).finish()
    }
}
