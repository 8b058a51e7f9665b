//! A client that knows only the URL of the resource, over a socket.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use http::{Request, Version, header::WWW_AUTHENTICATE};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::ServiceBuilder;
use tower_authn::{
    Access, AccessTable, Authenticated, AuthnLayer, ScopeRule, protect,
    resource::{ResourceMetadata, ResourceServer},
};
use tower_http::cors::CorsLayer;

use super::callers::{ALICE, BOB, tokens};
use crate::support::{Answered, send};

/// Answers a call of a tool by the scope of that tool, which the body names.
async fn call(
    Authenticated(caller): Authenticated,
    metadata: ResourceMetadata,
    Json(call): Json<Value>,
) -> Response {
    let tool = call["params"]["name"].as_str().unwrap();
    let required = ScopeRule::all_of([format!("tools:{tool}")]).unwrap();
    match required.allows(&caller) {
        true => Json(json!({ "result": tool })).into_response(),
        false => metadata.insufficient_scope(&required),
    }
}

/// Starts an MCP-like server for clients in browsers.
async fn start() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    let metadata = ResourceMetadata::builder(format!("http://{addr}/mcp"))
        .authorization_server("https://login.example.com")
        .scopes(["tools:echo"])
        .build()
        .unwrap();
    let table = AccessTable::builder()
        .route(http::Method::POST, "/mcp", Access::Authenticated)
        .build()
        .unwrap();
    let of_handler = metadata.clone();
    let handler = post(move |caller, body| call(caller, of_handler, body));
    let router: Router = Router::new().route("/mcp", handler);
    let authn = AuthnLayer::new(tokens()).access(table);
    let layers = ServiceBuilder::new()
        .layer(CorsLayer::permissive().expose_headers([WWW_AUTHENTICATE]))
        .layer(ResourceServer::new(metadata, authn).unwrap());
    let app = protect(router, layers);
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    tokio::spawn(async move { axum::serve(listener, app.into_make_service()).await });
    addr
}

async fn call_tool(addr: SocketAddr, tool: &str, token: Option<&str>) -> Answered {
    let body = json!({ "method": "tools/call", "params": { "name": tool } }).to_string();
    let request = Request::post("/mcp").header("content-type", "application/json");
    let request = request.header("origin", "https://inspector.example");
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    send(addr, Version::HTTP_11, request).await
}

/// Returns a parameter of the challenge.
fn parameter(answered: &Answered, name: &str) -> Option<String> {
    let line = answered.head.headers[WWW_AUTHENTICATE].to_str().unwrap();
    let challenges = http_auth::parse_challenges(line).unwrap();
    let mut params = challenges[0].params.iter();
    let found = params.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_unescaped())
}

#[tokio::test]
async fn j05_a_client_finds_the_issuer_from_a_refusal_and_steps_up() {
    let addr = start().await;
    let refused = call_tool(addr, "echo", None).await;
    assert_eq!(refused.head.status, 401);
    let url = parameter(&refused, "resource_metadata").unwrap();

    let path = url.strip_prefix(&format!("http://{addr}")).unwrap();
    for (method, status) in [("OPTIONS", 204), ("HEAD", 200), ("GET", 200)] {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("origin", "https://inspector.example");
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let answered = send(addr, Version::HTTP_11, request).await;
        // The CORS layer outside answers preflights, but not a bare OPTIONS.
        assert!(
            [200, status].contains(&answered.head.status.as_u16()),
            "{method}"
        );
        let origins = answered.head.headers.get_all("access-control-allow-origin");
        assert_eq!(origins.iter().collect::<Vec<_>>(), ["*"], "{method}");
        if method == "GET" {
            let metadata: Value = serde_json::from_slice(&answered.body).unwrap();
            assert_eq!(metadata["resource"], format!("http://{addr}/mcp"));
            let servers = &metadata["authorization_servers"];
            assert_eq!(servers, &json!(["https://login.example.com"]));
            assert_eq!(metadata["scopes_supported"], json!(["tools:echo"]));
        }
    }

    let refused = call_tool(addr, "echo", Some(BOB)).await;
    assert_eq!(refused.head.status, 403);
    assert_eq!(parameter(&refused, "error").unwrap(), "insufficient_scope");
    assert_eq!(parameter(&refused, "scope").unwrap(), "tools:echo");
    assert_eq!(parameter(&refused, "resource_metadata").unwrap(), url);

    let answered = call_tool(addr, "echo", Some(ALICE)).await;
    assert_eq!(answered.head.status, 200);
    let refused = call_tool(addr, "delete", Some(ALICE)).await;
    assert_eq!(parameter(&refused, "scope").unwrap(), "tools:delete");
}
