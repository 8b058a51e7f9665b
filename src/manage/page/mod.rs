//! The page, and the routes that it calls.

mod cookie;
mod cross_site;
mod session;
mod signed_in;
mod snippet;
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
use http::{
    HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};

pub use self::signed_in::{SignedIn, SignedInLayer};
pub(super) use self::snippet::{Snippet, SnippetsFor};

use self::session::Sessions;
use super::{TokenAdmin, answered, operations};

const HTML: &str = include_str!("page.html");

/// What the page is made of besides, each a path and a media type.
const FILES: [(&str, &str, &str); 5] = [
    ("/client.js", "text/javascript", include_str!("client.js")),
    ("/form.js", "text/javascript", include_str!("form.js")),
    ("/page.css", "text/css", include_str!("page.css")),
    ("/page.js", "text/javascript", include_str!("page.js")),
    ("/view.js", "text/javascript", include_str!("view.js")),
];

/// What all answers say to a browser. The page loads nothing but its own files,
/// calls nothing but its own routes, sends no form by itself, stands in no
/// frame, and makes no HTML of text (Trusted Types).
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
        ),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

pub(super) fn router(manage: &TokenAdmin) -> Router {
    let sessions = Arc::new(Sessions::new(manage));
    let signed_in = from_fn_with_state(Arc::clone(&sessions), session::guard);
    let api = operations::router(manage.tokens.clone());
    let api = api.merge(snippet::router(manage)).layer(signed_in);
    let own = manage.clone();
    let index =
        async move |OriginalUri(uri): OriginalUri| Html(html(&own, &own_base(uri.path()), "", ""));
    let files = FILES
        .iter()
        .fold(Router::new(), |files, (path, kind, text)| {
            files.route(path, get(([(CONTENT_TYPE, *kind)], *text)))
        });
    let routes = files
        .route("/", get(index))
        .merge(session::router(manage, sessions))
        .nest("/api", api);
    answered(routes)
        .layer(from_fn(same_site))
        .layer(map_response(secured))
}

/// The session of the page, for pages of the app's own.
pub(super) fn signed_in(manage: &TokenAdmin) -> SignedInLayer {
    SignedInLayer::new(Arc::new(Sessions::new(manage)), manage.drain.clone())
}

/// The page for the tokens of one target, wherever its routes are mounted.
pub(super) fn of_target(manage: &TokenAdmin, base: &str, target: &str) -> Response {
    secure(Html(html(manage, base, target, "")).into_response())
}

/// The sign-in, in place of another page.
pub(super) fn sign_in(manage: &TokenAdmin, base: &str) -> Response {
    secure(Html(html(manage, base, "", "reload")).into_response())
}

/// Where the page is mounted, relative to the page itself: a proxy may have cut a
/// prefix off its path, which the browser still has.
fn own_base(path: &str) -> String {
    match path.rsplit('/').next().unwrap_or_default() {
        "" => ".".to_owned(),
        // Without the dot, a colon in it would end a scheme.
        last => format!("./{last}"),
    }
}

fn html(manage: &TokenAdmin, base: &str, target: &str, then: &str) -> String {
    HTML.replace("{{base}}", &escaped(base))
        .replace("{{title}}", &escaped(&manage.title))
        .replace("{{targets_hint}}", &escaped(&manage.targets_hint))
        .replace("{{target}}", &escaped(target))
        .replace("{{then}}", then)
}

/// A text as it may stand in HTML, between quotation marks too.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            // A text can't hold the place of another one.
            '{' => html.push_str("&#123;"),
            other => html.push(other),
        }
    }
    html
}

async fn same_site(request: Request, next: Next) -> Response {
    match cross_site::refuse(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal,
    }
}

async fn secured(response: Response) -> Response {
    secure(response)
}

fn secure(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
}
