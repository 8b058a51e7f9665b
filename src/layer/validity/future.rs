//! A response that is waited for, and its end.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures::FutureExt;
use http::{HeaderValue, Response};
use pin_project_lite::pin_project;

use super::{End, ValidityBody};
use crate::layer::answer::Refusals;

pin_project! {
    /// The future of a [`ValidityService`](super::ValidityService).
    pub struct ValidityFuture<F> {
        #[pin]
        response: F,
        end: Option<End>,
        grpc: Option<HeaderValue>,
        refusals: Refusals,
    }
}

impl<F> ValidityFuture<F> {
    pub(super) fn new(
        response: F,
        end: Option<End>,
        grpc: Option<HeaderValue>,
        refusals: Refusals,
    ) -> Self {
        Self {
            response,
            end,
            grpc,
            refusals,
        }
    }
}

impl<F, ResBody, E> Future for ValidityFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    ResBody: Default,
{
    type Output = Result<Response<ValidityBody<ResBody>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let over = match this.end {
            Some(end) => end.poll_unpin(cx).is_ready(),
            None => false,
        };
        if over {
            // Not polled again, should anybody poll this again.
            *this.end = None;
            let response = this.refusals.ended(this.grpc.take());
            return Poll::Ready(Ok(response.map(ValidityBody::without_end)));
        }
        let response = this.response.poll(cx);
        response.map_ok(|response| {
            let (end, is_grpc) = (this.end.take(), this.grpc.is_some());
            response.map(|body| ValidityBody::new(body, end, is_grpc))
        })
    }
}

impl<F> fmt::Debug for ValidityFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidityFuture").finish_non_exhaustive()
    }
}
