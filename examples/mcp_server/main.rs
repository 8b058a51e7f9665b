//! An MCP server over streamable HTTP, as a protected resource of OAuth 2.0.
//!
//! ```text
//! cargo run --example mcp_server --all-features
//! curl http://127.0.0.1:3000/.well-known/oauth-protected-resource
//! curl http://127.0.0.1:3000/mcp -H "Authorization: Bearer $TOKEN" --json \
//!     '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo"}}'
//! ```
//!
//! `$TOKEN` is printed at the start, or is that of `--token`.

#[path = "../common/mod.rs"]
mod common;
mod rpc;
mod token;
mod tools;

use axum::{Router, routing::post};
use http::header::WWW_AUTHENTICATE;
use tower::ServiceBuilder;
use tower_authn::{
    Access, AccessTable, AuthnLayer, Principal, protect,
    resource::{BoundSessions, ResourceMetadata, ResourceServer},
    verifier::FixedTokens,
};
use tower_http::cors::{Any, CorsLayer};

const FLAGS: [&str; 3] = ["--issuer URL", "--resource URL", "--token TOKEN"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("mcp_server", &FLAGS);
    let listener = common::listen(&flags).await?;
    let address = format!("http://{}", listener.local_addr()?);
    let token = match flags.get("--token") {
        Some(token) => token.to_owned(),
        None => token::print_random()?,
    };
    let agent = Principal::new("agent").with_scopes(["tools:echo"])?;
    let verifier = FixedTokens::new([(token.as_str(), agent)])?;

    let metadata = ResourceMetadata::builder(flags.get("--resource").unwrap_or(&address))
        .scopes(["tools:echo", "tools:restart"])
        .name("Tools");
    let metadata = match flags.get("--issuer") {
        Some(issuer) => metadata.authorization_server(issuer).build()?,
        None => metadata.build()?,
    };
    let table = AccessTable::builder()
        .any("/mcp", Access::Authenticated)
        .build()?;
    let authn = AuthnLayer::new(verifier).access(table);

    let mcp = post(rpc::answer).layer(BoundSessions::new()?);
    let router = Router::new()
        .route("/mcp", mcp)
        .with_state(metadata.clone());
    let layers = ServiceBuilder::new()
        .layer(cors())
        .layer(ResourceServer::new(metadata, authn)?);
    let app = protect(router, layers);
    axum::serve(listener, app.into_make_service())
        .with_graceful_shutdown(common::stop())
        .await?;
    Ok(())
}

/// Clients in browsers read two headers of responses.
fn cors() -> CorsLayer {
    let session = http::HeaderName::from_static("mcp-session-id");
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(Any)
        .allow_headers(Any)
        .expose_headers([WWW_AUTHENTICATE, session])
}
