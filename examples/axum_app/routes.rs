//! The twelve routes, and what each requires.

use axum::{
    Json, Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use tower_authn::{Access, AccessTable, Authenticated, ConfigError, layer::PublicRejection};

pub(crate) fn access() -> Result<AccessTable, ConfigError> {
    AccessTable::builder()
        .route(Method::GET, "/healthz", Access::Public)
        .route(Method::GET, "/version", Access::Public)
        .route(Method::GET, "/whoami", Access::Authenticated)
        .route(Method::GET, "/models", Access::scope("models:read"))
        .route(Method::POST, "/models", Access::scope("models:write"))
        .route(Method::GET, "/models/{name}", Access::scope("models:read"))
        .route(Method::PUT, "/models/{name}", Access::scope("models:write"))
        .route(
            Method::DELETE,
            "/models/{name}",
            Access::scope("models:delete"),
        )
        .route(Method::GET, "/jobs", Access::scope("jobs:read"))
        .route(Method::POST, "/jobs", Access::scope("jobs:write"))
        .route(Method::DELETE, "/jobs/{id}", Access::scope("jobs:cancel"))
        .route(Method::GET, "/usage", Access::scope("usage"))
        .build()
}

pub(crate) fn router() -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/version", get(async || env!("CARGO_PKG_VERSION")))
        .route("/whoami", get(whoami))
        .route("/models", get(answer).post(answer))
        .route("/models/{name}", get(answer).put(answer).delete(answer))
        .route("/jobs", get(answer).post(answer))
        .route("/jobs/{id}", axum::routing::delete(answer))
        .route("/usage", get(usage))
        .fallback(async || error(StatusCode::NOT_FOUND, "there is nothing here"))
}

/// The body of a refusal. `AuthnLayer` sets its status and headers.
pub(crate) fn refusal(refusal: &PublicRejection) -> Response {
    error(refusal.status(), refusal.message())
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}

async fn whoami(Authenticated(caller): Authenticated) -> Json<Value> {
    let scopes: Vec<&str> = caller.scopes().iter().map(|scope| scope.as_str()).collect();
    Json(json!({ "subject": caller.subject(), "scopes": scopes }))
}

/// Answers with the call itself, in place of the app's own work.
async fn answer(method: Method, uri: Uri, Authenticated(caller): Authenticated) -> Json<Value> {
    Json(json!({ "by": caller.subject(), "method": method.as_str(), "path": uri.path() }))
}

async fn usage() -> Json<Vec<u32>> {
    Json((0..1_000).collect())
}
