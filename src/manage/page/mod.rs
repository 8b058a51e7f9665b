//! The page, its assets, and the routes that it calls.

mod cookie;
mod cross_site;
mod headers;
mod html;
mod session;
mod session_layer;
mod snippets;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    extract::{OriginalUri, Request},
    middleware::{Next, from_fn, from_fn_with_state, map_response},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use http::header::CONTENT_TYPE;

pub use self::session_layer::{SessionLayer, SessionService};
pub(super) use self::snippets::{Snippet, SnippetsFor};
use self::{
    headers::set_security_headers,
    html::{relative_base, render},
    session::Sessions,
};
use super::{TokenAdmin, api, fallback::with_fallbacks};

const CSS: &str = "text/css";
const JS: &str = "text/javascript";

/// The files that the page loads: path, media type and text.
const ASSETS: [(&str, &str, &str); 9] = [
    ("/client.js", JS, include_str!("assets/client.js")),
    ("/details.js", JS, include_str!("assets/details.js")),
    ("/form.js", JS, include_str!("assets/form.js")),
    ("/list.js", JS, include_str!("assets/list.js")),
    ("/page.css", CSS, include_str!("assets/page.css")),
    ("/page.js", JS, include_str!("assets/page.js")),
    ("/secret.js", JS, include_str!("assets/secret.js")),
    ("/session.js", JS, include_str!("assets/session.js")),
    ("/view.js", JS, include_str!("assets/view.js")),
];

/// Returns the page with its assets and routes.
pub(super) fn router(admin: &TokenAdmin) -> Router {
    let sessions = Arc::new(Sessions::new(admin));
    let signed_in = from_fn_with_state(Arc::clone(&sessions), session::require);
    let api = api::router(admin.tokens.clone())
        .merge(snippets::router(admin))
        .layer(signed_in);
    let page = admin.clone();
    let index = async move |OriginalUri(uri): OriginalUri| {
        Html(render(&page, &relative_base(uri.path()), "", ""))
    };
    let assets = ASSETS
        .iter()
        .fold(Router::new(), |routes, (path, media_type, text)| {
            routes.route(path, get(([(CONTENT_TYPE, *media_type)], *text)))
        });
    let routes = assets
        .route("/", get(index))
        .merge(session::router(admin, sessions))
        .nest("/api", api);
    with_fallbacks(routes)
        .layer(from_fn(reject_cross_site))
        .layer(map_response(async |response| {
            set_security_headers(response)
        }))
}

/// Returns the layer that adds the page's session to the app's own pages.
pub(super) fn session_layer(admin: &TokenAdmin) -> SessionLayer {
    SessionLayer::new(Arc::new(Sessions::new(admin)), admin.drain.clone())
}

/// Responds with the page of one target's tokens.
pub(super) fn target_page(admin: &TokenAdmin, base: &str, target: &str) -> Response {
    set_security_headers(Html(render(admin, base, target, "")).into_response())
}

/// Responds with the sign-in form, which then reloads the address.
pub(super) fn sign_in_page(admin: &TokenAdmin, base: &str) -> Response {
    set_security_headers(Html(render(admin, base, "", "reload")).into_response())
}

async fn reject_cross_site(request: Request, next: Next) -> Response {
    match cross_site::check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(response) => response,
    }
}
