//! An axum app of twelve routes with configuration, JSON errors, CORS, a log, a timeout
//! and compression.
//!
//! ```text
//! cargo run --example axum_app --all-features
//! curl http://127.0.0.1:3000/models -H "Authorization: Bearer 9cLqJTbYzVvZyXHn"
//! curl http://127.0.0.1:3000/models/llama -X DELETE -u alice:correct-horse
//! ```
//!
//! `--tokens FILE` replaces the tokens below, and `--origin URL` allows the scripts of a
//! page to call. Both are also read from the environment, as `AXUM_APP_TOKENS` and
//! `AXUM_APP_ORIGIN`.

#[path = "../common/mod.rs"]
mod common;
mod routes;

use std::time::Duration;

use axum::{extract::Request, response::Response};
use http::{HeaderValue, Method, StatusCode, header::AUTHORIZATION};
use tower::ServiceBuilder;
use tower_authn::{
    AuthnLayer, Verifier, protect,
    verifier::{FixedTokens, FixedUsers},
};
use tower_http::{
    compression::CompressionLayer, cors::CorsLayer,
    sensitive_headers::SetSensitiveRequestHeadersLayer, timeout::TimeoutLayer, trace::TraceLayer,
};

const TOKENS: &str = "
    9cLqJTbYzVvZyXHn  ci     models:read
    kV0rXyRzNnMm3f7q  admin  models jobs usage
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("axum_app", &["--tokens FILE", "--origin URL"]);
    let tokens = match flags.get("--tokens") {
        Some(file) => FixedTokens::from_file(file)?,
        None => FixedTokens::parse(TOKENS)?,
    };
    let users = FixedUsers::parse("alice:correct-horse  models")?;
    let mut cors = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([AUTHORIZATION]);
    if let Some(origin) = flags.get("--origin") {
        cors = cors.allow_origin([origin.parse::<HeaderValue>()?]);
    }
    let trace = TraceLayer::new_for_http()
        .on_request(|r: &Request, _: &_| eprintln!("{} {} {:?}", r.method(), r.uri(), r.headers()))
        .on_response(|r: &Response<_>, time, _: &_| eprintln!("{} in {time:?}", r.status()));
    let timeout = Duration::from_secs(30);
    let layers = ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
        .layer(trace)
        .layer(cors)
        .layer(CompressionLayer::new())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            timeout,
        ))
        .layer(
            AuthnLayer::new(tokens.or(users))
                .access(routes::access()?)
                .respond(routes::refusal),
        );
    let app = protect(routes::router(), layers).into_make_service();

    let listener = common::listen(&flags).await?;
    let server = axum::serve(listener, app).with_graceful_shutdown(common::stop());
    Ok(server.await?)
}
