//! gRPC: rows D of the list of attacks, against a tonic server.
#![cfg(feature = "tonic")]

mod interceptor;

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tonic::{server::NamedService, transport::server::TcpIncoming};
use tower::{Layer, util::MapRequestLayer};
use tower_authn::{
    Access, AccessTable, AuthnLayer, Principal, Rejection, RejectionKind, RequireLayer, Verifier,
    layer::Admission, protect, verify_fn,
};

use crate::support::{Calls, Spy, Strict, TOKEN, ask, grpc, values};

const CHECK: &str = "/grpc.health.v1.Health/Check";
const HEALTH: &str = "grpc.health.v1.Health";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECT: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
/// A message without fields, as gRPC frames it.
const EMPTY: &[u8] = &[0; 5];
/// Types of HTTP/2 frames.
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;

fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

/// Returns a table: `Check` requires a scope of the token, `Watch` one that it lacks.
fn table() -> AccessTable {
    AccessTable::builder()
        .grpc(HEALTH, "Check", Access::scope("deployment"))
        .grpc(HEALTH, "Watch", Access::scope("resources"))
        .build()
        .unwrap()
}

/// A tonic server with health and reflection, both guarded by a layer.
struct Server {
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    reached: Calls,
}

/// A response, read to its end.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    trailers: Option<HeaderMap>,
}

impl Answer {
    /// Returns the gRPC status, from the headers or the trailers.
    fn code(&self) -> Option<i32> {
        let trailer = || self.trailers.as_ref()?.get("grpc-status");
        let code = self.headers.get("grpc-status").or_else(trailer)?;
        code.to_str().unwrap().parse().ok()
    }

    fn header(&self, name: &str) -> Vec<&str> {
        values(&self.headers, name)
    }
}

impl Server {
    async fn start<V, A>(layer: AuthnLayer<V, A>) -> Self
    where
        V: Verifier,
        A: Admission<V::Principal>,
    {
        let reached = Calls::default();
        let count = reached.clone();
        let (_, health) = tonic_health::server::health_reporter();
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let server = tonic::transport::Server::builder()
            .layer(layer)
            .layer(MapRequestLayer::new(move |request| {
                count.add();
                request
            }))
            .add_service(health)
            .add_service(reflection)
            .serve_with_incoming(TcpIncoming::from(socket));
        tokio::spawn(server);
        let client = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http();
        Self {
            address,
            client,
            reached,
        }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        let add = |request: http::request::Builder, (name, value): &(&str, &str)| {
            request.header(*name, *value)
        };
        let request = headers.iter().fold(request, add);
        let body = Full::new(Bytes::from_static(EMPTY));
        let answer = self.client.request(request.body(body).unwrap()).await;
        let (head, body) = answer.unwrap().into_parts();
        let body = body.collect().await.unwrap();
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            trailers: body.trailers().cloned(),
            body: body.to_bytes(),
        }
    }

    /// Sends a call as gRPC clients do, with these `authorization` fields.
    async fn call(&self, path: &str, credentials: &[&str]) -> Answer {
        let mut headers = vec![("content-type", "application/grpc"), ("te", "trailers")];
        headers.extend(credentials.iter().map(|value| ("authorization", *value)));
        self.send(Method::POST, path, &headers).await
    }

    /// Returns the gRPC status of a call, and how often it reached the services.
    async fn outcome(&self, path: &str, credentials: &[&str]) -> (Option<i32>, usize) {
        let before = self.reached.count();
        let code = self.call(path, credentials).await.code();
        (code, self.reached.count() - before)
    }
}

#[tokio::test]
async fn d01_a_path_without_a_slash_matches_no_row() {
    let table = AccessTable::builder()
        .grpc_health()
        .any("/{*rest}", Access::Public)
        .build()
        .unwrap();
    let (spy, inner) = (Spy::default(), Strict::default());
    let service = AuthnLayer::new(spy.clone())
        .access(table)
        .layer(inner.clone());
    let bearer = bearer();
    // An authority or an asterisk in place of the path.
    for target in ["grpc.health.v1.Health:1", "*"] {
        for (headers, code) in [
            (&[][..], "16"),
            (&[("authorization", bearer.as_str())], "12"),
        ] {
            let mut request = grpc("/", headers);
            *request.uri_mut() = target.parse().unwrap();
            let answer = ask(&service, request).await;
            assert_eq!(values(answer.headers(), "grpc-status"), [code], "{target}");
        }
    }
    assert_eq!(inner.called.count(), 0);
    ask(&service, grpc(CHECK, &[])).await;
    assert_eq!(inner.called.count(), 1, "with its slash it is public");
}

/// Returns the type of the frame that answers a call with this path. The call is sent
/// byte by byte, because clients refuse to send a malformed path.
async fn first_frame(server: &Server, path: &str) -> u8 {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", path),
        ("content-type", "application/grpc"),
    ];
    let mut block = Vec::new();
    for (name, value) in fields {
        // RFC 7541 §6.2.2: a literal with a new name, not indexed.
        block.push(0);
        for text in [name, value] {
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    bytes.extend_from_slice(&[0, 0, block.len() as u8, HEADERS, 0x5, 0, 0, 0, 1]);
    bytes.extend_from_slice(&block);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let len = u16::from_be_bytes([head[1], head[2]]);
        stream.read_exact(&mut vec![0; len.into()]).await.unwrap();
        if head[8] == 1 {
            return head[3];
        }
    }
}

