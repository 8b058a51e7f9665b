//! Responses over gRPC and gRPC-Web.

use ::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
};

use super::{NO_STORE, http};
use crate::{challenge::Challenge, head::Head, rejection::RejectionKind, scope::ScopeRule};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

const GRPC: &str = "application/grpc";

/// Returns the content type of the response if the caller uses gRPC.
///
/// A caller does if it sends a POST with exactly one gRPC content type, so that
/// no other request can turn a rejection into an HTTP 200. The response repeats
/// nothing of the value. Its case, its parameters and the white space around it
/// are insignificant
/// ([RFC 9110 §8.3.1](https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1)).
pub(in crate::layer) fn response_content_type(head: Head<'_>) -> Option<HeaderValue> {
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
    let (_, content_type) = TYPES.iter().find(|(name, _)| {
        let Some((start, rest)) = value.split_at_checked(name.len()) else {
            return false;
        };
        // HTTP/2 keeps white space at the end of a value.
        let ends = matches!(rest.trim_ascii_start(), [] | [b';', ..]) || rest.starts_with(b"+");
        ends && start.eq_ignore_ascii_case(name)
    })?;
    Some(HeaderValue::from_static(content_type))
}

pub(super) fn render(kind: RejectionKind) -> Response<()> {
    let wire = kind.wire();
    trailers_only(
        HeaderValue::from_static(GRPC),
        wire.grpc_status,
        wire.message,
    )
}

/// Renders the response with the challenges that the response over HTTP has, in the
/// metadata `www-authenticate`.
pub(super) fn render_with_challenges(
    challenges: &[Challenge],
    kind: RejectionKind,
    required: Option<&ScopeRule>,
) -> Response<()> {
    let mut response = render(kind);
    let over_http = http::render(challenges, kind, required);
    for line in over_http.headers().get_all(WWW_AUTHENTICATE) {
        response
            .headers_mut()
            .append(WWW_AUTHENTICATE, line.clone());
    }
    response
}

/// Makes a trailers-only response: HTTP 200, the status in the headers, no body.
pub(super) fn trailers_only(
    content_type: HeaderValue,
    status: &'static str,
    message: &'static str,
) -> Response<()> {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(GRPC_STATUS, HeaderValue::from_static(status));
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(message));
    headers.insert(CACHE_CONTROL, NO_STORE);
    let mut response = Response::new(());
    *response.headers_mut() = headers;
    response
}

/// Makes the trailers that end a gRPC response which has begun.
#[cfg(feature = "tokens")]
pub(in crate::layer) fn grpc_trailers(kind: RejectionKind) -> HeaderMap {
    let wire = kind.wire();
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(GRPC_STATUS, HeaderValue::from_static(wire.grpc_status));
    trailers.insert(GRPC_MESSAGE, HeaderValue::from_static(wire.message));
    trailers
}
