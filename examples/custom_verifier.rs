//! A verifier that asks another service, and the answer to callers during its outage.
//!
//! ```text
//! cargo run --example custom_verifier --all-features
//! curl -i http://127.0.0.1:3000/ -H "Authorization: Bearer 9cLqJTbYzVvZyXHn"
//! curl -X POST http://127.0.0.1:3000/outage   # starts one, and ends it
//! ```
//!
//! During an outage the valid token gets 503 and `Retry-After`, never 401: clients
//! discard a token that is called invalid.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, time::Duration};

use axum::{Router, routing};
use tower_authn::{Authenticated, AuthnLayer, Credential, Rejection, Verifier};

#[derive(Clone)]
struct User {
    name: &'static str,
}

/// A substitute for a database or another service.
#[derive(Default)]
struct Directory {
    down: AtomicBool,
}

impl Directory {
    async fn find(&self, credential: &Credential<'_>) -> io::Result<Option<User>> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if self.down.load(Ordering::Relaxed) {
            return Err(io::Error::other("the directory is down"));
        }
        // Look a token up by its digest, if there are many: see docs/own-verifier.md.
        let known = credential.matches("9cLqJTbYzVvZyXHn");
        Ok(known.then_some(User { name: "alice" }))
    }

    fn toggle(&self) {
        self.down.fetch_xor(true, Ordering::Relaxed);
    }
}

impl Verifier for Directory {
    type Principal = User;

    async fn verify(&self, credential: &Credential<'_>) -> Result<User, Rejection> {
        let found = self.find(credential).await;
        found
            .map_err(Rejection::unavailable)?
            .ok_or_else(Rejection::invalid)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("custom_verifier", &[]);
    let directory = Arc::new(Directory::default());
    let layer = AuthnLayer::new(Arc::clone(&directory));
    let outage = async move || directory.toggle();

    let app: Router = Router::new()
        .route("/", routing::get(greet))
        .layer(layer)
        // Added after the layer, so it is open to all. For this demonstration only.
        .route("/outage", routing::post(outage));

    let listener = common::listen(&flags).await?;
    let server = axum::serve(listener, app).with_graceful_shutdown(common::stop());
    Ok(server.await?)
}

async fn greet(Authenticated(user): Authenticated<User>) -> String {
    format!("hello, {}", user.name)
}
