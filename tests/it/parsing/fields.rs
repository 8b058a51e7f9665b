//! Which fields are read, and what of them.

use std::convert::Infallible;

use axum::{Router, body::Body, extract::Request as AxumRequest, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Version};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tower::service_fn;
use tower_authn::{
    AuthnLayer,
    RejectionKind::{Ambiguous, Malformed, Missing},
    Sources, protect,
};

use super::{ADMITTED, WRONG, authorized, outcome, unread};
use crate::support::{Calls, Spy, TOKEN, get, send, serve};

#[tokio::test]
async fn a04_white_space_around_the_value_changes_nothing_on_http1_and_http2() {
    let spy = Spy::default();
    let inner = Calls::default();
    let app = protect(counted_router(inner.clone()), AuthnLayer::new(spy.clone()));
    let addr = serve(app).await;
    let rows = [
        (format!("Bearer {TOKEN}"), 200),
        (format!("Bearer {TOKEN} "), 200),
        (format!(" \t Basic  {TOKEN} \t"), 200),
        ("Bearer wrong ".to_owned(), 401),
        (" Bearer ".to_owned(), 401),
        (format!("Bearer {TOKEN} x "), 401),
    ];
    for (value, expected) in rows {
        let before = (spy.calls.count(), inner.count());
        let mut deltas = Vec::new();
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let mut request = Request::new(Full::<Bytes>::default());
            let header = HeaderValue::from_str(&value).unwrap();
            request.headers_mut().insert("authorization", header);
            let answer = send(addr, version, request).await;
            assert_eq!(answer.head.status, expected, "{value:?} {version:?}");
            deltas.push((spy.calls.count(), inner.count()));
        }
        let (first, second) = (deltas[0], deltas[1]);
        let on_http1 = (first.0 - before.0, first.1 - before.1);
        let on_http2 = (second.0 - first.0, second.1 - first.1);
        assert_eq!(on_http1, on_http2, "{value:?}");
        assert_eq!(on_http1.1 == 1, expected == 200, "{value:?}");
    }
}

#[tokio::test]
async fn a04_http2_keeps_the_white_space_that_http1_trims() {
    let seen = Router::new().fallback(|headers: HeaderMap| async move {
        let value = headers["authorization"].as_bytes();
        Bytes::copy_from_slice(value)
    });
    let addr = serve(protect(seen, AuthnLayer::new(Spy::default()))).await;
    let kept = format!("Bearer {TOKEN} ");
    for (version, expected) in [(Version::HTTP_11, kept.trim()), (Version::HTTP_2, &kept)] {
        let mut request = Request::new(Full::<Bytes>::default());
        let header = HeaderValue::from_str(&kept).unwrap();
        request.headers_mut().insert("authorization", header);
        let answer = send(addr, version, request).await;
        assert_eq!(answer.body, expected, "{version:?}");
    }
}

#[tokio::test]
async fn a08_duplicate_lines_are_refused() {
    let good = format!("Bearer {TOKEN}");
    let good = good.as_bytes();
    let sources = Sources::default();
    assert_eq!(outcome(&sources, authorized([good])).await, ADMITTED);
    let rows: [[&[u8]; 2]; 5] = [
        [good, good],
        [good, b""],
        [b"", good],
        [good, b"Basic dTpw"],
        [b"\x80", good],
    ];
    for row in rows {
        let seen = outcome(&sources, authorized(row)).await;
        assert_eq!(seen, unread(Ambiguous), "{row:?}");
    }
    let thrice = outcome(&sources, authorized([good, good, good])).await;
    assert_eq!(thrice, unread(Ambiguous));
}

#[tokio::test]
async fn a08_credentials_in_two_sources_are_refused() {
    let sources = Sources::default().header("x-api-key").unwrap();
    let value = format!("Bearer {TOKEN}");
    let authorization = ("authorization", value.as_str());
    for one in [authorization, ("x-api-key", TOKEN)] {
        assert_eq!(outcome(&sources, get("/", &[one])).await, ADMITTED);
    }
    for other in [
        ("x-api-key", TOKEN),
        ("x-api-key", ""),
        ("x-api-key", "other"),
    ] {
        let seen = outcome(&sources, get("/", &[authorization, other])).await;
        assert_eq!(seen, unread(Ambiguous), "{other:?}");
    }
    let keys = get("/", &[("x-api-key", TOKEN), ("x-api-key", TOKEN)]);
    assert_eq!(outcome(&sources, keys).await, unread(Ambiguous));
}

#[tokio::test]
async fn fields_that_hold_no_credential_may_be_repeated() {
    let sources = Sources::default().header("x-api-key").unwrap();
    let value = format!("Bearer {TOKEN}");
    let cookies = [("cookie", "a=b"), ("cookie", "c=d")];
    let good = ("authorization", value.as_str());
    for sources in [sources, Sources::default()] {
        let one = get("/", &[&cookies[..], &[good]].concat());
        assert_eq!(outcome(&sources, one).await, ADMITTED);
        let none = get("/", &cookies);
        assert_eq!(outcome(&sources, none).await, unread(Missing));
        let two = get("/", &[&[good], &cookies[..], &[good]].concat());
        assert_eq!(outcome(&sources, two).await, unread(Ambiguous));
    }
}

