//! WebSocket handshakes over HTTP/1.1 (RFC 6455) and HTTP/2 (RFC 8441).

use std::net::SocketAddr;

use axum::{Router, body::Body, extract::Request, response::Response, routing::any};
use http::{Method, StatusCode, Version, header};
use http_body_util::Empty;
use hyper::{
    client::conn::{http1, http2},
    ext::Protocol,
    upgrade::{OnUpgrade, Upgraded, on},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, split},
    net::TcpStream,
};
use tower_authn::{Access, AccessTable, AuthnLayer, protect};

use crate::support::{Calls, Spy, TOKEN, serve};

/// The key and its answer from RFC 6455, section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Answers a handshake as its version of HTTP has it, and then echoes.
async fn echo(mut request: Request) -> Response {
    let answer = Response::builder();
    let protocol = request.extensions().get::<Protocol>();
    let answer = match (request.version(), request.method(), protocol) {
        (Version::HTTP_11, &Method::GET, None)
            if request.headers().contains_key(header::SEC_WEBSOCKET_KEY) =>
        {
            answer
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header(header::CONNECTION, "upgrade")
                .header(header::UPGRADE, "websocket")
                .header(header::SEC_WEBSOCKET_ACCEPT, ACCEPT)
        }
        (Version::HTTP_2, &Method::CONNECT, Some(protocol)) if protocol.as_str() == "websocket" => {
            answer.status(StatusCode::OK)
        }
        _ => {
            let refused = answer.status(StatusCode::BAD_REQUEST);
            return refused.body(Body::empty()).unwrap();
        }
    };
    let upgrade: OnUpgrade = on(&mut request);
    tokio::spawn(async move {
        let (mut read, mut write) = split(TokioIo::new(upgrade.await.unwrap()));
        copy(&mut read, &mut write).await
    });
    answer.body(Body::empty()).unwrap()
}

async fn start() -> (SocketAddr, Calls) {
    let reached = Calls::default();
    let table = AccessTable::builder()
        .websocket("/ws", Access::scope("deployment"))
        .websocket("/closed", Access::scope("resources"))
        .route(Method::GET, "/get", Access::scope("deployment"))
        .build()
        .unwrap();
    let count = reached.clone();
    let handler = any(move |request| {
        count.add();
        echo(request)
    });
    let app = Router::new()
        .route("/ws", handler.clone())
        .route("/closed", handler.clone())
        .route("/get", handler.clone())
        .fallback(handler);
    let layer = AuthnLayer::new(Spy::default()).access(table);
    (serve(protect(app, layer)).await, reached)
}

/// A request for a target as it is, on a connection of its own.
async fn send(
    address: SocketAddr,
    version: Version,
    mut request: http::Request<Empty<&'static [u8]>>,
    credential: Option<&str>,
) -> Response<hyper::body::Incoming> {
    if let Some(token) = credential {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    if version == Version::HTTP_11 {
        let (mut client, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        return client.send_request(request).await.unwrap();
    }
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    // After an answer the client knows that the server takes extended CONNECT.
    let first = format!("http://{address}/");
    let first = http::Request::get(first).body(Empty::new()).unwrap();
    client.send_request(first).await.unwrap();
    client.send_request(request).await.unwrap()
}

/// A WebSocket handshake, in the version's own form.
async fn handshake(
    address: SocketAddr,
    version: Version,
    path: &str,
    credential: Option<&str>,
) -> Response<hyper::body::Incoming> {
    let request = http::Request::builder().header(header::SEC_WEBSOCKET_VERSION, "13");
    let request = match version {
        Version::HTTP_11 => request
            .uri(path)
            .header(header::HOST, "host.example")
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_KEY, KEY),
        _ => request
            .method(Method::CONNECT)
            .uri(format!("http://{address}{path}"))
            .extension(Protocol::from_static("websocket")),
    };
    let request = request.body(Empty::new()).unwrap();
    send(address, version, request, credential).await
}

async fn assert_echoes(upgraded: Upgraded) {
    let mut stream = TokioIo::new(upgraded);
    stream.write_all(b"ping").await.unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"ping");
}

#[tokio::test]
async fn s04_a_websocket_row_holds_over_http_1_and_http_2() {
    for (version, opened) in [(Version::HTTP_11, 101), (Version::HTTP_2, 200)] {
        let (address, reached) = start().await;
        for (path, credential, status) in [
            ("/ws", None, 401),
            ("/ws", Some("nope"), 401),
            ("/closed", None, 401),
            ("/closed", Some(TOKEN), 403),
            ("/elsewhere", Some(TOKEN), 404),
        ] {
            let answer = handshake(address, version, path, credential).await;
            assert_eq!(answer.status(), status, "{version:?} {path} {credential:?}");
            assert_eq!(reached.count(), 0, "{version:?} {path} {credential:?}");
        }
        let answer = handshake(address, version, "/ws", Some(TOKEN)).await;
        assert_eq!(answer.status(), opened, "{version:?}");
        assert_eq!(reached.count(), 1, "{version:?}");
        assert_echoes(on(answer).await.unwrap()).await;
    }
}

#[tokio::test]
async fn s04_a_row_for_get_opens_a_websocket_over_http_1_alone() {
    let (address, reached) = start().await;
    let answer = handshake(address, Version::HTTP_11, "/get", Some(TOKEN)).await;
    assert_eq!((answer.status().as_u16(), reached.count()), (101, 1));
    let answer = handshake(address, Version::HTTP_2, "/get", Some(TOKEN)).await;
    assert_eq!((answer.status().as_u16(), reached.count()), (404, 1));
}

#[tokio::test]
async fn s04_a_websocket_row_decides_every_get_and_connect_of_its_path() {
    let (address, reached) = start().await;
    let request = |method: &str, target: &str| {
        let request = http::Request::builder().method(method).uri(target);
        let request = request.header(header::HOST, "host.example");
        request.body(Empty::new()).unwrap()
    };
    // No handshakes: a plain GET, and a CONNECT of HTTP/1.1 with a path.
    for (calls, method) in [(1, "GET"), (2, "CONNECT")] {
        let answer = send(address, Version::HTTP_11, request(method, "/ws"), None).await;
        assert_eq!(answer.status(), 401, "{method}");
        let with = send(
            address,
            Version::HTTP_11,
            request(method, "/ws"),
            Some(TOKEN),
        )
        .await;
        assert_eq!(
            (with.status().as_u16(), reached.count()),
            (400, calls),
            "{method}"
        );
    }
    // A CONNECT to a host has no path, and so no row.
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let tunnel = || {
            let mut tunnel = request("CONNECT", "host.example:80");
            tunnel.headers_mut().clear();
            tunnel
        };
        let answer = send(address, version, tunnel(), None).await;
        assert_eq!(answer.status(), 401, "{version:?}");
        let with = send(address, version, tunnel(), Some(TOKEN)).await;
        assert_eq!(
            (with.status().as_u16(), reached.count()),
            (404, 2),
            "{version:?}"
        );
    }
    let post = send(
        address,
        Version::HTTP_11,
        request("POST", "/ws"),
        Some(TOKEN),
    )
    .await;
    assert_eq!((post.status().as_u16(), reached.count()), (404, 2));
}
