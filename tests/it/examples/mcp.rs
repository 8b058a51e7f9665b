//! `mcp_server`, called by a client that knows only its address.

use serde_json::{Value, json};

use super::{Example, STRONGER, TOKEN};
use crate::bentocloud::Call;

/// A message to the server.
fn message(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })
}

fn tool(name: &str) -> Value {
    let params = json!({ "name": name, "arguments": { "text": "hi" } });
    message("tools/call", &params)
}

async fn send(
    app: &Example,
    token: &str,
    session: Option<&str>,
    message: &Value,
) -> (http::response::Parts, Value) {
    let call = Call::new("POST", "/mcp").token(token).json(message);
    let call = match session {
        Some(id) => call.header("mcp-session-id", id),
        None => call,
    };
    let answer = call.send(app.address()).await;
    let body = serde_json::from_slice(&answer.body).unwrap_or_default();
    (answer.head, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_server_is_found_from_a_refusal_and_asks_for_the_scopes_of_a_tool() {
    let issuer = "https://login.example.com";
    let app = Example::start("mcp_server", &["--issuer", issuer, "--token", TOKEN]);
    let metadata = format!("{}/.well-known/oauth-protected-resource", app.url);
    let link = format!(r#"resource_metadata="{metadata}""#);
    for token in ["", STRONGER] {
        let (head, _) = send(&app, token, None, &message("initialize", &json!({}))).await;
        assert_eq!(head.status, 401);
        let challenge = head.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.ends_with(&link), "{challenge}");
    }
    let (status, document) = app
        .ask("GET", "/.well-known/oauth-protected-resource", "")
        .await;
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["resource"], app.url);
    assert_eq!(document["authorization_servers"], json!([issuer]));
    let scopes = json!(["tools:echo", "tools:restart"]);
    assert_eq!(document["scopes_supported"], scopes);

    let (head, body) = send(&app, TOKEN, None, &tool("echo")).await;
    assert_eq!(head.status, 200);
    let text = &body["result"]["content"][0]["text"];
    assert_eq!(text, r#"{"text":"hi"}"#);
    let (head, _) = send(&app, TOKEN, None, &tool("restart")).await;
    assert_eq!(head.status, 403);
    let expected = format!(r#"Bearer error="insufficient_scope", scope="tools:restart", {link}"#);
    assert_eq!(head.headers["www-authenticate"], expected);
    app.ends_clean("TERM");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_server_speaks_json_rpc_and_knows_no_session_but_its_own() {
    let mut app = Example::start("mcp_server", &["--resource", "https://tools.example/mcp"]);
    let token = app.token();
    let (head, body) = send(&app, &token, None, &message("initialize", &json!({}))).await;
    assert_eq!((head.status.as_u16(), &body["id"]), (200, &json!(7)));
    assert!(
        body["result"]["capabilities"]["tools"].is_object(),
        "{body}"
    );
    let session = head.headers["mcp-session-id"].to_str().unwrap();
    let list = message("tools/list", &json!({}));
    let (head, body) = send(&app, &token, Some(session), &list).await;
    assert_eq!(head.status, 200);
    assert_eq!(body["result"]["tools"][0]["name"], "echo");
    let (head, _) = send(&app, &token, Some("0"), &list).await;
    assert_eq!(head.status, 404);

    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(
        send(&app, &token, Some(session), &notification)
            .await
            .0
            .status,
        202
    );
    for (message, code) in [
        (tool("other"), -32602),
        (message("other", &json!({})), -32601),
    ] {
        let (_, body) = send(&app, &token, None, &message).await;
        assert_eq!(body["error"]["code"], code);
    }
    let path = "/.well-known/oauth-protected-resource/mcp";
    let document: Value = serde_json::from_str(&app.ask("GET", path, "").await.1).unwrap();
    assert_eq!(document["resource"], "https://tools.example/mcp");
    app.ends_clean("TERM");
}
