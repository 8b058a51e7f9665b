//! Rows C as a real server sees them: axum on a socket, and bytes.

use axum::Router;
use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::make::Shared;
use tower_authn::{AuthnLayer, protect};

use super::bearer;
use crate::support::{Calls, Spy};

/// A server that answers 101 to an upgrade and 200 to every other request.
struct Server {
    listener: std::net::SocketAddr,
    spy: Spy,
    reached: Calls,
}

impl Server {
    async fn start() -> Self {
        let (spy, reached) = (Spy::default(), Calls::default());
        let count = reached.clone();
        let handler = move |request: axum::extract::Request| async move {
            count.add();
            match request.headers().get("upgrade") {
                Some(to) if to == "websocket" => StatusCode::SWITCHING_PROTOCOLS,
                _ => StatusCode::OK,
            }
        };
        let app = protect(
            Router::new().fallback(handler),
            AuthnLayer::new(spy.clone()),
        );
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = socket.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(socket, Shared::new(app)).await });
        Self {
            listener,
            spy,
            reached,
        }
    }

    /// Sends bytes, and gives the status of the answer and its head.
    async fn send(&self, bytes: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.listener).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let (mut head, mut buffer) = (String::new(), [0; 1024]);
        while !head.contains("\r\n\r\n") {
            let read = stream.read(&mut buffer).await.unwrap();
            assert_ne!(read, 0, "no answer to {bytes:?}: {head:?}");
            head.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
        let status = head["HTTP/1.1 ".len()..][..3].parse().unwrap();
        (status, head)
    }

    /// The status with these lines, without and with the token; only with it
    /// is the handler reached.
    async fn without_and_with(&self, start: &str, lines: &str) -> (u16, u16) {
        let before = self.reached.count();
        let (without, head) = self.send(&format!("{start}\r\n{lines}\r\n")).await;
        assert_eq!(self.reached.count(), before, "{start}: {head}");
        let credential = format!("authorization: {}\r\n", bearer());
        let (with, _) = self
            .send(&format!("{start}\r\n{lines}{credential}\r\n"))
            .await;
        (without, with)
    }
}

#[tokio::test]
async fn c11_odd_targets_are_refused_like_all_others() {
    let server = Server::start().await;
    for target in [
        "OPTIONS * HTTP/1.1",
        "CONNECT h:443 HTTP/1.1",
        "GET admin HTTP/1.1",
        "GET http://h/admin HTTP/1.1",
        "GET / HTTP/1.1",
    ] {
        let (without, with) = server.without_and_with(target, "host: h\r\n").await;
        assert_eq!((without, with), (401, 200), "{target}");
    }
    assert_eq!(server.reached.count(), 5);
    assert_eq!(server.spy.calls.count(), 5);
}

#[tokio::test]
async fn c12_a_websocket_handshake_is_refused_before_101() {
    let server = Server::start().await;
    let lines = "host: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let answers = server.without_and_with("GET /ws HTTP/1.1", lines).await;
    assert_eq!(answers, (401, 101));
}

#[tokio::test]
async fn c13_an_h2c_upgrade_stays_http_1_and_guarded() {
    let server = Server::start().await;
    let lines = "host: h\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n\
                 http2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
    let answers = server.without_and_with("GET / HTTP/1.1", lines).await;
    assert_eq!(answers, (401, 200));
}

#[tokio::test]
async fn c23_a_credential_named_in_connection_counts_all_the_same() {
    let server = Server::start().await;
    for connection in ["authorization", "close, Authorization"] {
        let lines = format!("host: h\r\nconnection: {connection}\r\n");
        let answers = server.without_and_with("GET / HTTP/1.1", &lines).await;
        assert_eq!(answers, (401, 200), "{connection}");
    }
}

#[tokio::test]
async fn c24_an_absolute_target_with_another_host_is_refused() {
    let server = Server::start().await;
    for host in ["public", "localhost"] {
        let lines = format!("host: {host}\r\n");
        let target = "GET http://other/admin HTTP/1.1";
        assert_eq!(server.without_and_with(target, &lines).await, (401, 200));
    }
}

/// Not ours to decide: pinned, so that a change below us is noticed.
#[tokio::test]
async fn c25_what_the_server_below_makes_of_odd_lines() {
    let server = Server::start().await;
    let credential = bearer();
    let rows = [
        (
            "a bare LF ends a line",
            format!("authorization: {credential}\nx: y\r\n"),
            200,
        ),
        (
            "obs-fold",
            format!("authorization: Bearer\r\n {}\r\n", &credential[7..]),
            400,
        ),
        (
            "a space before the colon",
            format!("authorization : {credential}\r\n"),
            400,
        ),
        (
            "a CR inside",
            format!("authorization: Bearer\r{}\r\n", &credential[7..]),
            400,
        ),
        (
            "a NUL inside",
            format!("authorization: {credential}\0\r\n"),
            400,
        ),
        (
            "a control inside",
            format!("authorization: {credential}\u{1}\r\n"),
            400,
        ),
        (
            "a tab inside",
            format!("authorization: Bearer\t{}\r\n", &credential[7..]),
            401,
        ),
        (
            "white space around",
            format!("authorization: \t {credential} \t\r\n"),
            200,
        ),
        (
            "nothing odd",
            format!("authorization: {credential}\r\n"),
            200,
        ),
    ];
    for (name, lines, expected) in rows {
        let before = server.reached.count();
        let bytes = format!("GET / HTTP/1.1\r\nhost: h\r\n{lines}\r\n");
        assert_eq!(server.send(&bytes).await.0, expected, "{name}");
        let reached = server.reached.count() - before;
        assert_eq!(reached, usize::from(expected == 200), "{name}");
    }
}
