//! The deployed apps at their paths. `resolve.rs` routes the requests to their hosts
//! here too.

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequestParts},
    response::IntoResponse,
    routing::{get, post},
};
use http::{header::CONTENT_TYPE, request::Parts};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_authn::Principal;

use crate::{
    control::{Body, Deployment},
    fault::Fault,
    model::{MAX_LENGTH, generate},
    resolve::{Closed, Requested},
};

/// The longest prompt, in bytes of its body.
const BODY_MAX: usize = 64 * 1024;

/// Returns the routes. Each has a row in `rights.rs`.
pub(crate) fn router() -> Router {
    let routes = Router::new()
        .route("/generate", post(answer))
        .route("/readyz", get(async |_: App| "ready"))
        .route("/schema.json", get(schema))
        .layer(DefaultBodyLimit::max(BODY_MAX));
    // The endpoint of an app for requests without a path.
    let main_endpoint = Router::new()
        .route("/apps/{deployment}", post(answer))
        .route("/apps/{deployment}/", post(answer))
        .layer(DefaultBodyLimit::max(BODY_MAX));
    Router::new()
        .nest("/apps/{deployment}", routes)
        .merge(main_endpoint)
}

/// The requested deployment, which the caller may use.
struct App(Deployment);

impl<S: Send + Sync> FromRequestParts<S> for App {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let caller = parts.extensions.get::<Principal>();
        let requested = parts.extensions.get::<Requested>();
        let requested = requested.ok_or(Closed::NotFound)?;
        Ok(Self(requested.open_to(caller)?.clone()))
    }
}

#[derive(Deserialize)]
struct Generate {
    prompt: String,
    #[serde(default = "Generate::max_length")]
    max_length: u32,
}

impl Generate {
    fn max_length() -> u32 {
        MAX_LENGTH
    }
}

/// Generates a text. It reads the body before it refuses a caller, because over HTTP/2
/// some clients lose an answer that arrives before they have sent the body.
async fn answer(
    app: Result<App, Fault>,
    body: Result<Body<Generate>, Fault>,
) -> Result<Json<Value>, Fault> {
    app?;
    let Body(request) = body?;
    let text = generate(&request.prompt, request.max_length);
    Ok(Json(json!({ "text": text })))
}

/// Returns the schema that the app's clients read before they call. It is a constant
/// text because they take the order of the properties as that of the arguments.
async fn schema(App(deployment): App) -> impl IntoResponse {
    const SCHEMA: &str = r#"{
  "name": "NAME",
  "type": "service",
  "routes": [{
    "name": "generate",
    "route": "/generate",
    "batchable": false,
    "input": {
      "type": "object",
      "title": "Input",
      "properties": {
        "prompt": {"type": "string", "title": "Prompt"},
        "max_length": {"type": "integer", "title": "Max Length", "default": 100}
      },
      "required": ["prompt"]
    },
    "output": {
      "type": "object",
      "title": "Output",
      "properties": {"text": {"type": "string", "title": "Text"}},
      "required": ["text"]
    }
  }]
}
"#;
    let json = [(CONTENT_TYPE, "application/json")];
    // A name has no character that JSON escapes.
    (json, SCHEMA.replace("NAME", &deployment.name))
}
