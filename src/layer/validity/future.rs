//! The future of a response that a credential bounds.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures::FutureExt;
use http::{HeaderValue, Response};
use pin_project_lite::pin_project;

use super::{EndFuture, ValidityBody};
use crate::layer::rejection_response::RejectionResponses;

pin_project! {
    /// The future of a [`ValidityService`](super::ValidityService).
    pub struct ValidityFuture<F> {
        #[pin]
        response: F,
        end: Option<EndFuture>,
        grpc: Option<HeaderValue>,
        responses: RejectionResponses,
    }
}

impl<F> ValidityFuture<F> {
    pub(super) fn new(
        response: F,
        end: Option<EndFuture>,
        grpc: Option<HeaderValue>,
        responses: RejectionResponses,
    ) -> Self {
        Self {
            response,
            end,
            grpc,
            responses,
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
        if let Some(end) = this.end
            && end.poll_unpin(cx).is_ready()
        {
            // A completed future must not be polled again.
            *this.end = None;
            let response = this.responses.credential_ended(this.grpc.take());
            return Poll::Ready(Ok(response.map(ValidityBody::unbounded)));
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
