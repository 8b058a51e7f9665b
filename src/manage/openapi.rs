//! The routes, for programs: OpenAPI 3.1.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderName, Uri};
use serde_json::{Map, Value, json};

use crate::credential::{Scheme, Sources};

/// All of it, as the default sources have it.
const DOCUMENT: &str = include_str!("openapi.json");

/// The document, with the security schemes that these sources take.
pub(super) fn document(sources: &Sources) -> Value {
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let mut schemes = Map::new();
    for scheme in sources.schemes() {
        let (name, scheme) = match scheme {
            Scheme::Basic => {
                let raw = "The token as it stands, `Basic TOKEN`, and no user and password.";
                let scheme = json!({ "type": "http", "scheme": "basic", "description": raw });
                ("basic", scheme)
            }
            Scheme::Bearer => ("bearer", json!({ "type": "http", "scheme": "bearer" })),
        };
        schemes.insert(name.to_owned(), scheme);
    }
    for name in sources.headers() {
        let scheme = json!({ "type": "apiKey", "in": "header", "name": name.as_str() });
        schemes.insert(key(name), scheme);
    }
    // One of them is enough.
    let any: Value = schemes.keys().map(|name| json!({ name: [] })).collect();
    document["components"]["securitySchemes"] = schemes.into();
    document["security"] = any;
    document
}

/// The name of a scheme, less what no name may hold, and never one of ours.
fn key(header: &HeaderName) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name = header.as_str().replace(|c| !allowed(c), "_");
    match name.as_str() {
        "basic" | "bearer" => format!("header-{name}"),
        _ => name,
    }
}

/// The document, as it is asked for at this place.
pub(super) fn serve(mut document: Value, uri: &Uri) -> Response {
    let base = uri.path().strip_suffix("/openapi.json");
    let base = base.filter(|base| !base.is_empty()).unwrap_or("/");
    document["servers"] = json!([{ "url": base }]);
    Json(document).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_any_name_is_a_scheme_of_its_own() {
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
