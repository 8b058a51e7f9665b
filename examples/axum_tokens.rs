//! API tokens in a file, which outlive the server process.
//!
//! ```text
//! cargo run --example axum_tokens --all-features
//! curl http://127.0.0.1:3000/whoami -H "Authorization: Bearer $TOKEN"
//! curl http://127.0.0.1:3000/tokens -H "Authorization: Bearer $TOKEN"
//! ```
//!
//! `$TOKEN` is printed at the first start. The file is `tokens.db`, or that of
//! `--file PATH`.

mod common;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use http::Method;
use serde_json::{Value, json};
use tower_authn::{
    Access, AccessTable, Authenticated, AuthnLayer, protect,
    store::{Query, SqliteStore, StoredToken},
    tokens::{NewToken, Tokens, TokensOptions},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("axum_tokens", &["--file PATH"]);
    let file = flags.get("--file").unwrap_or("tokens.db");
    let tokens = Tokens::open(SqliteStore::open(file).await?, TokensOptions::new("acme")?).await?;

    let access = AccessTable::builder()
        .route(Method::GET, "/tokens", Access::scope("resources"))
        .fallback(Access::Authenticated)
        .build()?;
    let router = Router::new()
        .route("/whoami", get(whoami))
        .route("/tokens", get(list))
        .with_state(tokens.clone());
    let app = protect(router, AuthnLayer::new(tokens.verifier()).access(access));

    let listener = common::listen(&flags).await?;
    if tokens.list(Query::default()).await?.tokens.is_empty() {
        let first = NewToken::new("admin").scopes(["resources"]);
        println!("token {}", tokens.create(first).await?.secret.expose());
    }
    axum::serve(listener, app.into_make_service())
        .with_graceful_shutdown(common::stop())
        .await?;
    // Writes the uses that are not in the file yet.
    tokens.shutdown().await?;
    Ok(())
}

async fn whoami(Authenticated(caller): Authenticated) -> String {
    caller.subject().to_owned()
}

/// Lists the tokens without their secrets, of which the store has only digests.
async fn list(State(tokens): State<Tokens>) -> Result<Json<Value>, StatusCode> {
    let page = tokens.list(Query::default()).await;
    let page = page.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(page.tokens.iter().map(metadata).collect()))
}

fn metadata(StoredToken { record, usage }: &StoredToken) -> Value {
    let scopes: Vec<&str> = record.scopes.iter().map(|scope| scope.as_str()).collect();
    json!({
        "id": record.id.as_str(),
        "subject": record.subject,
        "scopes": scopes,
        "created_at": record.created_at.as_secs(),
        "expires_at": record.expires_at.map(|end| end.as_secs()),
        "last_used_at": usage.last_used_at.map(|at| at.as_secs()),
        "uses": usage.uses,
    })
}
