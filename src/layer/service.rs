//! The guarded service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, request::Parts};
use http_body::Body;
use tower::Service;

use super::{
    admission::Admission,
    future::ResponseFuture,
    gate::{Decision, Gate, Step, Unverified},
    request_head::RequestHead,
    respond::Respond,
};
use crate::{head::Head, rejection::Rejection, verifier::Verifier};

/// A service guarded by an [`AuthnLayer`](super::AuthnLayer).
///
/// It is always ready. It waits for the inner service to be ready only to pass an
/// admitted request on, so a rejected request, or a connection that sends none,
/// holds no permit of the inner service.
pub struct Authn<S, V, A, R> {
    inner: S,
    gate: Arc<Gate<V, A, R>>,
}

impl<S, V, A, R> Authn<S, V, A, R> {
    pub(super) fn new(inner: S, gate: Arc<Gate<V, A, R>>) -> Self {
        Self { inner, gate }
    }
}

impl<S, V, A, R, B, ResBody> Service<Request<B>> for Authn<S, V, A, R>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    V: Verifier,
    A: Admission<V::Principal>,
    R: Respond<ResBody>,
    B: Body + Send + 'static,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, ResBody>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if self.gate.options.audit.is_some() {
            return self.call_audited(request);
        }
        let decision = match self.gate.decide_now(&mut request) {
            Step::Decided(decision) => decision,
            Step::Waits(unverified) => return self.wait(request, unverified),
        };
        match decision {
            Ok(principal) => {
                self.gate.admit(&mut request, principal);
                ResponseFuture::pass(&mut self.inner, request)
            }
            Err(rejection) => {
                let response = self.gate.reject(request.head(), rejection);
                ResponseFuture::rejected(self.gate.drain.discard(request, response))
            }
        }
    }
}

impl<S, V, A, R> Authn<S, V, A, R>
where
    V: Verifier,
    A: Admission<V::Principal>,
{
    /// Moves the request and the gate into one future, which waits for the verifier.
    #[cold]
    fn wait<B, ResBody>(
        &self,
        request: Request<B>,
        unverified: Unverified,
    ) -> ResponseFuture<S, B, ResBody>
    where
        S: Service<Request<B>, Response = Response<ResBody>> + Clone,
        R: Respond<ResBody>,
        B: Body + Send + 'static,
        ResBody: Default,
    {
        let inner = self.inner.clone();
        let gate = Arc::clone(&self.gate);
        ResponseFuture::waiting(inner, request, |parts, body| async move {
            let decision = gate.decide(parts.head(), &unverified).await;
            gate.conclude(parts, body, decision)
        })
    }

    /// Decides in a future from the beginning, which keeps the usual path short.
    #[cold]
    fn call_audited<B, ResBody>(&self, request: Request<B>) -> ResponseFuture<S, B, ResBody>
    where
        S: Service<Request<B>, Response = Response<ResBody>> + Clone,
        R: Respond<ResBody>,
        B: Body + Send + 'static,
        ResBody: Default,
    {
        let inner = self.inner.clone();
        let gate = Arc::clone(&self.gate);
        ResponseFuture::waiting(inner, request, |mut parts, body| async move {
            let decision = match gate.decide_audited(&mut parts) {
                Step::Decided(decision) => decision,
                Step::Waits(unverified) => gate.decide(parts.head(), &unverified).await,
            };
            gate.conclude(parts, body, decision)
        })
    }
}

impl<V, A, R> Gate<V, A, R>
where
    V: Verifier,
    A: Admission<V::Principal>,
{
    /// Returns the admitted request, or the response to a rejected one.
    #[inline(always)]
    fn conclude<B, ResBody>(
        &self,
        mut parts: Parts,
        body: B,
        decision: Decision<V::Principal>,
    ) -> Result<Request<B>, Response<ResBody>>
    where
        R: Respond<ResBody>,
        B: Body + Send + 'static,
        ResBody: Default,
    {
        match decision {
            Ok(principal) => {
                self.admit(&mut parts, principal);
                Ok(Request::from_parts(parts, body))
            }
            Err(rejection) => {
                let response = self.reject(parts.head(), rejection);
                let request = Request::from_parts(parts, body);
                Err(self.drain.discard(request, response))
            }
        }
    }
}

impl<V, A, R> Gate<V, A, R>
where
    V: Verifier,
    A: Admission<V::Principal>,
{
    fn reject<ResBody>(&self, head: Head<'_>, mut rejection: Rejection) -> Response<ResBody>
    where
        R: Respond<ResBody>,
        ResBody: Default,
    {
        if self.options.challenge_scopes {
            self.add_scopes(head, &mut rejection);
        }
        let mut response = self.responses.respond(head, &rejection, &*self.respond);
        if self.options.expose_rejection {
            response.extensions_mut().insert(rejection);
        }
        response
    }
}

impl<S: Clone, V, A, R> Clone for Authn<S, V, A, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            gate: Arc::clone(&self.gate),
        }
    }
}

impl<S: fmt::Debug, V, A, R> fmt::Debug for Authn<S, V, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authn")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
