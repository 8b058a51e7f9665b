//! The service with bound sessions.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Request, Response, StatusCode, header::CACHE_CONTROL};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::Service;

use super::binder::Binder;
use crate::{
    head::Head,
    layer::{Anonymous, Drain, EmptyBody, missing_layer},
    principal::Principal,
    rejection::RejectionKind,
};

/// A service with bound sessions. Created by
/// [`BoundSessions`](super::BoundSessions).
pub struct BoundSessionsService<S, P = Principal> {
    inner: S,
    binder: Arc<Binder<P>>,
    drain: Drain,
}

impl<S, P> BoundSessionsService<S, P> {
    pub(super) fn new(inner: S, binder: Arc<Binder<P>>) -> Self {
        Self {
            inner,
            binder,
            drain: Drain::new(),
        }
    }
}

impl<S, P, B, ResBody> Service<Request<B>> for BoundSessionsService<S, P>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    P: Send + Sync + 'static,
    B: Body + Send + 'static,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = BoundSessionsFuture<S::Future, P, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Some(principal) = request.extensions().get::<P>() else {
            let response = without_principal::<P, ResBody>(Head::from_request(&request));
            return BoundSessionsFuture::refused(self.drain.discard(request, response));
        };
        let identity = (self.binder.identify)(principal);
        if !self.binder.unbind(request.headers_mut(), &identity) {
            return BoundSessionsFuture::refused(self.drain.discard(request, not_found()));
        }
        BoundSessionsFuture {
            state: State::Called {
                response: self.inner.call(request),
                identity,
                binder: Arc::clone(&self.binder),
            },
        }
    }
}

fn without_principal<P, ResBody>(head: Head<'_>) -> Response<ResBody>
where
    P: Send + Sync + 'static,
    ResBody: Default,
{
    match head.extensions().get::<Anonymous<P>>() {
        Some(anonymous) => {
            let missing = RejectionKind::Missing.into();
            anonymous.responses().respond(head, &missing, &EmptyBody)
        }
        None => missing_layer(head),
    }
}

fn not_found<ResBody: Default>() -> Response<ResBody> {
    let mut response = Response::new(ResBody::default());
    *response.status_mut() = StatusCode::NOT_FOUND;
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

pin_project! {
    /// The future of a [`BoundSessionsService`].
    pub struct BoundSessionsFuture<F, P, ResBody> {
        #[pin]
        state: State<F, P, ResBody>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, P, ResBody> {
        Called {
            #[pin]
            response: F,
            identity: String,
            binder: Arc<Binder<P>>,
        },
        Refused {
            response: Option<Response<ResBody>>,
        },
    }
}

impl<F, P, ResBody> BoundSessionsFuture<F, P, ResBody> {
    fn refused(response: Response<ResBody>) -> Self {
        let response = Some(response);
        Self {
            state: State::Refused { response },
        }
    }
}

impl<F, P, ResBody, E> Future for BoundSessionsFuture<F, P, ResBody>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().state.project() {
            StateProj::Called {
                response,
                identity,
                binder,
            } => {
                let mut result = ready!(response.poll(cx));
                if let Ok(response) = &mut result {
                    binder.bind(response.headers_mut(), identity);
                }
                Poll::Ready(result)
            }
            StateProj::Refused { response } => {
                let response = response.take();
                let response = response.expect("a future is not polled after it completes");
                Poll::Ready(Ok(response))
            }
        }
    }
}

impl<S: Clone, P> Clone for BoundSessionsService<S, P> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            binder: Arc::clone(&self.binder),
            drain: self.drain.clone(),
        }
    }
}

impl<S: fmt::Debug, P> fmt::Debug for BoundSessionsService<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundSessionsService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<F, P, ResBody> fmt::Debug for BoundSessionsFuture<F, P, ResBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundSessionsFuture")
            .finish_non_exhaustive()
    }
}
