//! The OpenAPI 3.1 document of the routes.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderName, Uri};
use serde_json::{Map, Value, json};

use crate::credential::{Scheme, Sources};

/// The document for the default sources.
const DOCUMENT: &str = include_str!("openapi.json");

/// Returns the document with the security schemes of these sources.
pub(super) fn document(sources: &Sources) -> Value {
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let mut schemes = Map::new();
    for scheme in sources.schemes() {
        let (name, scheme) = match scheme {
            Scheme::Basic => {
                let usage = "The token itself, as in `Basic TOKEN`, not a user and password.";
                let scheme = json!({ "type": "http", "scheme": "basic", "description": usage });
                ("basic", scheme)
            }
            Scheme::Bearer => ("bearer", json!({ "type": "http", "scheme": "bearer" })),
        };
        schemes.insert(name.to_owned(), scheme);
    }
    for name in sources.headers() {
        let scheme = json!({ "type": "apiKey", "in": "header", "name": name.as_str() });
        schemes.insert(scheme_name(name), scheme);
    }
    // A client needs one of the schemes, not all.
    let alternatives: Value = schemes.keys().map(|name| json!({ name: [] })).collect();
    document["components"]["securitySchemes"] = schemes.into();
    document["security"] = alternatives;
    document
}

/// Returns the scheme name of a header: allowed characters only, and distinct from
/// `basic` and `bearer`.
fn scheme_name(header: &HeaderName) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name = header.as_str().replace(|c| !allowed(c), "_");
    match name.as_str() {
        "basic" | "bearer" => format!("header-{name}"),
        _ => name,
    }
}

/// Responds with the document, with the server's base path taken from the URI.
pub(super) fn respond(mut document: Value, uri: &Uri) -> Response {
    let base = uri.path().strip_suffix("/openapi.json");
    let base = base.filter(|base| !base.is_empty()).unwrap_or("/");
    document["servers"] = json!([{ "url": base }]);
    Json(document).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_header_has_its_own_scheme() {
        let sources = Sources::default();
        let sources = ["basic", "x-api-key", "x!key"]
            .into_iter()
            .fold(sources, |sources, name| sources.header(name).unwrap());
        let document = document(&sources);
        let schemes = &document["components"]["securitySchemes"];
        for (name, header) in [
            ("header-basic", "basic"),
            ("x-api-key", "x-api-key"),
            ("x_key", "x!key"),
        ] {
            assert_eq!(schemes[name]["name"], header);
        }
        assert_eq!(schemes["basic"]["scheme"], "basic");
    }
}
