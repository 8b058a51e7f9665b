//! Snippets that the page shows with a new token, ready to paste.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::{
    axum::Authenticated,
    credential::{Scheme, Sources},
    manage::{
        TokenAdmin,
        api::{PathId, find_visible},
        problem::Problem,
    },
    token::Record,
};

/// Creates the snippets for a token, given the page's target.
pub(in crate::manage) type SnippetsFor =
    Arc<dyn Fn(Record, Option<String>) -> BoxFuture<'static, Vec<(String, String)>> + Send + Sync>;

/// A template with the placeholders `{token}` and `{origin}`.
#[derive(Clone)]
pub(in crate::manage) struct Snippet {
    pub(in crate::manage) label: Arc<str>,
    pub(in crate::manage) template: Arc<str>,
}

/// Returns the route of the snippets for a created or rotated token.
pub(super) fn router(admin: &TokenAdmin) -> Router {
    Router::new()
        .route("/tokens/{id}/snippets", get(show))
        .with_state(admin.clone())
}

async fn show(
    State(admin): State<TokenAdmin>,
    Authenticated(caller): Authenticated,
    PathId(id): PathId,
    Query(mut query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    let record = find_visible(&admin.tokens, &caller, id).await?.record;
    Ok(Json(match &admin.snippets_for {
        Some(snippets) => json!(snippets(record, query.remove("target")).await),
        None => default_snippets(&admin.sources, &admin.snippets),
    }))
}

/// Returns the default snippets for these sources, and the app's own snippets, which
/// replace those with the same label.
fn default_snippets(sources: &Sources, own: &[Snippet]) -> Value {
    let (name, value) = token_header(sources);
    let curl = format!("curl -H \"{name}: {value}\" {{origin}}/");
    let python = format!("requests.get(\"{{origin}}/\", headers={{\"{name}\": \"{value}\"}})");
    let mut snippets = vec![
        (Arc::from("curl"), Arc::from(curl)),
        (Arc::from("Python"), Arc::from(python)),
    ];
    for Snippet { label, template } in own {
        let snippet = (Arc::clone(label), Arc::clone(template));
        match snippets.iter_mut().find(|(known, _)| known == label) {
            Some(known) => *known = snippet,
            None => snippets.push(snippet),
        }
    }
    let pairs = snippets
        .iter()
        .map(|(label, template)| json!([&**label, &**template]));
    pairs.collect()
}

/// Returns the name and value of the header that carries a token.
fn token_header(sources: &Sources) -> (&str, &'static str) {
    let schemes: Vec<_> = sources.schemes().collect();
    match sources.headers().first() {
        _ if schemes.contains(&Scheme::Bearer) => ("Authorization", "Bearer {token}"),
        Some(name) if schemes.is_empty() => (name.as_str(), "{token}"),
        _ => ("Authorization", "Basic {token}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snippets_send_the_token_in_an_accepted_header() {
        let key = Sources::new().header("x-api-key").unwrap();
        let rows = [
            (Sources::default(), "Authorization: Bearer {token}"),
            (Sources::new().basic(), "Authorization: Basic {token}"),
            (key.clone(), "x-api-key: {token}"),
            (key.bearer(), "Authorization: Bearer {token}"),
        ];
        for (sources, header) in rows {
            let curl = format!("curl -H \"{header}\" {{origin}}/");
            assert_eq!(default_snippets(&sources, &[])[0], json!(["curl", curl]));
        }
    }

    #[test]
    fn a_snippet_of_the_app_comes_last_or_replaces_one_with_the_same_label() {
        let own = [("curl", "curl {token}"), ("CLI", "login {token}")];
        let own = own.map(|(label, template)| Snippet {
            label: label.into(),
            template: template.into(),
        });
        let snippets = default_snippets(&Sources::default(), &own);
        assert_eq!(snippets[0], json!(["curl", "curl {token}"]));
        assert_eq!(snippets[1][0], "Python");
        assert_eq!(snippets[2], json!(["CLI", "login {token}"]));
        assert_eq!(snippets.as_array().unwrap().len(), 3);
    }
}
