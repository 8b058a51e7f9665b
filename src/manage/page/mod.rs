//! The page, and the routes that it calls.

mod session;

use std::sync::Arc;

use axum::{
    Router,
    extract::OriginalUri,
    middleware::{from_fn_with_state, map_response},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use self::session::Sessions;
use super::{Manage, answered, operations, problem::Problem};

const HTML: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// Nothing but the page's own files, and its own routes.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

pub(super) fn router(manage: &Manage) -> Router {
    let sessions = Arc::new(Sessions::new(manage));
    let signed_in = from_fn_with_state(Arc::clone(&sessions), session::guard);
    let api = operations::router(manage.tokens.clone()).layer(signed_in);
    let (title, script, style) = (Arc::clone(&manage.title), SCRIPT, STYLE);
    let index = async move |OriginalUri(uri): OriginalUri| {
        Html(html(&title, uri.path().trim_end_matches('/'), ""))
    };
    let routes = Router::new()
        .route("/", get(index))
        .route(
            "/page.js",
            get(async move || file("text/javascript", script)),
        )
        .route("/page.css", get(async move || file("text/css", style)))
        .merge(session::router(manage, sessions))
        .nest("/api", api);
    answered(routes)
        .layer(CsrfLayer::new().with_rejection_response(cross_site))
        .layer(map_response(secured))
}

/// The page for the tokens of one target, wherever its routes are mounted.
pub(super) fn of_target(title: &str, base: &str, target: &str) -> Response {
    secure(Html(html(title, base, target)).into_response())
}

fn html(title: &str, base: &str, target: &str) -> String {
    HTML.replace("{{base}}", &escaped(base))
        .replace("{{title}}", &escaped(title))
        .replace("{{target}}", &escaped(target))
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

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind)], text).into_response()
}

fn cross_site(_: ProtectionError) -> Response {
    Problem::new(StatusCode::FORBIDDEN, "asked for by a page of another site").into_response()
}

async fn secured(response: Response) -> Response {
    secure(response)
}

fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_into_the_page_is_text() {
        let page = html("<b>", "/a\"b", "{{title}}'&");
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"));
        assert!(page.contains("data-base=\"/a&quot;b\""));
        assert!(page.contains("data-target=\"&#123;&#123;title}}&#39;&amp;\""));
        assert!(!page.contains("{{"));
    }
}
