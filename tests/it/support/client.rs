//! A client with a connection for each request.

use std::{error::Error, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::BodyExt;
use hyper::{
    body::{Body, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// A response as it arrived over the wire.
#[derive(Debug)]
pub struct Answered {
    pub head: http::response::Parts,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
    /// Whether the stream ended with the head, as in a trailers-only response.
    pub ended_with_head: bool,
}

/// Sends a request on a new connection: HTTP/1.1, or HTTP/2 by prior knowledge.
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

/// Sends a request like [`send`], and returns the response with its body unread.
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
