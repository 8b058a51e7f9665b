//! Requests, and ways to send them to a service.

use std::future::poll_fn;

use http::{HeaderMap, HeaderValue, Request};
use tower::Service;

/// Calls a service as a server does: a clone, once it is ready.
pub async fn ask<S, B>(service: &S, request: Request<B>) -> S::Response
where
    S: Service<Request<B>> + Clone,
    S::Error: std::fmt::Debug,
{
    let mut service = service.clone();
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    service.call(request).await.unwrap()
}

/// Returns a GET request with these headers.
pub fn get(path: &str, headers: &[(&str, &str)]) -> Request<String> {
    let request = Request::get(path);
    let request = headers
        .iter()
        .fold(request, |r, (name, value)| r.header(*name, *value));
    request.body(String::new()).unwrap()
}

/// Returns a gRPC call with these headers.
pub fn grpc(path: &str, headers: &[(&str, &str)]) -> Request<String> {
    let mut request = get(path, headers);
    *request.method_mut() = http::Method::POST;
    let content_type = HeaderValue::from_static("application/grpc");
    request.headers_mut().insert("content-type", content_type);
    request
}

/// Returns all values of a header as text.
pub fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect()
}
