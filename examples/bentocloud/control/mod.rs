//! The control plane: login, tokens, models and bentos, deployments.
//!
//! The layer checks the scopes before a handler runs, by the list in `rights.rs`. The
//! same list says which routes are open to a token with targets. If only a part of a
//! route is open, its handler checks each deployment or token.

mod body;
mod deployments;
mod files;
mod organization;
mod tokens;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, rejection::BytesRejection},
    routing::{any, get, put},
};
use http::StatusCode;
use tower_authn::tokens::Tokens;

pub(crate) use self::{
    body::Body,
    deployments::{Deployment, Exposure},
    organization::{ORGANIZATION, Organization, add_member},
};
use crate::{
    fault::Fault,
    origin::Origin,
    rights::LEFT_OUT,
    store::{Documents, Kind},
};

/// The longest body, in bytes, and the longest file.
const BODY_MAX: usize = 64 * 1024;
pub(crate) const FILE_MAX: usize = 16 * 1024 * 1024;

const LEFT_OUT_FAULT: Fault = Fault::new(StatusCode::NOT_IMPLEMENTED, "not part of this example");

/// The state of the handlers.
#[derive(Clone)]
pub(crate) struct Cloud {
    pub(crate) documents: Documents,
    pub(crate) tokens: Tokens,
    pub(crate) origin: Origin,
}

/// Returns the routes. Each has a row in `rights.rs`.
pub(crate) fn router(cloud: Cloud) -> Router {
    let routes = Router::new()
        .route("/auth/current", get(organization::user))
        .route("/current_org", get(organization::current))
        .route("/members", get(organization::members))
        .route(
            "/cluster",
            get(organization::cluster).put(organization::configure),
        )
        .route("/api_tokens", get(tokens::list).post(tokens::create))
        .route(
            "/api_tokens/{uid}",
            get(tokens::show).delete(tokens::delete),
        )
        .route(
            "/deployments",
            get(deployments::list).post(deployments::create),
        )
        .route(
            "/deployments/{deployment}",
            get(deployments::show)
                .patch(deployments::update)
                .delete(deployments::terminate),
        )
        .nest("/models", files(Kind::Model))
        .nest("/bentos", files(Kind::Bento))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(cloud);
    let left_out = LEFT_OUT.iter().fold(Router::new(), |routes, path| {
        routes.route(
            path,
            any(async |_: Result<Bytes, BytesRejection>| LEFT_OUT_FAULT),
        )
    });
    Router::new().nest("/api/v1", routes).merge(left_out)
}

/// Returns the routes of one kind of files.
fn files(kind: Kind) -> Router<Cloud> {
    let push = put(files::push).layer(DefaultBodyLimit::max(FILE_MAX));
    Router::new()
        .route("/", get(files::list))
        .route(
            "/{name}",
            get(files::pull).delete(files::delete).merge(push),
        )
        .layer(axum::Extension(kind))
}