#[tokio::test]
async fn a18_a_token_in_the_query_or_a_form_is_not_read() {
    let sources = Sources::default();
    let query = format!("/?access_token={TOKEN}&token={TOKEN}&authorization=Bearer%20{TOKEN}");
    let mut form = get(
        "/",
        &[("content-type", "application/x-www-form-urlencoded")],
    );
    *form.method_mut() = http::Method::POST;
    *form.body_mut() = format!("access_token={TOKEN}");
    let mut request = get(&query, &[]);
    for request in [request.clone(), form] {
        assert_eq!(outcome(&sources, request).await, unread(Missing));
    }
    let value = HeaderValue::try_from(format!("Bearer {TOKEN}")).unwrap();
    request.headers_mut().insert("authorization", value);
    assert_eq!(outcome(&sources, request).await, ADMITTED);
}

#[tokio::test]
async fn a19_headers_that_look_alike_are_not_read() {
    let sources = Sources::default();
    let value = format!("Bearer {TOKEN}");
    let cookie = format!("authorization={TOKEN}; token={TOKEN}");
    let rows = [
        ("authorization", value.as_str(), ADMITTED),
        ("authorization-bin", &value, unread(Missing)),
        ("x-authorization", &value, unread(Missing)),
        ("proxy-authorization", &value, unread(Missing)),
        ("x-forwarded-authorization", &value, unread(Missing)),
        ("authorisation", &value, unread(Missing)),
        ("x-api-key", TOKEN, unread(Missing)),
        ("cookie", &cookie, unread(Missing)),
    ];
    for (name, value, expected) in rows {
        let seen = outcome(&sources, get("/", &[(name, value)])).await;
        assert_eq!(seen, expected, "{name}");
    }
    for name in [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "host",
    ] {
        assert!(Sources::new().header(name).is_err(), "{name}");
    }
    assert!(Sources::new().header("x api key").is_err());
    assert!(Sources::new().header("X-API-Key").is_ok());
}

#[tokio::test]
async fn a20_a_trailer_is_no_credential() {
    let (spy, inner) = (Spy::default(), Calls::default());
    let app = protect(counted_router(inner.clone()), AuthnLayer::new(spy.clone()));
    let addr = serve(app).await;
    let value = HeaderValue::try_from(format!("Bearer {TOKEN}")).unwrap();
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let with_trailer = || {
            let mut trailers = HeaderMap::new();
            trailers.insert("authorization", value.clone());
            let frames = [
                Frame::data(Bytes::from("body")),
                Frame::trailers(trailers.clone()),
            ];
            let frames = futures::stream::iter(frames.map(Ok::<_, Infallible>));
            Request::post("/")
                .header("trailer", "authorization")
                .body(StreamBody::new(frames))
                .unwrap()
        };
        let before = (spy.calls.count(), inner.count());
        let refused = send(addr, version, with_trailer()).await;
        assert_eq!(refused.head.status, 401, "{version:?}");
        let challenge = &refused.head.headers["www-authenticate"];
        assert_eq!(challenge, "Bearer realm=\"api\"", "missing, {version:?}");
        assert_eq!((spy.calls.count(), inner.count()), before, "{version:?}");

        let mut accepted = with_trailer();
        accepted
            .headers_mut()
            .insert("authorization", value.clone());
        let admitted = send(addr, version, accepted).await;
        assert_eq!(admitted.head.status, 200, "{version:?}");
        let expected = (before.0 + 1, before.1 + 1);
        assert_eq!((spy.calls.count(), inner.count()), expected, "{version:?}");
        if version == Version::HTTP_2 {
            assert_eq!(admitted.body, "1 trailer", "the trailer did arrive");
        }
    }
}

#[tokio::test]
async fn a_named_header_is_the_token_and_nothing_else() {
    let sources = Sources::new().header("x-api-key").unwrap();
    let rows = [
        (TOKEN.to_owned(), ADMITTED),
        (format!("  {TOKEN}\t"), ADMITTED),
        (format!("Bearer {TOKEN}"), unread(Malformed)),
        (format!("{TOKEN}, {TOKEN}"), unread(Malformed)),
        (format!("{TOKEN},"), WRONG),
    ];
    for (value, expected) in rows {
        let seen = outcome(&sources, get("/", &[("x-api-key", &value)])).await;
        assert_eq!(seen, expected, "{value:?}");
    }
    let bearer = format!("Bearer {TOKEN}");
    let seen = outcome(&sources, get("/", &[("authorization", &bearer)])).await;
    assert_eq!(seen, unread(Missing));
}

/// Counts its calls, reads the body to its end, and returns the trailers after it.
fn counted_router(calls: Calls) -> Router {
    Router::new().fallback_service(service_fn(move |request: AxumRequest| {
        let calls = calls.clone();
        async move {
            calls.add();
            let body = request.into_body().collect().await.unwrap();
            let trailers = body.trailers().map_or(0, HeaderMap::len);
            Ok::<_, Infallible>(Response::new(Body::from(format!("{trailers} trailer"))))
        }
    }))
}
