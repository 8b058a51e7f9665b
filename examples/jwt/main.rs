//! A verifier for JWTs that another service signs with HMAC-SHA256 (`HS256`).
//!
//! ```text
//! export JWT_SECRET=$(openssl rand -hex 32)
//! cargo run --example jwt --all-features
//! curl http://127.0.0.1:3000/whoami -H "Authorization: Bearer $TOKEN"
//! ```
//!
//! `$TOKEN` is printed at the start and valid for an hour. If your tokens are signed with
//! a private key, replace `Key::decode` by a call of a JWT library, and fix the algorithm.

#[path = "../common/mod.rs"]
mod common;
mod hs256;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::{Router, routing::get};
use serde_json::json;
use tower_authn::{Authenticated, AuthnLayer, Credential, Principal, Rejection, Verifier, protect};

use self::hs256::Key;

/// The `aud` of the tokens that were issued for this service.
const AUDIENCE: &str = "models";

struct Jwt(Key);

impl Verifier for Jwt {
    type Principal = Principal;
    const IMMEDIATE: bool = true;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        let claims = self.0.decode(credential.token());
        let claims = claims.ok_or_else(Rejection::invalid)?;
        let (Some(subject), Some(seconds)) = (claims["sub"].as_str(), claims["exp"].as_u64())
        else {
            return Err(Rejection::invalid().with_reason("no sub or no exp"));
        };
        if claims["aud"] != AUDIENCE {
            return Err(Rejection::invalid().with_reason("the token is for another service"));
        }
        let end = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        let end = end.ok_or_else(Rejection::invalid)?;
        if end <= SystemTime::now() {
            return Err(Rejection::expired());
        }
        let scopes = claims["scope"].as_str().unwrap_or_default();
        Ok(Principal::new(subject)
            .with_scope_list(scopes)
            .with_expires_at(end))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("jwt", &["--secret SECRET"]);
    let secret = flags.get("--secret").ok_or("--secret SECRET is missing")?;
    let key = Key::new(secret)?;
    let end = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 3_600;
    let token = key.encode(&json!({ "sub": "alice", "aud": AUDIENCE, "exp": end }));

    let router: Router = Router::new().route("/whoami", get(whoami));
    let app = protect(router, AuthnLayer::new(Jwt(key)));
    let listener = common::listen(&flags).await?;
    println!("token {token}");
    axum::serve(listener, app.into_make_service())
        .with_graceful_shutdown(common::stop())
        .await?;
    Ok(())
}

async fn whoami(Authenticated(caller): Authenticated) -> String {
    caller.subject().to_owned()
}
