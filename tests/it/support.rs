//! What the tests share: services and verifiers that count, and ways to ask them.

use std::{
    convert::Infallible,
    error::Error,
    future::{Ready, poll_fn, ready},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Version, request::Parts};
use http_body_util::BodyExt;
use hyper::{
    body::{Body, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, make::Shared};
use tower_authn::{Credential, Principal, Rejection, Verifier, layer::Protected};

/// A token that [`Spy`] and the fixed lists of the tests know.
pub const TOKEN: &str = "canary-9cLqJTbYzVvZyXHn.0123456789";

/// How often something was called.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<AtomicUsize>);

impl Calls {
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// An inner service that is strict about readiness: it panics when it is
/// called on an instance that was not polled ready. It keeps the last head.
#[derive(Debug, Default)]
pub struct Strict {
    ready: bool,
    pub readied: Calls,
    pub called: Calls,
    pub last: Arc<Mutex<Option<Parts>>>,
}

impl Strict {
    /// The head of the last request that was let through.
    pub fn last(&self) -> Parts {
        self.last
            .lock()
            .unwrap()
            .clone()
            .expect("nothing was let through")
    }
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            readied: self.readied.clone(),
            called: self.called.clone(),
            last: Arc::clone(&self.last),
        }
    }
}

impl<B> Service<Request<B>> for Strict {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        self.readied.add();
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(self.ready, "called without being ready");
        self.ready = false;
        self.called.add();
        *self.last.lock().unwrap() = Some(request.into_parts().0);
        ready(Ok(Response::new("inner".to_owned())))
    }
}

/// A verifier that counts its calls and knows [`TOKEN`] alone.
#[derive(Clone, Debug, Default)]
pub struct Spy {
    pub calls: Calls,
}

impl Verifier for Spy {
    type Principal = Principal;

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, credential: &Credential<'_>) -> Result<Principal, Rejection> {
        self.calls.add();
        match credential.matches(TOKEN) {
            true => Ok(Principal::new("ci").with_scopes(["deployment"]).unwrap()),
            false => Err(Rejection::invalid()),
        }
    }
}

/// Calls a service the way a server does: a clone, made ready.
pub async fn ask<S, B>(service: &S, request: Request<B>) -> S::Response
where
    S: Service<Request<B>> + Clone,
    S::Error: std::fmt::Debug,
{
    let mut service = service.clone();
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    service.call(request).await.unwrap()
}

/// A GET with these headers.
pub fn get(path: &str, headers: &[(&str, &str)]) -> Request<String> {
    let request = Request::get(path);
    let request = headers
        .iter()
        .fold(request, |r, (name, value)| r.header(*name, *value));
    request.body(String::new()).unwrap()
}

/// A gRPC call with these headers.
pub fn grpc(path: &str, headers: &[(&str, &str)]) -> Request<String> {
    let mut request = get(path, headers);
    *request.method_mut() = http::Method::POST;
    let content_type = HeaderValue::from_static("application/grpc");
    request.headers_mut().insert("content-type", content_type);
    request
}

/// All values of a header, as text.
pub fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect()
}

/// Serves a guarded app on a socket of its own, over HTTP/1.1 and HTTP/2.
pub async fn serve<S>(app: Protected<S>) -> SocketAddr
where
    S: Service<axum::extract::Request, Response = axum::response::Response, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Shared::new(app)).await });
    addr
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct Answered {
    pub head: http::response::Parts,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
    /// Whether the stream ended with the head: a trailers-only answer.
    pub ended_with_head: bool,
}

/// Sends a request on a connection of its own: HTTP/1.1, or HTTP/2 by prior knowledge.
/// The host is the address, unless the request has one.
pub async fn send<B>(addr: SocketAddr, version: Version, request: Request<B>) -> Answered
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>, Data: Send> + Send + Unpin + 'static,
{
    let (head, body) = open(addr, version, request).await.into_parts();
    let ended_with_head = body.is_end_stream();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned();
    Answered {
        head,
        body: body.to_bytes(),
        trailers,
        ended_with_head,
    }
}

/// The same, with a body that is still to be read.
pub async fn open<B>(
    addr: SocketAddr,
    version: Version,
    mut request: Request<B>,
) -> Response<Incoming>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>, Data: Send> + Send + Unpin + 'static,
{
    let stream = TcpStream::connect(addr).await.unwrap();
    let stream = TokioIo::new(stream);
    let host = request.headers_mut().remove("host");
    let host = host.unwrap_or_else(|| HeaderValue::from_str(&addr.to_string()).unwrap());
    let response = if version == Version::HTTP_2 {
        let uri = format!("http://{}{}", host.to_str().unwrap(), request.uri());
        *request.uri_mut() = uri.parse().unwrap();
        let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
        tokio::spawn(connection);
        client.send_request(request).await.unwrap()
    } else {
        request.headers_mut().insert("host", host);
        let (mut client, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        client.send_request(request).await.unwrap()
    };
    assert_eq!(response.version(), version);
    response
}
