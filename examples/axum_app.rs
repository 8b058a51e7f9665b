//! A layer in front of an axum app.
//!
//! ```text
//! cargo run --example axum_app --all-features
//! curl http://127.0.0.1:3000/healthz
//! curl http://127.0.0.1:3000/whoami -H "Authorization: Bearer 9cLqJTbYzVvZyXHn"
//! curl http://127.0.0.1:3000/whoami -u alice:correct-horse
//! curl http://127.0.0.1:3000/reports -H "Authorization: Bearer kV0rXyRzNnMm3f7q"
//! ```

mod common;

use axum::{Router, routing::get};
use http::Method;
use tower_authn::{
    Access, AccessTable, Authenticated, AuthnLayer, Verifier, protect,
    verifier::{FixedTokens, FixedUsers},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("axum_app", &[]);
    // Yours come from a file (`FixedTokens::from_file`) or the environment.
    let tokens = FixedTokens::parse(
        "9cLqJTbYzVvZyXHn  ci
         kV0rXyRzNnMm3f7q  analyst  reports",
    )?;
    let users = FixedUsers::parse("alice:correct-horse  reports")?;

    let access = AccessTable::builder()
        .route(Method::GET, "/healthz", Access::Public)
        .route(Method::GET, "/reports", Access::scope("reports"))
        .fallback(Access::Authenticated)
        .build()?;

    let router: Router = Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/reports", get(async || "no incidents"))
        .route("/whoami", get(whoami));
    let app = protect(router, AuthnLayer::new(tokens.or(users)).access(access));

    let listener = common::listen(&flags).await?;
    axum::serve(listener, app.into_make_service())
        .with_graceful_shutdown(common::stop())
        .await?;
    Ok(())
}

async fn whoami(Authenticated(caller): Authenticated) -> String {
    caller.subject().to_owned()
}
