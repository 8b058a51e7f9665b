//! API tokens that several servers share over PostgreSQL. A token that one server
//! revokes is refused by the others.
//!
//! ```text
//! cargo run --example shared_tokens --all-features -- --database postgres://localhost/authn
//! cargo run --example shared_tokens --all-features -- --database postgres://localhost/authn \
//!     --listen 127.0.0.1:3001
//! curl http://127.0.0.1:3001/whoami -H "Authorization: Bearer $TOKEN"
//! curl -X DELETE http://127.0.0.1:3000/whoami -H "Authorization: Bearer $TOKEN"
//! curl http://127.0.0.1:3001/whoami -H "Authorization: Bearer $TOKEN" --fail
//! ```
//!
//! Each server creates a token and prints it.

mod common;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tower_authn::{
    Authenticated, AuthnLayer, protect,
    store::PostgresStore,
    tokens::{NewToken, TokenSelector, Tokens, TokensOptions},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("shared_tokens", &["--database URL"]);
    let database = flags.get("--database").ok_or("--database URL is missing")?;
    let store = PostgresStore::connect(database).await?;
    let tokens = Tokens::open(store, TokensOptions::new("acme")?).await?;

    let router = Router::new()
        .route("/whoami", get(whoami).delete(revoke))
        .with_state(tokens.clone());
    let app = protect(router, AuthnLayer::new(tokens.verifier()));

    let listener = common::listen(&flags).await?;
    let own = NewToken::new(listener.local_addr()?.to_string());
    println!("token {}", tokens.create(own).await?.secret.expose());
    axum::serve(listener, app.into_make_service())
        .with_graceful_shutdown(common::stop())
        .await?;
    tokens.shutdown().await?;
    Ok(())
}

async fn whoami(Authenticated(caller): Authenticated) -> String {
    caller.subject().to_owned()
}

/// Revokes the token of the caller.
async fn revoke(State(tokens): State<Tokens>, Authenticated(caller): Authenticated) -> StatusCode {
    let Some(Ok(id)) = caller.token_id().map(str::parse) else {
        return StatusCode::BAD_REQUEST;
    };
    match tokens
        .revoke(TokenSelector::Id(id), caller.subject(), "logged out")
        .await
    {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
