//! A test helper that finds rows of a table that match no route.

use std::{fmt, future::poll_fn, pin::pin, task::Poll};

use axum_core::body::Body;
use bytes::Buf;
use http::{Method, Request, Response, StatusCode};
use tower::Service;

use crate::access::AccessTable;

/// A path that no router has a route for, unless a route matches every path.
const UNKNOWN_PATH: &str = "/tower-authn/3f1c/no-such-route";

/// The methods to try for a row that is for all of them.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::HEAD,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
];

/// Checks in a test that every row by path of a table reaches a route of a router.
///
/// It asks the router for the path of each row, with `x` for each parameter, and finds
/// that a row reaches no route if the response is 405, or is the same as that to an
/// unknown path. gRPC rows are checked by
/// [`check_services`](AccessTable::check_services) instead.
///
/// Give it the router itself, without authentication. Its handlers run, with an empty
/// body, so connect them to data of the test. If a handler answers a missing `x` just
/// as the router answers an unknown path, give the router a
/// [`fallback`](https://docs.rs/axum/latest/axum/struct.Router.html#method.fallback)
/// with another response in the test. The CONNECT row of
/// [`websocket`](crate::access::AccessTableBuilder::websocket) needs no route if the
/// GET row of the same path has one.
///
/// # Panics
///
/// Panics if a row reaches no route, and names each such row.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use http::Method;
/// use tower_authn::{Access, AccessTable, axum::assert_rows_reach_routes};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower_authn::ConfigError> {
/// let router: Router = Router::new().route("/models/{name}", get(|| async { "model" }));
/// let table = AccessTable::builder()
///     .route(Method::GET, "/models/{name}", Access::scope("resources"))
///     .build()?;
/// assert_rows_reach_routes(router, &table).await;
/// # Ok(())
/// # }
/// ```
pub async fn assert_rows_reach_routes<S, ResBody>(router: S, table: &AccessTable)
where
    S: Service<Request<Body>, Response = Response<ResBody>> + Clone,
    S::Error: fmt::Debug,
    ResBody: http_body::Body,
{
    let mut reached: Vec<&str> = Vec::new();
    let mut unreached = Vec::new();
    for (method, path) in table.http_rows() {
        let methods = method.map_or(&METHODS[..], std::slice::from_ref);
        if reaches_route(&router, methods, &fill_parameters(path)).await {
            reached.push(path);
        } else {
            unreached.push((method, path));
        }
    }
    unreached.retain(|(method, path)| *method != Some(&Method::CONNECT) || !reached.contains(path));
    let unreached: Vec<String> = unreached
        .into_iter()
        .map(|(method, path)| format!("{} {path}", method.map_or("any", Method::as_str)))
        .collect();
    assert!(
        unreached.is_empty(),
        "rows that reach no route: {}",
        unreached.join(", ")
    );
}

async fn reaches_route<S, ResBody>(router: &S, methods: &[Method], path: &str) -> bool
where
    S: Service<Request<Body>, Response = Response<ResBody>> + Clone,
    S::Error: fmt::Debug,
    ResBody: http_body::Body,
{
    for method in methods {
        let (status, body) = ask(router, method, path).await;
        if status != StatusCode::METHOD_NOT_ALLOWED
            && (status, body) != ask(router, method, UNKNOWN_PATH).await
        {
            return true;
        }
    }
    false
}

/// Returns the status and the body of the response.
async fn ask<S, ResBody>(router: &S, method: &Method, path: &str) -> (StatusCode, Vec<u8>)
where
    S: Service<Request<Body>, Response = Response<ResBody>> + Clone,
    S::Error: fmt::Debug,
    ResBody: http_body::Body,
{
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method.clone();
    *request.uri_mut() = path.parse().expect("the path of a row is a URI");
    let mut router = router.clone();
    poll_fn(|cx| router.poll_ready(cx))
        .await
        .expect("the router is ready");
    let response = router.call(request).await.expect("the router responds");
    let status = response.status();
    (status, read_ready(response.into_body()).await)
}

/// Reads the part of a body that is ready: a handler may respond with a stream that
/// does not end.
async fn read_ready(body: impl http_body::Body) -> Vec<u8> {
    const MAX_LEN: usize = 64 * 1024;
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    poll_fn(|cx| {
        while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(cx) {
            let Ok(mut data) = frame.into_data() else {
                break;
            };
            while data.has_remaining() && bytes.len() < MAX_LEN {
                let chunk = data.chunk();
                bytes.extend_from_slice(chunk);
                data.advance(chunk.len());
            }
            if bytes.len() >= MAX_LEN {
                break;
            }
        }
        Poll::Ready(())
    })
    .await;
    bytes
}

/// Replaces each parameter of a row's path by `x`, and `{{` and `}}` by single braces.
fn fill_parameters(path: &str) -> String {
    let mut filled = String::new();
    let mut chars = path.chars().peekable();
    while let Some(char) = chars.next() {
        let is_doubled = matches!(char, '{' | '}') && chars.next_if_eq(&char).is_some();
        if char == '{' && !is_doubled {
            chars.by_ref().find(|char| *char == '}');
            filled.push('x');
        } else {
            filled.push(char);
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::fill_parameters;

    #[test]
    fn parameters_are_filled_and_escaped_braces_are_kept() {
        let rows = [
            ("/", "/"),
            ("/a/{id}", "/a/x"),
            ("/a/{id}/{*rest}", "/a/x/x"),
            ("/{{a}}/{b}", "/{a}/x"),
        ];
        for (path, expected) in rows {
            assert_eq!(fill_parameters(path), expected);
        }
    }
}
