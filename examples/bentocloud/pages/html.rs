//! The pages as HTML without scripts.

use super::{Reader, TOKENS, with_status};
use crate::{
    control::{Deployment, Exposure},
    origin::Origin,
    try_it,
};
use axum::response::{Html, IntoResponse, Response};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
};

/// The headers of every page. A browser loads nothing but the style sheets, and sends
/// forms to this server alone. The referrer stays, because without it browsers send no
/// `Origin` with a form.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// Returns the list of the deployments that a person may see.
pub(super) fn list(origin: &Origin, reader: &Reader, known: &[Deployment]) -> Response {
    let rows: String = known.iter().map(|known| row(origin, known)).collect();
    let list = match known {
        [] => r#"<div class="box"><h2>No deployments</h2></div>"#.to_owned(),
        _ => format!(
            r#"<table role="table">
<caption class="unseen">Deployments</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Name</th><th role="columnheader" scope="col">URL</th><th role="columnheader" scope="col">Access</th></tr></thead>
<tbody role="rowgroup">{rows}</tbody>
</table>"#
        ),
    };
    page(
        reader,
        "Deployments",
        &format!("<h1>Deployments</h1>\n{list}"),
    )
}

fn row(origin: &Origin, deployment: &Deployment) -> String {
    let name = escaped(&deployment.name);
    let (url, access) = (
        escaped(&origin.app(&deployment.name)),
        badge(deployment.access),
    );
    format!(
        r#"<tr role="row"><th role="rowheader" scope="row"><a href="./deployments/{name}">{name}</a></th><td role="cell" data-column="URL"><span class="data">{url}</span></td><td role="cell" data-column="Access">{access}</td></tr>"#
    )
}

/// Returns the overview of one deployment: its URL, who may call it, and how.
pub(super) fn overview(
    origin: &Origin,
    reader: &Reader,
    deployment: &Deployment,
    may_switch: bool,
) -> Response {
    let name = escaped(&deployment.name);
    let (url, access) = (
        escaped(&origin.app(&deployment.name)),
        badge(deployment.access),
    );
    let (who, other, action) = match deployment.access {
        Exposure::Protected => (
            "Callers need a token with the scope <code>deployment</code> that may be used for it.",
            "public",
            "Make it public",
        ),
        Exposure::Public => (
            "Everybody may call it, without a token.",
            "protected",
            "Protect it",
        ),
    };
    let switch = match may_switch {
        true => format!(
            r#"<form method="post" action="./{name}"><button name="access" value="{other}">{action}</button></form>"#
        ),
        false => String::new(),
    };
    let lines = try_it::calls(origin, "$TOKEN", &deployment.name);
    let lines: String = lines
        .iter()
        .map(|(label, line)| code(label, line))
        .collect();
    let created = escaped(&deployment.provenance());
    let content = format!(
        r#"<p><a href="../deployments">Deployments</a></p>
<h1 class="data">{name}</h1>
<nav class="tabs" aria-label="Deployment"><a href="./{name}" aria-current="page">Overview</a><a href="./{name}/api_tokens">API Tokens</a></nav>
<dl>
<dt>URL</dt><dd class="data"><code>{url}</code></dd>
<dt>Access</dt><dd>{access}<p>{who}</p>{switch}</dd>
<dt>Created</dt><dd>{created}</dd>
</dl>
<section aria-labelledby="call"><h2 id="call">Call it</h2>
<p>Each line calls it with the token in <code>$TOKEN</code>. Make one under <a href="./{name}/api_tokens">API Tokens</a>.</p>
{lines}</section>"#
    );
    page(reader, &name, &content)
}

fn code(label: &str, line: &str) -> String {
    let (label, line) = (escaped(label), escaped(line));
    format!("<h3>{label}</h3>\n<pre><code>{line}</code></pre>\n")
}

fn badge(access: Exposure) -> &'static str {
    match access {
        Exposure::Protected => r#"<span class="badge active">Protected</span>"#,
        Exposure::Public => r#"<span class="badge suspended">Public</span>"#,
    }
}

pub(super) fn not_found(reader: &Reader) -> Response {
    let root = reader.root;
    let content = format!(
        r#"<h1>No such deployment</h1>
<p>There is no deployment of this name, or none that your token may be used for.</p>
<p><a href="{root}/deployments">All deployments</a></p>"#
    );
    let page = page(reader, "No such deployment", &content);
    with_status(StatusCode::NOT_FOUND, page)
}

pub(super) fn forbidden(reader: &Reader) -> Response {
    let root = reader.root;
    let content = format!(
        r#"<h1>Your token may not do this</h1>
<p>Deployments are for tokens with the scope <code>resources:deployments</code>.</p>
<p><a href="{root}/{TOKENS}">API tokens</a></p>"#
    );
    let page = page(reader, "Your token may not do this", &content);
    with_status(StatusCode::FORBIDDEN, page)
}

/// Returns a page around its content. The title is HTML too.
fn page(reader: &Reader, title: &str, content: &str) -> Response {
    let (who, root) = (escaped(reader.caller.subject()), reader.root);
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{root}/{TOKENS}/page.css">
<link rel="stylesheet" href="{root}/deployments.css">
</head>
<body>
<header class="bar"><p>Signed in as <strong class="data">{who}</strong></p><a href="{root}/{TOKENS}">API tokens</a></header>
<main>
{content}
</main>
</body>
</html>
"#
    );
    let mut response = Html(html).into_response();
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Escapes a text for HTML, also for a quoted attribute.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}
