//! JSON-RPC over `POST /mcp`.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tower_authn::{Authenticated, resource::ResourceMetadata};

use super::tools::{self, Refused};

/// The number of sessions. Each number is the id of one, and `BoundSessions` makes it
/// useless to everyone else.
static SESSIONS: AtomicU64 = AtomicU64::new(0);

#[derive(Deserialize)]
pub(crate) struct Call {
    /// `None` for a notification.
    id: Option<Value>,
    method: String,
    #[serde(default)]
    params: Value,
}

pub(crate) async fn answer(
    State(metadata): State<ResourceMetadata>,
    Authenticated(caller): Authenticated,
    Json(call): Json<Call>,
) -> Response {
    let Some(id) = call.id else {
        return StatusCode::ACCEPTED.into_response();
    };
    let result = match call.method.as_str() {
        "initialize" => {
            let session = SESSIONS.fetch_add(1, Ordering::Relaxed).to_string();
            let response = respond(&id, "result", &initialize());
            return ([("mcp-session-id", session)], response).into_response();
        }
        "ping" => json!({}),
        "tools/list" => tools::list(),
        "tools/call" => match tools::call(&caller, &call.params) {
            Ok(result) => result,
            Err(Refused::Unknown) => return error(&id, -32602, "unknown tool"),
            Err(Refused::LacksScopes(required)) => return metadata.insufficient_scope(&required),
        },
        _ => return error(&id, -32601, "unknown method"),
    };
    respond(&id, "result", &result).into_response()
}

fn initialize() -> Value {
    json!({
        "protocolVersion": "2025-06-18",
        "capabilities": { "tools": {} },
        "serverInfo": { "name": "example", "version": env!("CARGO_PKG_VERSION") },
    })
}

fn error(id: &Value, code: i32, message: &str) -> Response {
    let error = json!({ "code": code, "message": message });
    respond(id, "error", &error).into_response()
}

fn respond(id: &Value, name: &str, value: &Value) -> Json<Value> {
    Json(json!({ "jsonrpc": "2.0", "id": id, name: value }))
}
