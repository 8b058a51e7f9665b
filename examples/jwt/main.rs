//! A service that accepts the JWTs of an issuer.
//!
//! ```text
//! export JWT_SECRET=$(openssl rand -hex 32)
//! cargo run --example jwt --all-features
//! curl http://127.0.0.1:3000/whoami -H "Authorization: Bearer $TOKEN"
//! ```
//!
//! `$TOKEN` is printed at the start and valid for an hour. If your issuer signs with a
//! private key, name its algorithm, and replace the secret by `JwtKey::from_pem` or by a
//! `JwksFile`.

#[path = "../common/mod.rs"]
mod common;
mod issuer;

use axum::{Router, routing::get};
use tower_authn::{
    Authenticated, AuthnLayer,
    jwt::{Algorithm, JwtIssuer, JwtKey, JwtVerifier},
    protect,
};

const ISSUER: &str = "https://issuer.example.com";
const AUDIENCE: &str = "models";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("jwt", &["--secret SECRET"]);
    let secret = flags.get("--secret").ok_or("--secret SECRET is missing")?;

    let issuer = JwtIssuer::new(ISSUER)
        .audience(AUDIENCE)
        .algorithms([Algorithm::HS256])
        .key(JwtKey::from_secret(secret)?);
    let router: Router = Router::new().route("/whoami", get(whoami));
    let app = protect(router, AuthnLayer::new(JwtVerifier::new(issuer)?));

    let listener = common::listen(&flags).await?;
    println!("token {}", issuer::token(secret)?);
    axum::serve(listener, app.into_make_service())
        .with_graceful_shutdown(common::stop())
        .await?;
    Ok(())
}

async fn whoami(Authenticated(caller): Authenticated) -> String {
    caller.subject().to_owned()
}
