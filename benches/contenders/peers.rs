//! The same check with other crates.
//!
//! If a peer leaves the look-up to its user, the user has a `HashMap` from tokens to
//! an `Arc`, and puts the `Arc` into the request's extensions. That is as short as it
//! gets; it is neither in constant time nor strict about the header.

use std::{
    collections::HashMap,
    future::ready,
    hash::{BuildHasherDefault, DefaultHasher},
    sync::{Arc, LazyLock},
};

use axum::{
    body::Body,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use axum_extra::{
    TypedHeader,
    headers::{Authorization, authorization},
};
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use tonic::{Status, service::InterceptorLayer};
use tower_authn::RejectionKind;
use tower_http::{
    auth::AsyncRequireAuthorizationLayer, validate_request::ValidateRequestHeaderLayer,
};

use super::{
    Client::{Basic, Bearer, Grpc},
    Contender, PASSWORD, TOKEN, USER,
};

/// The owner of a token.
pub struct Caller;

/// A map that hashes with fixed keys, at the cost of the usual random ones, so that
/// every run counts the same.
type Callers = HashMap<String, Arc<Caller>, BuildHasherDefault<DefaultHasher>>;

/// The tokens that users of every crate look up, ours included.
pub static CALLERS: LazyLock<Callers> = LazyLock::new(|| {
    let others = (1..1_000).map(|n| format!("{n:048}"));
    let tokens = others.chain([TOKEN.to_owned()]);
    tokens.map(|token| (token, Arc::new(Caller))).collect()
});

#[expect(deprecated, reason = "this crate replaces the deprecated layers")]
pub fn all() -> Vec<Contender> {
    // Filled now, so that no counted call fills it.
    LazyLock::force(&CALLERS);
    vec![
        Contender::guard(
            "tower-http `bearer`, 1 token, no principal",
            Bearer,
            ValidateRequestHeaderLayer::<tower_http::auth::require_authorization::Bearer<Body>>::bearer(TOKEN),
        ),
        Contender::guard(
            "tower-http `basic`, 1 user, no principal",
            Basic,
            ValidateRequestHeaderLayer::<tower_http::auth::require_authorization::Basic<Body>>::basic(USER, PASSWORD),
        ),
        Contender::guard(
            "tower-http `AsyncRequireAuthorizationLayer`, `HashMap`",
            Bearer,
            AsyncRequireAuthorizationLayer::new(|request| ready(authorize(request))),
        ),
        Contender::guard("axum `from_fn`, `HashMap`", Bearer, from_fn(by_header)),
        Contender::guard(
            "axum-extra `TypedHeader` in `from_fn`, `HashMap`",
            Bearer,
            from_fn(by_typed_header),
        ),
        Contender::guard(
            "tonic `Interceptor`, `HashMap`, gRPC",
            Grpc,
            InterceptorLayer::new(intercept),
        ),
    ]
}

fn caller(headers: &HeaderMap) -> Option<Arc<Caller>> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    CALLERS.get(value.strip_prefix("Bearer ")?).cloned()
}

#[expect(
    clippy::result_large_err,
    reason = "the signature that the layer asks for"
)]
fn authorize(mut request: Request) -> Result<Request, Response> {
    match caller(request.headers()) {
        Some(caller) => {
            request.extensions_mut().insert(caller);
            Ok(request)
        }
        None => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            Err(response)
        }
    }
}

async fn by_header(request: Request, next: Next) -> Response {
    match authorize(request) {
        Ok(request) => next.run(request).await,
        Err(response) => response,
    }
}

async fn by_typed_header(
    TypedHeader(Authorization(bearer)): TypedHeader<Authorization<authorization::Bearer>>,
    mut request: Request,
    next: Next,
) -> Response {
    match CALLERS.get(bearer.token()) {
        Some(caller) => {
            request.extensions_mut().insert(Arc::clone(caller));
            next.run(request).await
        }
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

fn intercept(mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
    let value = request.metadata().get("authorization");
    let token = value.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match token.and_then(|token| CALLERS.get(token)) {
        Some(caller) => {
            request.extensions_mut().insert(Arc::clone(caller));
            Ok(request)
        }
        // The status of this crate's interceptor: tonic encodes each space.
        None => Err(Status::unauthenticated(match token {
            Some(_) => RejectionKind::Invalid.message(),
            None => RejectionKind::Missing.message(),
        })),
    }
}
