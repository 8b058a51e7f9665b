//! The future of a guarded service.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use futures::future::BoxFuture;
use http::{Request, Response, request::Parts};
use pin_project_lite::pin_project;
use tower::Service;

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
        /// The verifier is asked. The body and the service wait beside it.
        Verifying {
            verdict: BoxFuture<'static, Result<Parts, Response<ResBody>>>,
            admitted: Option<(B, S)>,
        },
        /// The inner service is waited for, on the instance that will be called.
        Admitted {
            inner: S,
            request: Option<Request<B>>,
        },
        Called {
            #[pin]
            response: S::Future,
        },
        Done {
            result: Option<Result<Response<ResBody>, S::Error>>,
        },
    }
}

impl<S, B, ResBody> ResponseFuture<S, B, ResBody>
where
    S: Service<Request<B>>,
{
    pub(super) fn verifying(
        verdict: BoxFuture<'static, Result<Parts, Response<ResBody>>>,
        body: B,
        inner: S,
    ) -> Self {
        let admitted = Some((body, inner));
        Self::new(State::Verifying { verdict, admitted })
    }

    /// Calls the inner service at once where it is ready, and where it is not,
    /// takes it over and waits for this same instance; a clone stays behind.
    pub(super) fn pass(inner: &mut S, request: Request<B>) -> Self
    where
        S: Clone,
    {
        match inner.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => {
                let response = inner.call(request);
                Self::new(State::Called { response })
            }
            Poll::Ready(Err(error)) => {
                let result = Some(Err(error));
                Self::new(State::Done { result })
            }
            Poll::Pending => {
                let fresh = inner.clone();
                let inner = mem::replace(inner, fresh);
                let request = Some(request);
                Self::new(State::Admitted { inner, request })
            }
        }
    }

    pub(super) fn refused(response: Response<ResBody>) -> Self {
        let result = Some(Ok(response));
        Self::new(State::Done { result })
    }

    fn new(state: State<S, B, ResBody>) -> Self {
        Self { state }
    }
}

impl<S, B, ResBody> Future for ResponseFuture<S, B, ResBody>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const DONE: &str = "a future is not polled after it was ready";
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Verifying { verdict, admitted } => {
                    match ready!(verdict.as_mut().poll(cx)) {
                        Ok(parts) => {
                            let (body, inner) = admitted.take().expect(DONE);
                            let request = Some(Request::from_parts(parts, body));
                            State::Admitted { inner, request }
                        }
                        Err(response) => return Poll::Ready(Ok(response)),
                    }
                }
                StateProj::Admitted { inner, request } => {
                    ready!(inner.poll_ready(cx))?;
                    let response = inner.call(request.take().expect(DONE));
                    State::Called { response }
                }
                StateProj::Called { response } => return response.poll(cx),
                StateProj::Done { result } => return Poll::Ready(result.take().expect(DONE)),
            };
            state.set(next);
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
