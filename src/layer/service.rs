//! The guarded service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower::Service;

use super::{
    admission::Admission,
    drain::Discard,
    future::{Rejected, ResponseFuture},
    gate::{Gate, RequestHead},
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
        let decision = match self.gate.options.audit {
            None => self.gate.decide_now(&mut request),
            // A trial may wait, which keeps the usual path short.
            Some(_) => None,
        };
        match decision {
            Some(Ok(principal)) => {
                self.gate.admit(&mut request, principal);
                ResponseFuture::pass(&mut self.inner, request)
            }
            Some(Err(rejection)) => {
                let response = self.gate.reject(request.head(), rejection);
                ResponseFuture::rejected(self.gate.drain.discard(request, response))
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
        // Otherwise `decide_now` has marked the credential.
        if self.gate.options.audit.is_some() {
            self.gate.sources.mark(&mut parts.headers);
        }
        let gate = Arc::clone(&self.gate);
        let decision = async move {
            match gate.decide(parts.head()).await {
                Ok(principal) => {
                    gate.admit(&mut parts, principal);
                    Ok(parts)
                }
                Err(rejection) => Err(Rejected {
                    response: gate.reject(parts.head(), rejection),
                    discard: Discard::new(&gate.drain, parts.version, &parts.headers),
                }),
            }
        };
        ResponseFuture::waiting(decision, body, self.inner.clone())
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
