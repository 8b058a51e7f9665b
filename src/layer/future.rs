//! The future of a guarded service.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use http::{Request, Response, request::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::Service;

use super::drain::Discard;

const DONE: &str = "a future is not polled after it was ready";

pin_project! {
    /// The future of an [`Authn`](super::Authn).
    pub struct ResponseFuture<S, B, ResBody>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, ResBody>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B, ResBody>
    where
        S: Service<Request<B>>,
    {
        Called {
            #[pin]
            response: S::Future,
        },
        Done {
            result: Option<Result<Response<ResBody>, S::Error>>,
        },
        /// In a box, so that requests that need not wait don't carry its room.
        Waiting {
            waiting: Option<Pin<Box<Waiting<S, B, DynVerdict<ResBody>>>>>,
        },
    }
}

type DynVerdict<ResBody> = dyn Future<Output = Result<Parts, Refused<ResBody>>> + Send;

/// The answer to a request that was refused after waiting, and how to discard
/// the request's body, which was kept outside of the verdict.
pub(super) struct Refused<ResBody> {
    pub(super) response: Response<ResBody>,
    pub(super) discard: Discard,
}

pin_project! {
    /// What waits for the verifier, then for the inner service, on the instance
    /// that will be called.
    struct Waiting<S, B, F: ?Sized> {
        inner: S,
        body: Option<B>,
        // There once it is admitted and the inner service was not ready.
        request: Option<Request<B>>,
        #[pin]
        verdict: F,
    }
}

impl<S, B, ResBody> ResponseFuture<S, B, ResBody>
where
    S: Service<Request<B>>,
{
    /// Waits for the verdict, then for the inner service.
    #[cold]
    pub(super) fn verifying<F>(verdict: F, body: B, inner: S) -> Self
    where
        F: Future<Output = Result<Parts, Refused<ResBody>>> + Send + 'static,
    {
        let waiting: Pin<Box<Waiting<S, B, DynVerdict<ResBody>>>> = Box::pin(Waiting {
            inner,
            body: Some(body),
            request: None,
            verdict,
        });
        Self::new(State::Waiting {
            waiting: Some(waiting),
        })
    }

    /// Calls the inner service at once where it is ready, and where it is not,
    /// takes it over and waits for this same instance; a clone stays behind.
    #[inline]
    pub(super) fn pass(inner: &mut S, request: Request<B>) -> Self
    where
        S: Clone,
    {
        match inner.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => {
                let response = inner.call(request);
                Self::new(State::Called { response })
            }
            Poll::Ready(Err(error)) => Self::new(State::done(Err(error))),
            Poll::Pending => {
                let fresh = inner.clone();
                let inner = mem::replace(inner, fresh);
                let (parts, body) = request.into_parts();
                Self::verifying(async { Ok(parts) }, body, inner)
            }
        }
    }

    pub(super) fn refused(response: Response<ResBody>) -> Self {
        Self::new(State::done(Ok(response)))
    }

    fn new(state: State<S, B, ResBody>) -> Self {
        Self { state }
    }
}

impl<S, B, ResBody> Future for ResponseFuture<S, B, ResBody>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    B: Body + Send + 'static,
{
    type Output = Result<Response<ResBody>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Called { response } => return response.poll(cx),
                StateProj::Done { result } => return Poll::Ready(result.take().expect(DONE)),
                StateProj::Waiting { .. } => ready!(state.as_mut().wait(cx)),
            }
        }
    }
}

impl<S, B, ResBody> State<S, B, ResBody>
where
    S: Service<Request<B>>,
{
    fn done(result: Result<Response<ResBody>, S::Error>) -> Self {
        let result = Some(result);
        Self::Done { result }
    }
}

impl<S, B, ResBody> State<S, B, ResBody>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    B: Body + Send + 'static,
{
    /// Goes on to the next state, where it waits no longer.
    #[cold]
    fn wait(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let StateProj::Waiting { waiting } = self.as_mut().project() {
            let next = ready!(waiting.as_mut().expect(DONE).as_mut().poll(cx));
            // Dropped here as well as with the state, dropping a state stays
            // short enough to be inlined.
            *waiting = None;
            self.set(next);
        }
        Poll::Ready(())
    }
}

impl<S, B, ResBody, F> Waiting<S, B, F>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    B: Body + Send + 'static,
    F: Future<Output = Result<Parts, Refused<ResBody>>> + ?Sized,
{
    /// The state behind this one: called, or answered without a call.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<State<S, B, ResBody>> {
        let this = self.project();
        let request = match this.request.take() {
            Some(request) => request,
            None => match ready!(this.verdict.poll(cx)) {
                Ok(parts) => Request::from_parts(parts, this.body.take().expect(DONE)),
                Err(Refused {
                    mut response,
                    discard,
                }) => {
                    let body = this.body.take().expect(DONE);
                    discard.answer(body, &mut response);
                    return Poll::Ready(State::done(Ok(response)));
                }
            },
        };
        match this.inner.poll_ready(cx) {
            Poll::Ready(Ok(())) => {
                let response = this.inner.call(request);
                Poll::Ready(State::Called { response })
            }
            Poll::Ready(Err(error)) => Poll::Ready(State::done(Err(error))),
            Poll::Pending => {
                *this.request = Some(request);
                Poll::Pending
            }
        }
    }
}

impl<S, B, ResBody> fmt::Debug for ResponseFuture<S, B, ResBody>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
