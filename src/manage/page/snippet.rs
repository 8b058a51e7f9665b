//! What is shown with a new token, ready to be pasted.

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
    manage::{TokenAdmin, input::Id, operations::visible, problem::Problem},
    token::Record,
};

/// Makes the snippets for a token, given the page's target.
pub(in crate::manage) type SnippetsFor =
    Arc<dyn Fn(Record, Option<String>) -> BoxFuture<'static, Vec<(String, String)>> + Send + Sync>;

/// A text in which `{token}` and `{origin}` stand for what they name.
#[derive(Clone)]
pub(in crate::manage) struct Snippet {
    pub(in crate::manage) label: Arc<str>,
    pub(in crate::manage) template: Arc<str>,
}

/// The snippets for a token that was made or rotated on the page.
pub(super) fn router(manage: &TokenAdmin) -> Router {
    Router::new()
        .route("/tokens/{id}/snippets", get(show))
        .with_state(manage.clone())
}

async fn show(
    State(manage): State<TokenAdmin>,
    Authenticated(caller): Authenticated,
    Id(id): Id,
    Query(mut query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Problem> {
    let record = visible(&manage.tokens, &caller, id).await?.record;
    Ok(Json(match &manage.snippets_for {
        Some(snippets) => json!(snippets(record, query.remove("target")).await),
        None => texts(&manage.sources, &manage.snippets),
    }))
}

/// The texts for tokens that are sent as these sources take them, and the app's
/// own, which take the place of those with the same label.
pub(super) fn texts(sources: &Sources, own: &[Snippet]) -> Value {
    let (name, value) = header(sources);
    let curl = format!("curl -H \"{name}: {value}\" {{origin}}/");
    let python = format!("requests.get(\"{{origin}}/\", headers={{\"{name}\": \"{value}\"}})");
    let mut texts = vec![
        (Arc::from("curl"), Arc::from(curl)),
        (Arc::from("Python"), Arc::from(python)),
    ];
    for Snippet { label, template } in own {
        let text = (Arc::clone(label), Arc::clone(template));
        match texts.iter_mut().find(|(known, _)| known == label) {
            Some(known) => *known = text,
            None => texts.push(text),
        }
    }
    let texts = texts
        .iter()
        .map(|(label, template)| json!([&**label, &**template]));
    texts.collect()
}

/// The header that a token is sent in.
fn header(sources: &Sources) -> (&str, &'static str) {
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
    fn a_token_is_shown_in_a_header_that_is_read() {
        let key = Sources::new().header("x-api-key").unwrap();
        let rows = [
            (Sources::default(), "Authorization: Bearer {token}"),
            (Sources::new().basic(), "Authorization: Basic {token}"),
            (key.clone(), "x-api-key: {token}"),
            (key.bearer(), "Authorization: Bearer {token}"),
        ];
        for (sources, header) in rows {
            let curl = format!("curl -H \"{header}\" {{origin}}/");
            assert_eq!(texts(&sources, &[])[0], json!(["curl", curl]));
        }
    }

    #[test]
    fn a_text_of_the_app_comes_last_or_in_place_of_its_namesake() {
        let own = [("curl", "curl {token}"), ("CLI", "login {token}")];
        let own = own.map(|(label, template)| Snippet {
            label: label.into(),
            template: template.into(),
        });
        let texts = texts(&Sources::default(), &own);
        assert_eq!(texts[0], json!(["curl", "curl {token}"]));
        assert_eq!(texts[1][0], "Python");
        assert_eq!(texts[2], json!(["CLI", "login {token}"]));
        assert_eq!(texts.as_array().unwrap().len(), 3);
    }
}
