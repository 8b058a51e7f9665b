//! What the tests share: services and verifiers that count, and ways to ask them.

use std::{
    convert::Infallible,
    future::{Ready, poll_fn, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response, request::Parts};
use tower::Service;
use tower_authn::{Credential, Principal, Rejection, Verifier};

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
    let content_type = http::HeaderValue::from_static("application/grpc");
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
