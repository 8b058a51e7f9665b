//! The protocol of a refusal, by the request's content type.

use http::{Method, Version};
use tower::Layer;
use tower_authn::AuthnLayer;

use crate::support::{Spy, Strict, TOKEN, ask, get, send, serve, values};

const WEB_TEXT: &str = "application/grpc-web-text+proto";
const WEB: &str = "application/grpc-web+proto";
const GRPC: &str = "application/grpc";

/// A content type, and the one of the refusal that it is answered with.
const TYPES: [(&str, Option<&str>); 32] = [
    ("application/grpc", Some(GRPC)),
    ("Application/GRPC", Some(GRPC)),
    ("APPLICATION/GRPC+PROTO", Some(GRPC)),
    ("application/grpc+json", Some(GRPC)),
    ("application/grpc;charset=utf-8", Some(GRPC)),
    ("application/grpc ; charset=utf-8", Some(GRPC)),
    ("application/grpc\t;charset=utf-8", Some(GRPC)),
    ("application/GRPC+proto; a=\"b;c\"", Some(GRPC)),
    (" application/grpc", Some(GRPC)),
    ("application/grpc \t", Some(GRPC)),
    ("\tApplication/Grpc ", Some(GRPC)),
    ("application/grpc-web", Some(WEB)),
    ("Application/gRPC-Web", Some(WEB)),
    ("application/grpc-Web+proto", Some(WEB)),
    ("application/grpc-web ;x=y", Some(WEB)),
    ("application/grpc-web-text", Some(WEB_TEXT)),
    ("application/grpc-web-Text", Some(WEB_TEXT)),
    ("APPLICATION/grpc-WEB-TEXT+thrift;a=b", Some(WEB_TEXT)),
    ("", None),
    ("application/json", None),
    ("application/grp", None),
    ("application/grpcfoo", None),
    ("application/GRPCFOO", None),
    ("application/grpc foo", None),
    ("application/grpc/", None),
    ("application/grpc-", None),
    ("application/grpc-webfoo", None),
    ("application/grpc-web-", None),
    ("application/grpc-web-text-x", None),
    ("application/grpc,application/grpc", None),
    ("x application/grpc", None),
    ("\"application/grpc\"", None),
];

#[tokio::test]
async fn s04_a_grpc_content_type_is_known_in_any_case_and_with_parameters() {
    let spy = Spy::default();
    let inner = Strict::default();
    let service = AuthnLayer::new(spy.clone()).layer(inner.clone());
    for (content_type, expected) in TYPES {
        for method in ["POST", "GET", "HEAD", "PUT", "OPTIONS", "post"] {
            let expected = expected.filter(|_| method == "POST");
            let mut request = get("/a.S/M", &[("content-type", content_type)]);
            *request.method_mut() = method.parse().unwrap();
            let answer = ask(&service, request).await;
            let found = values(answer.headers(), "content-type");
            assert_eq!(found, Vec::from_iter(expected), "{method} {content_type:?}");
            let status = if expected.is_some() { 200 } else { 401 };
            assert_eq!(answer.status(), status, "{method} {content_type:?}");
        }
        let twice = [
            ("content-type", content_type),
            ("content-type", "application/grpc"),
        ];
        let mut request = get("/a.S/M", &twice);
        *request.method_mut() = Method::POST;
        assert_eq!(ask(&service, request).await.status(), 401, "two fields");
    }
    assert_eq!((spy.calls.count(), inner.called.count()), (0, 0));

    let bearer = format!("Bearer {TOKEN}");
    let admitted = get("/a.S/M", &[("authorization", &bearer)]);
    assert_eq!(ask(&service, admitted).await.status(), 200);
    assert_eq!(inner.called.count(), 1);
}

#[tokio::test]
async fn s04_a_grpc_content_type_is_known_over_either_version_of_http() {
    let app = axum::Router::new();
    let layer = AuthnLayer::new(Spy::default());
    let address = serve(tower_authn::protect(app, layer)).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for (content_type, expected) in TYPES {
            let mut request = get("/a.S/M", &[("content-type", content_type)]);
            *request.method_mut() = Method::POST;
            let answer = send(address, version, request).await;
            let found = values(&answer.head.headers, "content-type");
            let expected = Vec::from_iter(expected);
            assert_eq!(found, expected, "{version:?} {content_type:?}");
        }
    }
}
