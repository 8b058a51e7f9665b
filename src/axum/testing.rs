//! A test that every path is inside of a layer.

use std::{fmt, future::poll_fn};

use axum_core::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use tower::Service;

/// Asserts, in a test, that a service rejects every request without a credential:
/// each path with each method, as plain HTTP and as gRPC.
///
/// # Panics
///
/// Panics if a response is not a rejection (401, or gRPC 16); the message lists the
/// open methods and paths. A 404 is not a rejection, since it reveals that the path
/// does not exist.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_authn::{AuthnLayer, Principal, protect, verifier::FixedTokens};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower_authn::ConfigError> {
/// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
/// let router: Router = Router::new().route("/admin", get(|| async {}));
/// let app = protect(router, AuthnLayer::new(tokens));
/// tower_authn::axum::assert_protected(app, &["/admin", "/no/such/path"]).await;
/// # Ok(())
/// # }
/// ```
pub async fn assert_protected<S, ResBody>(service: S, paths: &[&str])
where
    S: Service<Request<Body>, Response = Response<ResBody>> + Clone,
    S::Error: fmt::Debug,
{
    const METHODS: [Method; 8] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
    ];
    let mut open = Vec::new();
    for path in paths {
        for method in METHODS {
            for grpc in [false, true] {
                let mut request = Request::new(Body::empty());
                *request.method_mut() = method.clone();
                *request.uri_mut() = path.parse().expect("a path must be a URI");
                if grpc {
                    let value = HeaderValue::from_static("application/grpc");
                    request.headers_mut().insert(CONTENT_TYPE, value);
                }
                let mut service = service.clone();
                poll_fn(|cx| service.poll_ready(cx))
                    .await
                    .expect("the service is ready");
                let response = service.call(request).await.expect("the service responds");
                if !is_rejected(&response) {
                    open.push(format!("{method} {path} answers {}", response.status()));
                }
            }
        }
    }
    open.dedup();
    assert!(
        open.is_empty(),
        "open without a credential: {}",
        open.join(", ")
    );
}

fn is_rejected<ResBody>(response: &Response<ResBody>) -> bool {
    let grpc_status = response.headers().get("grpc-status");
    match response.status() {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::OK => grpc_status.is_some_and(|status| status == "16"),
        _ => false,
    }
}
