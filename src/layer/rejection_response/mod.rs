//! Responses to rejected requests, in the protocol of the caller.

mod grpc;
mod http;
mod prepared;
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
use self::prepared::{ByKind, ByRule};
use super::respond::{PublicRejection, Respond};
use crate::{
    challenge::Challenge,
    credential::{Schemes, Sources},
    head::Head,
    rejection::{Rejection, RejectionKind},
    scope::ScopeRule,
};

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The response to every kind of rejection, rendered once.
#[derive(Clone)]
pub(crate) struct RejectionResponses(Arc<Prepared>);

struct Prepared {
    challenges: Vec<Challenge>,
    http: ByKind,
    grpc: ByKind,
    /// The responses that name scopes. `None` if a 401 names none, and no response over
    /// gRPC has challenges.
    scoped: Option<ByRule>,
}

impl RejectionResponses {
    pub(crate) fn new(sources: &Sources, accepted: Schemes) -> Self {
        let challenges = sources.challenges(accepted);
        Self(Arc::new(Prepared {
            http: ByKind::new(|kind| http::render(&challenges, kind, None)),
            grpc: ByKind::new(grpc::render),
            scoped: None,
            challenges,
        }))
    }

    /// Renders the responses of a layer that challenges with the scopes of its policy,
    /// over HTTP and gRPC.
    pub(crate) fn with_scopes(sources: &Sources, accepted: Schemes, rules: &[ScopeRule]) -> Self {
        let challenges = sources.challenges(accepted);
        Self(Arc::new(Prepared {
            http: ByKind::new(|kind| http::render(&challenges, kind, None)),
            grpc: ByKind::new(|kind| grpc::render_with_challenges(&challenges, kind, None)),
            scoped: Some(ByRule::new(&challenges, rules)),
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
            return self.grpc(rejection.kind(), rejection.scopes(), content_type);
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
            Some(content_type) => self.grpc(kind, None, content_type),
            None => self.http(&kind.into()).map(|()| ResBody::default()),
        }
    }

    fn http(&self, rejection: &Rejection) -> Response<()> {
        let kind = rejection.kind();
        if let Some(required) = rejection.scopes() {
            return self.http_with_scopes(kind, required);
        }
        let mut response = self.0.http.get(kind);
        if rejection.retry_after().is_some() && http::may_be_retried(kind) {
            let value = http::retry_after(rejection);
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        response
    }

    #[cold]
    fn http_with_scopes(&self, kind: RejectionKind, required: &ScopeRule) -> Response<()> {
        let scoped = self.0.scoped.as_ref();
        match scoped.and_then(|scoped| scoped.find(required, kind)) {
            Some(scoped) => scoped.http.clone(),
            None => http::render(&self.0.challenges, kind, Some(required)),
        }
    }

    fn grpc<ResBody: Default>(
        &self,
        kind: RejectionKind,
        required: Option<&ScopeRule>,
        content_type: HeaderValue,
    ) -> Response<ResBody> {
        let mut response = match required {
            Some(required) => self.grpc_with_scopes(kind, required),
            None => self.0.grpc.get(kind),
        };
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response.map(|()| ResBody::default())
    }

    #[cold]
    fn grpc_with_scopes(&self, kind: RejectionKind, required: &ScopeRule) -> Response<()> {
        let Some(scoped) = &self.0.scoped else {
            return self.0.grpc.get(kind);
        };
        match scoped.find(required, kind) {
            Some(scoped) => scoped.grpc.clone(),
            None => grpc::render_with_challenges(&self.0.challenges, kind, Some(required)),
        }
    }

    /// Returns whether a 401 names the scopes that the policy requires.
    pub(crate) fn name_scopes(&self) -> bool {
        self.0.scoped.is_some()
    }

    /// Returns the challenges of a response over gRPC, which has some only if the layer
    /// challenges with scopes.
    #[cfg(feature = "tonic")]
    pub(crate) fn grpc_challenges(&self, rejection: &Rejection) -> Vec<HeaderValue> {
        if !self.name_scopes() {
            return Vec::new();
        }
        let content_type = HeaderValue::from_static("application/grpc");
        let response: Response<()> = self.grpc(rejection.kind(), rejection.scopes(), content_type);
        let lines = response.headers().get_all(WWW_AUTHENTICATE).iter();
        lines.cloned().collect()
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

impl fmt::Debug for RejectionResponses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.challenges).finish()
    }
}
