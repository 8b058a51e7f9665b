//! A server of tools for AI agents (JSON-RPC over `POST /mcp`), with a scope for each tool.
//!
//! ```text
//! cargo run --example mcp --all-features
//! curl http://127.0.0.1:3000/mcp -H "Authorization: Bearer 9cLqJTbYzVvZyXHn" \
//!     --json '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search"}}'
//! ```

#[path = "../common/mod.rs"]
mod common;
mod tools;

use axum::{
    Json, Router,
    response::{IntoResponse, Response},
    routing::post,
};
use http::{StatusCode, header::WWW_AUTHENTICATE};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_authn::{Authenticated, AuthnLayer, protect, verifier::FixedTokens};

use self::tools::Refused;

#[derive(Deserialize)]
struct Call {
    /// `None` for a notification.
    id: Option<Value>,
    method: String,
    #[serde(default)]
    params: Value,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("mcp", &[]);
    let tokens = FixedTokens::parse(
        "9cLqJTbYzVvZyXHn  assistant  docs:read
         kV0rXyRzNnMm3f7q  operator   docs:read deployment",
    )?;
    let router: Router = Router::new().route("/mcp", post(answer));
    let app = protect(router, AuthnLayer::new(tokens));

    let listener = common::listen(&flags).await?;
    axum::serve(listener, app.into_make_service())
        .with_graceful_shutdown(common::stop())
        .await?;
    Ok(())
}

async fn answer(Authenticated(caller): Authenticated, Json(call): Json<Call>) -> Response {
    let Some(id) = call.id else {
        return StatusCode::ACCEPTED.into_response();
    };
    let result = match call.method.as_str() {
        "initialize" => json!({
            "protocolVersion": "2025-06-18",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "example", "version": env!("CARGO_PKG_VERSION") },
        }),
        "ping" => json!({}),
        "tools/list" => tools::list(&caller),
        "tools/call" => match tools::call(&caller, &call.params["name"]) {
            Ok(result) => result,
            Err(Refused::Unknown) => return error(&id, -32602, "unknown tool"),
            Err(Refused::LacksScope(scope)) => {
                let challenge = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
                return (StatusCode::FORBIDDEN, [(WWW_AUTHENTICATE, challenge)]).into_response();
            }
        },
        _ => return error(&id, -32601, "unknown method"),
    };
    Json(json!({ "jsonrpc": "2.0", "id": id, "result": result })).into_response()
}

fn error(id: &Value, code: i32, message: &str) -> Response {
    let error = json!({ "code": code, "message": message });
    Json(json!({ "jsonrpc": "2.0", "id": id, "error": error })).into_response()
}
