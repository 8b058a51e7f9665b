//! The service that a layer makes.

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
    drain::Discard,
    future::{Refused, ResponseFuture},
    gate::{Gate, Verdict},
    refusal::Respond,
};
use crate::{head::Head, rejection::Rejection, verifier::Verifier};

/// A service guarded by an [`AuthnLayer`](super::AuthnLayer).
///
/// It is always ready, and makes the inner service ready only for a request
/// that was admitted: whoever is refused, or connects and sends nothing, holds
/// nothing of what readiness reserves.
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
        match self.gate.decide_now(&mut request) {
            Some(Ok(whose)) => {
                self.gate.cover(request.headers_mut());
                self.gate.introduce(request.extensions_mut(), whose);
                ResponseFuture::pass(&mut self.inner, request)
            }
            Some(Err(rejection)) => {
                let response = self.gate.refuse(Head::from_request(&request), rejection);
                ResponseFuture::refused(self.gate.drain.discard(request, response))
            }
            None => self.wait(request),
        }
    }
}

impl<S, V, A, R> Authn<S, V, A, R>
where
    V: Verifier,
    A: Admission<V::Principal>,
{
    /// Moves the request's head and the gate into one future, and keeps the
    /// body beside it.
    #[cold]
    fn wait<B, ResBody>(&self, request: Request<B>) -> ResponseFuture<S, B, ResBody>
    where
        S: Service<Request<B>, Response = Response<ResBody>> + Clone,
        R: Respond<ResBody>,
        ResBody: Default,
    {
        let (mut parts, body) = request.into_parts();
        let gate = Arc::clone(&self.gate);
        let verdict = async move {
            let verdict = gate.decide(Head::from_parts(&parts)).await;
            match gate.settle(&mut parts, verdict) {
                Ok(()) => Ok(parts),
                Err(response) => Err(Refused {
                    response,
                    discard: Discard::new(&gate.drain, parts.version, &parts.headers),
                }),
            }
        };
        ResponseFuture::verifying(verdict, body, self.inner.clone())
    }
}

impl<V, A, R> Gate<V, A, R>
where
    V: Verifier,
    A: Admission<V::Principal>,
{
    /// Makes a request ready to be passed on, or the answer that refuses it.
    fn settle<ResBody>(
        &self,
        parts: &mut Parts,
        verdict: Verdict<V::Principal>,
    ) -> Result<(), Response<ResBody>>
    where
        R: Respond<ResBody>,
        ResBody: Default,
    {
        match verdict {
            Ok(whose) => {
                self.cover(&mut parts.headers);
                self.introduce(&mut parts.extensions, whose);
                Ok(())
            }
            Err(rejection) => Err(self.refuse(Head::from_parts(parts), rejection)),
        }
    }

    fn refuse<ResBody>(&self, head: Head<'_>, rejection: Rejection) -> Response<ResBody>
    where
        R: Respond<ResBody>,
        ResBody: Default,
    {
        let mut response = self.refusals.answer(head, &rejection, &*self.respond);
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
