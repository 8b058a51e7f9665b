//! A body that ends with the credential.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::FutureExt;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::EndFuture;
use crate::{layer::rejection_response::grpc_trailers, rejection::RejectionKind};

pin_project! {
    /// A body that ends early, with an error or with trailers, if the credential of
    /// its request ends.
    pub struct ValidityBody<B> {
        #[pin]
        inner: B,
        // `None` if no credential bounds the body, and once the body has ended.
        end: Option<EndFuture>,
        is_grpc: bool,
        is_over: bool,
    }
}

impl<B> ValidityBody<B> {
    pub(super) fn new(inner: B, end: Option<EndFuture>, is_grpc: bool) -> Self {
        Self {
            inner,
            end,
            is_grpc,
            is_over: false,
        }
    }

    pub(super) fn unbounded(inner: B) -> Self {
        Self::new(inner, None, false)
    }
}

impl<B: Default> Default for ValidityBody<B> {
    fn default() -> Self {
        Self::unbounded(B::default())
    }
}

impl<B> Body for ValidityBody<B>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = B::Data;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let this = self.project();
        if *this.is_over {
            return Poll::Ready(None);
        }
        if let Some(end) = this.end
            && end.poll_unpin(cx).is_ready()
        {
            *this.end = None;
            *this.is_over = true;
            return Poll::Ready(Some(match this.is_grpc {
                true => Ok(Frame::trailers(grpc_trailers(RejectionKind::Revoked))),
                false => Err(CredentialEnded.into()),
            }));
        }
        let frame = ready!(this.inner.poll_frame(cx));
        if frame.is_none() {
            *this.end = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The credential expired or was revoked before the response was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialEnded;

impl fmt::Display for CredentialEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the credential ended before the response did")
    }
}

impl Error for CredentialEnded {}

impl<B> fmt::Debug for ValidityBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidityBody")
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}
