//! Sends requests to a guarded service that does nothing.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT},
};
use http_body_util::Empty;
use tower::{Layer, Service};
use tower_authn::{AuthnLayer, Credential, Rejection, Verifier};

/// The guarded service. Its status is not that of a refusal, and it allocates
/// nothing.
#[derive(Clone, Copy)]
pub struct Bare;

impl Service<Request<Empty<Bytes>>> for Bare {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Empty<Bytes>>) -> Self::Future {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::ACCEPTED;
        ready(Ok(response))
    }
}

/// A service that a [`Sender`] takes.
pub trait Receiver:
    Service<Request<Empty<Bytes>>, Response = Response<()>, Error = Infallible>
{
}

impl<S> Receiver for S where
    S: Service<Request<Empty<Bytes>>, Response = Response<()>, Error = Infallible>
{
}

/// Sends requests with six headers to a service.
pub struct Sender<S> {
    service: S,
    other_headers: HeaderMap,
}

/// Returns a sender to a service that is guarded by a verifier. The layer inserts no
/// principal.
pub fn sender_to<V: Verifier>(verifier: V) -> Sender<impl Receiver> {
    Sender::new(AuthnLayer::new(verifier).without_principal().layer(Bare))
}

impl<S: Receiver> Sender<S> {
    pub fn new(service: S) -> Self {
        let other_headers = [
            (HOST, "models.example.com"),
            (USER_AGENT, "bench/1.0"),
            (ACCEPT, "*/*"),
            (ACCEPT_ENCODING, "gzip"),
            (CONTENT_TYPE, "application/json"),
        ];
        let with_value =
            |(name, value): (HeaderName, &'static str)| (name, HeaderValue::from_static(value));
        Self {
            service,
            other_headers: other_headers.into_iter().map(with_value).collect(),
        }
    }

    /// Sends a request and drops the response. This function is what callgrind counts.
    #[inline(never)]
    pub fn send(&mut self, credential: &HeaderValue) -> StatusCode {
        let mut request = Request::new(Empty::new());
        let mut headers = self.other_headers.clone();
        headers.insert(AUTHORIZATION, credential.clone());
        *request.headers_mut() = headers;
        self.call(request)
    }

    fn call(&mut self, request: Request<Empty<Bytes>>) -> StatusCode {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(self.service.poll_ready(&mut cx).is_ready());
        match pin!(self.service.call(request)).poll(&mut cx) {
            Poll::Ready(Ok(response)) => response.status(),
            Poll::Pending => panic!("the service waits"),
        }
    }
}

/// A verifier that accepts, or refuses, every credential.
pub struct Constant {
    pub accepts: bool,
}

impl Verifier for Constant {
    type Principal = ();

    const IMMEDIATE: bool = true;
    const READS_HEAD: bool = false;

    async fn verify(&self, _: &Credential<'_>) -> Result<(), Rejection> {
        match self.accepts {
            true => Ok(()),
            false => Err(Rejection::invalid()),
        }
    }
}
