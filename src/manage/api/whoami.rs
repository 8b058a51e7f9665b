//! The route that describes the caller.

use axum::{Json, Router, response::IntoResponse, routing::get};

use super::view::CallerView;
use crate::axum::Authenticated;

/// Returns the route `/whoami`. It expects an [`Authenticated`] principal in the
/// request.
pub(in crate::manage) fn router() -> Router {
    let whoami =
        async |Authenticated(caller): Authenticated| Json(CallerView::new(&caller)).into_response();
    Router::new().route("/whoami", get(whoami))
}
