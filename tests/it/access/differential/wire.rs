//! The same, over connections of HTTP/1.1 and HTTP/2.

use std::net::SocketAddr;

use http::Version;
use http_body_util::Full;
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower_authn::{AccessTable, protect};

use super::{Seed, Tally, app, check, handler, layer, request, requests::token, seed};
use crate::support::{open, serve};

/// The handler that answers a target sent byte by byte: clients refuse or
/// change some. `None` if no handler does.
async fn over_http1(address: SocketAddr, seed: &Seed, target: &str) -> Option<usize> {
    let credential = token(seed.caller).map(|token| format!("authorization: {token}\r\n"));
    let head = format!(
        "{} {target} HTTP/1.1\r\nhost: host.example\r\nconnection: close\r\n\
         content-type: application/grpc\r\ncontent-length: 5\r\n{}\r\n\0\0\0\0\0",
        seed.method(),
        credential.unwrap_or_default()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read_buf(&mut answer).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let answer = String::from_utf8_lossy(&answer).to_lowercase();
    let id = answer
        .lines()
        .find_map(|line| line.strip_prefix("x-route: "));
    id.map(|id| id.trim().parse().unwrap())
}

async fn over_http2(address: SocketAddr, seed: &Seed, target: &str) -> Option<usize> {
    let (head, _) = request(seed.method(), target, seed.caller)?.into_parts();
    let body = Full::new(bytes::Bytes::from_static(&[0; 5]));
    let request = http::Request::from_parts(head, body);
    // The body is not read: tonic answers HEAD with one, which no client takes.
    handler(open(address, Version::HTTP_2, request).await.headers())
}

#[tokio::test]
async fn s01_no_request_over_a_connection_reaches_a_handler_with_less() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tally = Tally::default();
    for _ in 0..25 {
        let apps = (app::app(), vec(seed(), 25));
        let (mut app, seeds) = apps.new_tree(&mut runner).unwrap().current();
        let empty = AccessTable::builder().build().unwrap();
        let table = std::mem::replace(&mut app.table, empty);
        let guarded = serve(protect(app.router.clone(), layer(table))).await;
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alone = socket.local_addr().unwrap();
        let router = app.router.clone();
        tokio::spawn(async move { axum::serve(socket, router).await });
        for seed in &seeds {
            let target = seed.target(&app);
            if request(seed.method(), &target, seed.caller).is_none() {
                continue;
            }
            let asked = format!("{} {target} {:?}", seed.method(), seed.caller);
            let answers = (
                over_http1(alone, seed, &target).await,
                over_http1(guarded, seed, &target).await,
            );
            let verdict = check(&app, (&target, seed.caller), answers, &tally);
            verdict.unwrap_or_else(|error| panic!("HTTP/1.1 {asked}: {error} {app:#?}"));
            if target.starts_with('/') && seed.method() != http::Method::CONNECT {
                let answers = (
                    over_http2(alone, seed, &target).await,
                    over_http2(guarded, seed, &target).await,
                );
                let verdict = check(&app, (&target, seed.caller), answers, &tally);
                verdict.unwrap_or_else(|error| panic!("HTTP/2 {asked}: {error} {app:#?}"));
            }
        }
    }
    for seen in [&tally.admitted, &tally.refused, &tally.rpcs, &tally.odd] {
        assert!(seen.get() > 10, "too little was seen: {tally:?}");
    }
}
