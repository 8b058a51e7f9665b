//! The responses to unknown paths and methods.

use axum::{Router, middleware::map_response, response::Response};
use http::{HeaderValue, StatusCode, header::CACHE_CONTROL};

use super::problem::Problem;

/// Answers unknown paths and methods with a problem, and forbids caching.
pub(super) fn with_fallbacks(routes: Router) -> Router {
    let not_found = async || Problem::new(StatusCode::NOT_FOUND, "no such path");
    with_method_fallback(routes.fallback(not_found))
}

/// Answers unknown methods with a problem, and forbids caching.
pub(super) fn with_method_fallback(routes: Router) -> Router {
    let not_allowed = async || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    routes
        .method_not_allowed_fallback(not_allowed)
        .layer(map_response(forbid_caching))
}

async fn forbid_caching(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