#[tokio::test]
async fn d01_a_path_without_a_slash_is_reset_before_the_layer() {
    let server = Server::start(AuthnLayer::new(Spy::default()).access(Access::Public)).await;
    assert_eq!(first_frame(&server, &CHECK[1..]).await, RST_STREAM);
    assert_eq!(server.reached.count(), 0);
    assert_eq!(first_frame(&server, CHECK).await, HEADERS);
    assert_eq!(server.reached.count(), 1);
}

#[tokio::test]
async fn d02_an_unknown_service_is_unauthenticated_before_it_is_unknown() {
    let spy = Spy::default();
    let server = Server::start(AuthnLayer::new(spy.clone())).await;
    assert_eq!(server.outcome("/nope.Svc/M", &[]).await, (Some(16), 0));
    assert_eq!(spy.calls.count(), 0);
    let with = server.outcome("/nope.Svc/M", &[&bearer()]).await;
    assert_eq!(with, (Some(12), 1));
    assert_eq!(spy.calls.count(), 1);

    let server = Server::start(AuthnLayer::new(spy).access(table())).await;
    assert_eq!(server.outcome("/nope.Svc/M", &[]).await, (Some(16), 0));
    let with = server.outcome("/nope.Svc/M", &[&bearer()]).await;
    assert_eq!(with, (Some(12), 0), "the table names no such service");
}

#[tokio::test]
async fn d03_only_two_segments_are_a_method() {
    let preset = AccessTable::builder().grpc_health().build().unwrap();
    let public = Server::start(AuthnLayer::new(Spy::default()).access(preset)).await;
    let scoped = Server::start(AuthnLayer::new(Spy::default()).access(table())).await;
    let open = Server::start(AuthnLayer::new(Spy::default())).await;
    assert_eq!(public.outcome(CHECK, &[]).await, (Some(0), 1));
    assert_eq!(scoped.outcome(CHECK, &[&bearer()]).await, (Some(0), 1));
    for rest in [
        "",
        "/",
        "//Check",
        "/Check/",
        "/Check/b/c",
        "/Check//",
        "/%43heck",
        "/./Check",
        "/Check;a",
    ] {
        let path = format!("/{HEALTH}{rest}");
        assert_eq!(public.outcome(&path, &[]).await, (Some(16), 0), "{path}");
        assert_eq!(scoped.outcome(&path, &[]).await, (Some(16), 0), "{path}");
        let with = scoped.outcome(&path, &[&bearer()]).await;
        assert_eq!(with, (Some(12), 0), "{path}");
        // Without a table, the path reaches tonic's router.
        assert_eq!(open.outcome(&path, &[&bearer()]).await.1, 1, "{path}");
    }
    let lacking = scoped.call(WATCH, &[&bearer()]).await;
    assert_eq!((lacking.code(), scoped.reached.count()), (Some(7), 1));
}

#[tokio::test]
async fn d04_duplicate_metadata_is_refused_and_never_verified() {
    let spy = Spy::default();
    let server = Server::start(AuthnLayer::new(spy.clone()).access(table())).await;
    let good = bearer();
    for twice in [
        [good.as_str(), "Bearer evil"],
        ["Bearer evil", &good],
        [&good, &good],
        ["", &good],
        [&good, "Basic eDp5"],
    ] {
        let answer = server.call(CHECK, &twice).await;
        assert_eq!(answer.code(), Some(16), "{twice:?}");
        let message = RejectionKind::Ambiguous.message();
        assert_eq!(answer.header("grpc-message"), [message], "{twice:?}");
    }
    assert_eq!((spy.calls.count(), server.reached.count()), (0, 0));
    assert_eq!(server.outcome(CHECK, &[&good]).await, (Some(0), 1));
    assert_eq!(spy.calls.count(), 1);
}

/// Every kind of rejection, and its gRPC code.
const KINDS: [(RejectionKind, i32); 11] = [
    (RejectionKind::Ambiguous, 16),
    (RejectionKind::Denied, 7),
    (RejectionKind::Expired, 16),
    (RejectionKind::Forbidden, 7),
    (RejectionKind::Invalid, 16),
    (RejectionKind::Malformed, 16),
    (RejectionKind::Missing, 16),
    (RejectionKind::NotFound, 12),
    (RejectionKind::RateLimited, 8),
    (RejectionKind::Revoked, 16),
    (RejectionKind::Unavailable, 14),
];

