//! A CORS layer outside of the authentication layer.

use std::convert::Infallible;

use axum::{Router, body::Body, routing::any};
use http::{HeaderMap, HeaderName, Method, Request};
use tower::{Layer, ServiceBuilder};
use tower_authn::{Access, AccessTable, AuthnLayer, Principal, Rejection, verify_fn};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::support::{Calls, TOKEN, ask, values};

const ORIGIN: &str = "https://app.example";
const CHECK: &str = "/grpc.health.v1.Health/Check";

/// An app that counts the calls of its handlers: a handler for any method, a
/// fallback, and a gRPC service.
fn app(reached: &Calls) -> Router {
    let (_, health) = tonic_health::server::health_reporter();
    let count = || {
        let reached = reached.clone();
        async move || reached.add()
    };
    let counted = tower::util::MapRequestLayer::new({
        let reached = reached.clone();
        move |request: Request<Body>| {
            reached.add();
            request
        }
    });
    let health = counted.layer(health);
    Router::new()
        .route("/any", any(count()))
        .route_service("/grpc.health.v1.Health/{*rest}", health)
        .fallback(count())
}

/// The layers in the order that SECURITY.md asks for.
fn guarded(
    reached: &Calls,
) -> impl tower::Service<
    Request<Body>,
    Response = http::Response<Body>,
    Error = Infallible,
    Future: Send,
> + Clone {
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::exact(ORIGIN.parse().unwrap()))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([http::header::AUTHORIZATION])
        .expose_headers(["grpc-status", "grpc-message"].map(HeaderName::from_static));
    let verifier = verify_fn(|credential| match credential.token() {
        TOKEN => Ok(Principal::new("ci")),
        "down" => Err(Rejection::unavailable("down")),
        _ => Err(Rejection::invalid()),
    });
    let table = AccessTable::builder()
        .any("/scoped", Access::scope("resources"))
        .fallback(Access::Authenticated)
        .build()
        .unwrap();
    ServiceBuilder::new()
        .layer(cors)
        .layer(AuthnLayer::new(verifier).access(table))
        .service(app(reached))
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = headers
        .iter()
        .fold(request, |r, (name, value)| r.header(*name, *value));
    request.body(Body::empty()).unwrap()
}

fn assert_readable(headers: &HeaderMap, asked: &str) {
    for (name, value) in [
        ("access-control-allow-origin", ORIGIN),
        ("access-control-expose-headers", "grpc-status,grpc-message"),
    ] {
        assert_eq!(values(headers, name), [value], "{asked}");
    }
}

#[tokio::test]
async fn s02_a_preflight_reaches_no_handler_inside_a_cors_layer() {
    let reached = Calls::default();
    let service = guarded(&reached);
    let preflight = [
        ("origin", ORIGIN),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let bearer = format!("Bearer {TOKEN}");
    for path in ["/any", "/nowhere", CHECK, "/"] {
        let answer = ask(&service, request("OPTIONS", path, &preflight)).await;
        assert_eq!((answer.status().as_u16(), reached.count()), (200, 0));
        let allowed = values(answer.headers(), "access-control-allow-headers");
        assert_eq!(allowed, ["authorization"], "{path}");
        assert_eq!(
            values(answer.headers(), "access-control-allow-origin"),
            [ORIGIN]
        );
    }
    for (reaches, path) in [(1, "/any"), (2, "/nowhere"), (3, CHECK)] {
        let fields = [("origin", ORIGIN), ("authorization", bearer.as_str())];
        let answer = ask(&service, request("POST", path, &fields)).await;
        assert_eq!((answer.status().as_u16(), reached.count()), (200, reaches));
        assert_readable(answer.headers(), path);
    }
}

#[tokio::test]
async fn s02_pages_of_an_allowed_origin_can_read_every_refusal() {
    let reached = Calls::default();
    let service = guarded(&reached);
    let grpc_web = ("content-type", "application/grpc-web+proto");
    let json = ("content-type", "application/json");
    let good = format!("Bearer {TOKEN}");
    for (path, credential, status, grpc_status) in [
        ("/any", None, 401, "16"),
        ("/any", Some("Bearer nope"), 401, "16"),
        ("/any", Some("Bearer down"), 503, "14"),
        ("/scoped", Some(good.as_str()), 403, "7"),
        (CHECK, None, 401, "16"),
    ] {
        let asked = format!("{path} {credential:?}");
        for (content_type, status, grpc) in
            [(json, status, None), (grpc_web, 200, Some(grpc_status))]
        {
            let mut headers = vec![("origin", ORIGIN), content_type];
            headers.extend(credential.map(|value| ("authorization", value)));
            let answer = ask(&service, request("POST", path, &headers)).await;
            assert_eq!(answer.status().as_u16(), status, "{asked}");
            let found = values(answer.headers(), "grpc-status");
            assert_eq!(found, Vec::from_iter(grpc), "{asked}");
            assert_readable(answer.headers(), &asked);
        }
    }
    assert_eq!(reached.count(), 0);
}
