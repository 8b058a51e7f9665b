//! The four holes of axum's layers: `assert_protected` finds each, `protect`
//! closes it.
#![cfg(feature = "axum")]

use std::fmt::Debug;

use axum::{
    Router,
    body::Body,
    routing::{get as on_get, post as on_post},
};
use http::{Request, Response};
use tower::Service;
use tower_authn::{AuthnLayer, axum::assert_protected, protect};

use super::bearer;
use crate::support::{Spy, ask};

async fn handler() -> &'static str {
    "inner"
}

fn layer() -> AuthnLayer<Spy> {
    AuthnLayer::new(Spy::default())
}

/// What `assert_protected` says is open.
async fn what_is_open<S>(app: S, paths: &'static [&'static str]) -> Option<String>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Debug + Send,
    S::Future: Send,
{
    let walk = tokio::spawn(async move { assert_protected(app, paths).await });
    let panic = walk.await.err()?.into_panic();
    Some(*panic.downcast::<String>().expect("a message"))
}

/// The router with a hole is found by name; the same routes inside
/// `protect` are whole, and answer the token as they would without a layer.
async fn found_and_closed(
    holed: Router,
    bare: Router,
    paths: &'static [&'static str],
    expected: &str,
) {
    let open = what_is_open(holed, paths).await.expect("a hole");
    assert!(open.contains(expected), "{open}");

    let whole = protect(bare.clone(), layer());
    assert_eq!(what_is_open(whole.clone(), paths).await, None);
    for path in paths {
        let request = || Request::get(*path);
        let with = request().header("authorization", bearer());
        let guarded = ask(&whole, with.body(Body::empty()).unwrap()).await;
        let unguarded = ask(&bare, request().body(Body::empty()).unwrap()).await;
        assert_eq!(guarded.status(), unguarded.status(), "{path}");
    }
}

#[tokio::test]
async fn c01_a_route_added_after_the_layer_is_found_and_closed() {
    let early = || Router::new().route("/early", on_get(handler));
    let late = |router: Router| router.route("/late", on_get(handler));
    let paths = &["/early", "/late"];
    let expected = "GET /late answers 200";
    found_and_closed(late(early().layer(layer())), late(early()), paths, expected).await;
}

#[tokio::test]
async fn c02_the_fallback_of_a_nested_router_is_found_and_closed() {
    let inner = || Router::new().route("/a", on_get(handler));
    let nest = |inner: Router| Router::new().nest("/nest", inner);
    let paths = &["/nest/a", "/nest/nope"];
    let expected = "GET /nest/nope answers 404";
    found_and_closed(nest(inner().layer(layer())), nest(inner()), paths, expected).await;
}

#[tokio::test]
async fn c03_a_fallback_beside_a_route_layer_is_found_and_closed() {
    let routes = || Router::new().route("/a", on_get(handler));
    let fallback = |router: Router| router.fallback(handler);
    let paths = &["/a", "/nope"];
    let expected = "GET /nope answers 200";
    let holed = fallback(routes()).route_layer(layer());
    found_and_closed(holed, fallback(routes()), paths, expected).await;
}

#[tokio::test]
async fn c04_a_method_added_after_the_layer_is_found_and_closed() {
    let holed = on_get(handler).route_layer(layer()).post(handler);
    let bare = on_get(handler).post(handler);
    let app = |methods| Router::new().route("/a", methods);
    found_and_closed(app(holed), app(bare), &["/a"], "POST /a answers 200").await;
}

#[tokio::test]
async fn a_router_that_is_guarded_as_a_whole_is_found_whole() {
    let router = Router::new()
        .route("/a", on_post(handler))
        .fallback(handler)
        .layer(layer());
    assert_eq!(what_is_open(router, &["/a", "/nope"]).await, None);
}
