//! A verifier of your own, that asks elsewhere, and what callers see when
//! nobody answers there.
//!
//! ```text
//! cargo run --example custom_verifier --all-features
//! curl -i http://127.0.0.1:3000/ -H "Authorization: Bearer 9cLqJTbYzVvZyXHn"
//! curl -X POST http://127.0.0.1:3000/outage   # begins one, and ends it
//! ```
//!
//! During an outage the good token gets 503 and `Retry-After`, never 401:
//! clients throw a token away that is called bad.

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

/// Stands for a database, or for another service.
#[derive(Default)]
struct Directory {
    down: AtomicBool,
}

impl Directory {
    async fn find(&self, credential: &Credential<'_>) -> io::Result<Option<User>> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if self.down.load(Ordering::Relaxed) {
            return Err(io::Error::other("the directory does not answer"));
        }
        // Where there are many, look up a digest of `credential.token()`.
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
    let directory = Arc::new(Directory::default());
    let layer = AuthnLayer::new(Arc::clone(&directory));
    let outage = async move || directory.toggle();

    let app: Router = Router::new()
        .route("/", routing::get(greet))
        .layer(layer)
        // Added after the layer, so open to all: for this demonstration alone.
        .route("/outage", routing::post(outage));

    let listener = common::listen().await?;
    let server = axum::serve(listener, app).with_graceful_shutdown(common::stop());
    Ok(server.await?)
}

async fn greet(Authenticated(user): Authenticated<User>) -> String {
    format!("hello, {}", user.name)
}
