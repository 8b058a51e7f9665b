//! A page to manage API tokens, and the same for programs.
//!
//! ```text
//! cargo run --example manage --all-features
//! curl http://127.0.0.1:3000/manage/tokens -H "Authorization: Bearer $TOKEN"
//! ```
//!
//! `$TOKEN` is printed at the start; sign in with it at
//! `http://127.0.0.1:3000/api_tokens`. The tokens are gone with the process.

mod common;

use axum::Router;
use tower_authn::{
    manage::Manage,
    store::{MemoryStore, NewToken, Tokens, TokensOptions},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = TokensOptions::new("acme")?.known_scopes(["resources", "deployment"])?;
    let tokens = Tokens::open(MemoryStore::new(), options).await?;
    let first = NewToken::new("admin")
        .name("first")
        .scopes(["resources", "deployment"])
        .never_expires();
    let first = tokens.create(first).await?;

    let manage = Manage::new(tokens.clone());
    let app = Router::new()
        .nest("/manage", manage.routes())
        .nest("/api_tokens", manage.page());

    let listener = common::listen().await?;
    println!("token {}", first.secret.expose());
    axum::serve(listener, app)
        .with_graceful_shutdown(common::stop())
        .await?;
    tokens.shutdown().await?;
    Ok(())
}
