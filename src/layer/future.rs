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

const DONE: &str = "a future is not polled after it completes";

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
        // Boxed, so that the future of a request that does not wait stays small.
        Waiting {
            waiting: Option<Pin<Box<Waiting<S, B, DynDecision<B, ResBody>>>>>,
        },
    }
}

type DynDecision<B, ResBody> = dyn Future<Output = Result<Request<B>, Response<ResBody>>> + Send;

pin_project! {
    /// Waits for the verifier, then for the inner service. `inner` is the instance
    /// that is called, since it holds what its readiness reserves.
    struct Waiting<S, B, F: ?Sized> {
        inner: S,
        // An admitted request, while the inner service is not ready.
        request: Option<Request<B>>,
        #[pin]
        decision: F,
    }
}

impl<S, B, ResBody> ResponseFuture<S, B, ResBody>
where
    S: Service<Request<B>>,
{
    /// Waits for the decision, then for the inner service.
    // The box comes first, so that the request moves into it and nowhere else.
    #[inline(always)]
    pub(super) fn waiting<F>(
        inner: S,
        request: Request<B>,
        decide: impl FnOnce(Parts, B) -> F,
    ) -> Self
    where
        F: Future<Output = Result<Request<B>, Response<ResBody>>> + Send + 'static,
    {
        let memory = Box::<Waiting<S, B, F>>::new_uninit();
        let (parts, body) = request.into_parts();
        let waiting: Box<Waiting<S, B, F>> = Box::write(
            memory,
            Waiting {
                inner,
                request: None,
                decision: decide(parts, body),
            },
        );
        Self::new(State::Waiting {
            waiting: Some(Box::into_pin(waiting)),
        })
    }

    /// Calls the inner service if it is ready. Otherwise waits for this instance,
    /// which has been polled, and leaves a clone in its place.
    #[inline]
    pub(super) fn pass(inner: &mut S, request: Request<B>) -> Self
    where
        S: Clone,
        B: Send + 'static,
    {
        match inner.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => {
                let response = inner.call(request);
                Self::new(State::Called { response })
            }
            Poll::Ready(Err(error)) => Self::new(State::done(Err(error))),
            Poll::Pending => {
                let clone = inner.clone();
                let inner = mem::replace(inner, clone);
                Self::waiting(inner, request, |parts, body| async move {
                    Ok(Request::from_parts(parts, body))
                })
            }
        }
    }

    pub(super) fn rejected(response: Response<ResBody>) -> Self {
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
    /// Polls the waiting future, and enters the next state when it completes.
    #[cold]
    fn wait(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let StateProj::Waiting { waiting } = self.as_mut().project() {
            let next = ready!(waiting.as_mut().expect(DONE).as_mut().poll(cx));
            // Dropping the box here keeps the state's own drop short enough to be
            // inlined.
            *waiting = None;
            self.set(next);
        }
        Poll::Ready(())
    }
}

impl<S, B, ResBody, F> Waiting<S, B, F>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    F: Future<Output = Result<Request<B>, Response<ResBody>>> + ?Sized,
{
    /// Returns the next state: the inner service is called, or the response done.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<State<S, B, ResBody>> {
        let this = self.project();
        let request = match this.request.take() {
            Some(request) => request,
            None => match ready!(this.decision.poll(cx)) {
                Ok(request) => request,
                Err(response) => return Poll::Ready(State::done(Ok(response))),
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
