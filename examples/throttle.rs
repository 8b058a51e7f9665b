//! A limit on refused attempts, for each address that they come from.
//!
//! ```text
//! cargo run --example throttle --all-features
//! curl -i http://127.0.0.1:3000/ -H "Authorization: Bearer guess"   # 401, and 429 after 5
//! ```
//!
//! The limit is outside `AuthnLayer`, so a blocked address costs no verification. Behind
//! a proxy every request has the proxy's address: limit there instead.

mod common;

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router, ServiceExt,
    extract::{ConnectInfo, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header::RETRY_AFTER};
use tower::ServiceBuilder;
use tower_authn::{AuthnLayer, protect, verifier::FixedTokens};

const ATTEMPTS: u32 = 5;
const WINDOW: Duration = Duration::from_secs(2);

/// The refused attempts of each address, and the start of its window. A server for many
/// addresses needs a structure that does not visit all of them for each request.
type Attempts = Arc<Mutex<HashMap<IpAddr, (Instant, u32)>>>;

/// Adds to the attempts of an address, and returns their number.
fn add(attempts: &Attempts, address: IpAddr, more: u32) -> u32 {
    let mut attempts = attempts.lock().unwrap_or_else(PoisonError::into_inner);
    attempts.retain(|_, (since, _)| since.elapsed() < WINDOW);
    let first = (Instant::now(), 0);
    let (_, count) = attempts.entry(address).or_insert(first);
    *count += more;
    *count
}

async fn throttle(
    State(attempts): State<Attempts>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if add(&attempts, peer.ip(), 0) >= ATTEMPTS {
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "2")]).into_response();
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        add(&attempts, peer.ip(), 1);
    }
    response
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = common::Flags::read("throttle", &[]);
    let tokens = FixedTokens::parse("9cLqJTbYzVvZyXHn  ci")?;
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(Attempts::default(), throttle))
        .layer(AuthnLayer::new(tokens));
    let router: Router = Router::new().route("/", get(async || "hello"));
    let app = protect(router, layers).with_axum_body();

    let listener = common::listen(&flags).await?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(common::stop());
    Ok(server.await?)
}
