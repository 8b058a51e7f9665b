//! The verdict of a verifier that may panic.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use crate::rejection::Rejection;

/// A verdict, or `None` if the verifier has to wait.
type Verdict<P> = Option<Result<P, Rejection>>;

/// Calls a verifier. A panic is an outage.
#[inline(always)]
pub(super) fn verify_caught<P>(verify: impl FnOnce() -> Verdict<P>) -> Verdict<P> {
    catch_unwind(AssertUnwindSafe(verify)).unwrap_or_else(|_| Some(Err(panicked())))
}

fn panicked() -> Rejection {
    Rejection::unavailable("the verifier panicked")
}

pin_project! {
    /// The future of a verdict. A panic is an outage.
    pub(super) struct Caught<F> {
        #[pin]
        verify: F,
    }
}

impl<F> Caught<F> {
    pub(super) fn new(verify: F) -> Self {
        Self { verify }
    }
}

impl<F, P> Future for Caught<F>
where
    F: Future<Output = Result<P, Rejection>>,
{
    type Output = Result<P, Rejection>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let verify = self.project().verify;
        // A future is not polled after it completes, so not after its panic either.
        catch_unwind(AssertUnwindSafe(|| verify.poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    }
}
