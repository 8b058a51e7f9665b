//! Refusals, answered in the protocol of the caller.

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::refusal::{PublicRejection, Respond};
use crate::{
    challenge::Challenge,
    credential::{Schemes, Sources},
    head::Head,
    rejection::{Rejection, RejectionKind},
    scope::ScopeRule,
};

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

const GRPC: &str = "application/grpc";

/// When to try again, where nobody said, in seconds.
const RETRY_AFTER_DEFAULT: u64 = 1;

/// Every refusal, rendered once.
#[derive(Clone)]
pub(crate) struct Refusals(Arc<Prepared>);

struct Prepared {
    challenges: Vec<Challenge>,
    http: Answers,
    grpc: Answers,
}

/// An answer for each kind that clients can tell apart, without a body.
struct Answers {
    ambiguous: Response<()>,
    forbidden: Response<()>,
    invalid: Response<()>,
    missing: Response<()>,
    not_found: Response<()>,
    rate_limited: Response<()>,
    unavailable: Response<()>,
}

impl Answers {
    fn new(answer: impl Fn(RejectionKind) -> Response<()>) -> Self {
        Self {
            ambiguous: answer(RejectionKind::Ambiguous),
            forbidden: answer(RejectionKind::Forbidden),
            invalid: answer(RejectionKind::Invalid),
            missing: answer(RejectionKind::Missing),
            not_found: answer(RejectionKind::NotFound),
            rate_limited: answer(RejectionKind::RateLimited),
            unavailable: answer(RejectionKind::Unavailable),
        }
    }

    fn of(&self, kind: RejectionKind) -> Response<()> {
        let prepared = match kind {
            RejectionKind::Ambiguous => &self.ambiguous,
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

impl Refusals {
    pub(crate) fn new(sources: &Sources, accepted: Schemes) -> Self {
        let challenges = sources.challenges(accepted);
        Self(Arc::new(Prepared {
            http: Answers::new(|kind| http_answer(&challenges, kind, None)),
            grpc: Answers::new(|kind| {
                let answer = kind.answer();
                grpc_answer(
                    HeaderValue::from_static(GRPC),
                    answer.grpc_status,
                    answer.message,
                )
            }),
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
            return self.grpc(rejection.kind(), content_type);
        }
        let own = self.http(rejection);
        if !R::ANSWERS {
            return own.map(|()| ResBody::default());
        }
        let mut response = respond.respond(&PublicRejection::new(rejection));
        if head.method() == Method::HEAD {
            *response.body_mut() = ResBody::default();
        }
        *response.status_mut() = own.status();
        let own = own.into_parts().0.headers;
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
        let kind = RejectionKind::Revoked;
        match grpc {
            Some(content_type) => self.grpc(kind, content_type),
            None => self.http(&kind.into()).map(|()| ResBody::default()),
        }
    }

    fn http(&self, rejection: &Rejection) -> Response<()> {
        let kind = rejection.kind();
        if let Some(lacking) = rejection.scopes() {
            return http_answer(&self.0.challenges, kind, Some(lacking));
        }
        let mut answer = self.0.http.of(kind);
        if rejection.retry_after().is_some() && may_be_tried_again(kind) {
            let after = retry_after(rejection);
            answer.headers_mut().insert(RETRY_AFTER, after);
        }
        answer
    }

    fn grpc<ResBody: Default>(
        &self,
        kind: RejectionKind,
        content_type: HeaderValue,
    ) -> Response<ResBody> {
        let mut answer = self.0.grpc.of(kind);
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
        answer.map(|()| ResBody::default())
    }
}

/// The answer over HTTP. A 401 carries each challenge; any other answer those
/// alone that can say what is wrong.
fn http_answer(
    challenges: &[Challenge],
    kind: RejectionKind,
    lacking: Option<&ScopeRule>,
) -> Response<()> {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CACHE_CONTROL, NO_STORE);
    if may_be_tried_again(kind) {
        headers.insert(RETRY_AFTER, retry_after(&kind.into()));
    }
    for challenge in challenges {
        let says_why = challenge.is_bearer() && kind.error_code().is_some();
        if kind.status() == StatusCode::UNAUTHORIZED || says_why {
            let line = challenge.render(kind.error_code(), lacking);
            headers.append(WWW_AUTHENTICATE, line);
        }
    }
    // The first clone of a value allocates: here, and not while serving.
    headers.values().cloned().for_each(drop);
    let mut answer = Response::new(());
    *answer.status_mut() = kind.status();
    *answer.headers_mut() = headers;
    answer
}

fn may_be_tried_again(kind: RejectionKind) -> bool {
    matches!(
        kind,
        RejectionKind::RateLimited | RejectionKind::Unavailable
    )
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

/// Returns the content type of a gRPC answer if the caller speaks gRPC.
///
/// A caller does if it sends a POST with exactly one gRPC content type, so that
/// no other request can turn a refusal into an HTTP 200. The answer echoes
/// nothing of the value, whose case, parameters and surrounding blanks don't
/// matter (RFC 9110, section 8.3.1).
pub(super) fn grpc_content_type(head: Head<'_>) -> Option<HeaderValue> {
    const TYPES: [(&[u8], &str); 3] = [
        (
            b"application/grpc-web-text",
            "application/grpc-web-text+proto",
        ),
        (b"application/grpc-web", "application/grpc-web+proto"),
        (b"application/grpc", GRPC),
    ];
    if head.method() != Method::POST {
        return None;
    }
    let mut values = head.headers().get_all(CONTENT_TYPE).iter();
    let (value, None) = (values.next()?.as_bytes(), values.next()) else {
        return None;
    };
    let value = value.trim_ascii_start();
    let (_, answer) = TYPES.iter().find(|(name, _)| {
        let Some((start, rest)) = value.split_at_checked(name.len()) else {
            return false;
        };
        // HTTP/2 keeps blanks at the end of a value.
        let ends = matches!(rest.trim_ascii_start(), [] | [b';', ..]) || rest.starts_with(b"+");
        ends && start.eq_ignore_ascii_case(name)
    })?;
    Some(HeaderValue::from_static(answer))
}

/// The answer where a guard finds neither a principal nor the mark of an
/// anonymous request: the server's fault, so 500, and 13 `INTERNAL` over gRPC.
pub(crate) fn layer_is_missing<ResBody: Default>(head: Head<'_>) -> Response<ResBody> {
    const MESSAGE: &str = "no AuthnLayer stands in front of this guard";
    if let Some(content_type) = grpc_content_type(head) {
        return grpc_answer(content_type, "13", MESSAGE).map(|()| ResBody::default());
    }
    let mut response = Response::new(ResBody::default());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// A trailers-only answer: HTTP 200, the status in the headers, no body.
fn grpc_answer(
    content_type: HeaderValue,
    status: &'static str,
    message: &'static str,
) -> Response<()> {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(GRPC_STATUS, HeaderValue::from_static(status));
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(message));
    headers.insert(CACHE_CONTROL, NO_STORE);
    let mut answer = Response::new(());
    *answer.headers_mut() = headers;
    answer
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
