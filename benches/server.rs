//! Counts what a layer adds to a whole axum server:
//! `cargo bench --all-features --bench server`.
//!
//! Server and client share one thread and a socket on loopback. Callgrind counts both
//! of them, and the count without a layer is subtracted.

#![expect(
    unreachable_pub,
    reason = "modules of one program, nothing is reachable"
)]

mod callgrind;

use std::env;

use axum::{Router, body::Body, routing::post};
use http::{Request, StatusCode, header::AUTHORIZATION};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Bytes, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    spawn,
};
use tower_authn::{AuthnLayer, Principal, verifier::FixedTokens};
use tower_http::validate_request::ValidateRequestHeaderLayer;

use self::callgrind::{Counts, REPEAT};

const TOKEN: &str = "9cLqJTbYzVvZyXHn9cLqJTbYzVvZyXHn9cLqJTbYzVvZyXHn";

/// The guards, by the number that a run is given.
const GUARDS: [&str; 4] = [
    "no layer",
    "**`AuthnLayer`**, 1 token, no principal",
    "**`AuthnLayer`**, 10 tokens",
    "tower-http `bearer`, 1 token, no principal",
];
const PROTOCOLS: [&str; 2] = ["HTTP/1.1", "HTTP/2"];

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        [REPEAT, guard, protocol, requests] => {
            let number = |text: &str| text.parse::<usize>().expect("a number");
            run(number(guard), number(protocol), number(requests));
        }
        [.., "--test"] | ["--test", ..] => {
            for guard in 0..GUARDS.len() {
                (0..PROTOCOLS.len()).for_each(|protocol| run(guard, protocol, 2));
            }
        }
        _ => report(),
    }
}

fn report() {
    println!("| guard | {} |", PROTOCOLS.join(" | "));
    println!("|---|---|---|");
    for (guard, name) in GUARDS.iter().enumerate() {
        let cells = [0, 1].map(
            |protocol| match (counts(guard, protocol), counts(0, protocol)) {
                (Some(own), Some(bare)) => match guard {
                    0 => format!("{}, with the client", own.instructions),
                    _ => format!("+{}", own.over(bare).instructions),
                },
                _ => "not counted".to_owned(),
            },
        );
        println!("| {name} | {} |", cells.join(" | "));
    }
}

fn counts(guard: usize, protocol: usize) -> Option<Counts> {
    let arguments = [guard, protocol].map(|number| number.to_string());
    Counts::measure("*counted_by_callgrind*", &arguments)
}

fn run(guard: usize, protocol: usize, requests: usize) {
    let runtime = Builder::new_current_thread().enable_io().build();
    let runtime = runtime.expect("a runtime");
    counted_by_callgrind(&runtime, guarded(guard), protocol, requests);
}

#[expect(deprecated, reason = "this crate replaces the deprecated layer")]
fn guarded(guard: usize) -> Router {
    type Bearer = tower_http::auth::require_authorization::Bearer<Body>;

    let router = Router::new().route("/", post(async || StatusCode::ACCEPTED));
    match guard {
        0 => router,
        1 => router.layer(AuthnLayer::new(tokens(1)).without_principal()),
        2 => router.layer(AuthnLayer::new(tokens(10))),
        _ => router.layer(ValidateRequestHeaderLayer::<Bearer>::bearer(TOKEN)),
    }
}

fn tokens(count: usize) -> FixedTokens {
    let others = (1..count).map(|n| format!("{n:048}"));
    let tokens = others.chain([TOKEN.to_owned()]);
    let with_principal = tokens.map(|token| (token, Principal::new("ci")));
    FixedTokens::new(with_principal).expect("a good list")
}

#[inline(never)]
fn counted_by_callgrind(runtime: &Runtime, app: Router, protocol: usize, requests: usize) {
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        spawn(axum::serve(listener, app).into_future());
        let stream = TcpStream::connect(address).await.expect("a connection");
        let stream = TokioIo::new(stream);
        if protocol == 0 {
            let (mut sender, connection) = conn::http1::handshake(stream).await.expect("HTTP/1.1");
            spawn(connection);
            for _ in 0..requests {
                sender.ready().await.expect("an open connection");
                check(sender.send_request(request("/")).await).await;
            }
        } else {
            let handshake = conn::http2::handshake(TokioExecutor::new(), stream);
            let (mut sender, connection) = handshake.await.expect("HTTP/2");
            spawn(connection);
            for _ in 0..requests {
                let uri = format!("http://{address}/");
                check(sender.send_request(request(&uri)).await).await;
            }
        }
    });
}

fn request(uri: &str) -> Request<Empty<Bytes>> {
    Request::post(uri)
        .header("accept", "*/*")
        .header("content-type", "application/json")
        .header("host", "localhost")
        .header("user-agent", "bench")
        .header(AUTHORIZATION, format!("Bearer {TOKEN}"))
        .body(Empty::new())
        .expect("a good request")
}

async fn check(response: hyper::Result<hyper::Response<hyper::body::Incoming>>) {
    let response = response.expect("an answer");
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    response.collect().await.expect("a whole body");
}