#[tokio::test]
async fn d05_the_message_is_printable_ascii_and_echoes_nothing() {
    for (kind, code) in KINDS {
        let refuse = verify_fn(move |credential| -> Result<Principal, _> {
            let cause = format!("{}\r\n%é", credential.token());
            Err(Rejection::new(kind).with_source(cause))
        });
        let server = Server::start(AuthnLayer::new(refuse)).await;
        let answer = server.call(CHECK, &[&bearer()]).await;
        assert_eq!(answer.code(), Some(code), "{kind:?}");
        let message = answer.headers["grpc-message"].as_bytes();
        assert!(
            message.iter().all(|b| (0x20..=0x7e).contains(b)),
            "{kind:?}"
        );
        assert_eq!(message, kind.message().as_bytes());
        assert!(!format!("{answer:?}").contains("canary"), "{answer:?}");
        assert_eq!(server.reached.count(), 0, "{kind:?}");
    }
}

#[tokio::test]
async fn d06_a_refusal_is_trailers_only_for_grpc_and_a_challenge_for_the_rest() {
    let server = Server::start(AuthnLayer::new(Spy::default()).access(table())).await;
    for (path, credential, code) in [
        (CHECK, None, "16"),
        (CHECK, Some("Bearer nope"), "16"),
        (WATCH, Some(bearer().as_str()), "7"),
    ] {
        let answer = server.call(path, credential.as_slice()).await;
        assert_eq!(answer.status, 200, "{path} {credential:?}");
        assert_eq!(answer.header("content-type"), ["application/grpc"]);
        assert_eq!(answer.header("grpc-status"), [code]);
        assert_eq!(answer.header("cache-control"), ["no-store"]);
        assert_eq!(answer.header("www-authenticate"), [""; 0]);
        assert!(answer.body.is_empty(), "{answer:?}");
        assert!(answer.trailers.is_none(), "{answer:?}");
    }
    let answer = server.send(Method::POST, CHECK, &[]).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), [r#"Bearer realm="api""#]);
    assert_eq!((answer.code(), server.reached.count()), (None, 0));

    let answer = server.call(CHECK, &[&bearer()]).await;
    assert_eq!((answer.code(), answer.body.is_empty()), (Some(0), false));
    assert!(answer.trailers.is_some(), "a response that is no refusal");
}

#[tokio::test]
async fn d07_health_and_reflection_are_guarded_unless_named() {
    let named = AccessTable::builder().grpc_health().grpc_reflection();
    let spy = Spy::default();
    let layer = || AuthnLayer::new(spy.clone());
    let whole = Server::start(layer()).await;
    let unnamed = Server::start(layer().access(table())).await;
    let named = Server::start(layer().access(named.build().unwrap())).await;
    // For reflection, an empty message is an invalid argument.
    for (path, code) in [(CHECK, 0), (REFLECT, 3)] {
        assert_eq!(whole.outcome(path, &[]).await, (Some(16), 0), "{path}");
        assert_eq!(unnamed.outcome(path, &[]).await, (Some(16), 0), "{path}");
        assert_eq!(named.outcome(path, &[]).await, (Some(code), 1), "{path}");
        assert_eq!(spy.calls.count(), 0, "{path}");
    }
    assert_eq!(whole.outcome(CHECK, &[&bearer()]).await, (Some(0), 1));
    assert_eq!(whole.outcome(REFLECT, &[&bearer()]).await, (Some(3), 1));
}

#[tokio::test]
async fn d09_a_request_that_is_not_a_grpc_call_is_refused_first() {
    let spy = Spy::default();
    let server = Server::start(AuthnLayer::new(spy.clone())).await;
    let bearer = bearer();
    for (method, content_type) in [
        (Method::GET, "application/grpc"),
        (Method::PUT, "application/grpc"),
        (Method::POST, "application/json"),
        (Method::POST, "application/grpcfoo"),
        (Method::POST, ""),
    ] {
        let name = format!("{method} {content_type:?}");
        let kind = ("content-type", content_type);
        let before = (spy.calls.count(), server.reached.count());
        let answer = server.send(method.clone(), CHECK, &[kind]).await;
        assert_eq!((answer.status, answer.code()), (401, None), "{name}");
        assert_eq!(answer.header("www-authenticate").len(), 1, "{name}");
        assert_eq!((spy.calls.count(), server.reached.count()), before);
        let credential = ("authorization", bearer.as_str());
        let answer = server.send(method, CHECK, &[kind, credential]).await;
        assert_ne!(answer.status, 401, "{name}");
        let after = (spy.calls.count(), server.reached.count());
        assert_eq!(after, (before.0 + 1, before.1 + 1), "{name}");
    }
}

#[test]
fn the_name_of_a_service_is_passed_through() {
    fn name<S: NamedService>(_: &S) -> &'static str {
        S::NAME
    }
    let (_, health) = tonic_health::server::health_reporter();
    let guard = RequireLayer::scope("deployment").unwrap();
    assert_eq!(name(&guard.layer(health.clone())), HEALTH);
    #[cfg(feature = "tokens")]
    {
        let validity = tower_authn::layer::ValidityLayer::new();
        assert_eq!(name(&validity.layer(health.clone())), HEALTH);
    }
    let layer = AuthnLayer::new(Spy::default());
    assert_eq!(name(&layer.layer(health.clone())), HEALTH);
    assert_eq!(name(&protect(health, layer)), HEALTH);
}
