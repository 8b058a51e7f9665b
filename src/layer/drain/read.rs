//! The future that reads a body and discards it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::Body;
use pin_project_lite::pin_project;

/// The number of frames that are read before the task yields.
const FRAMES_PER_POLL: usize = 32;

pin_project! {
    /// Reads a body until it ends, fails, or exceeds a number of bytes.
    pub(super) struct ReadToEnd<B> {
        #[pin]
        body: B,
        bytes_left: u64,
    }
}

impl<B> ReadToEnd<B> {
    pub(super) fn new(body: B, max_bytes: u64) -> Self {
        Self {
            body,
            bytes_left: max_bytes,
        }
    }
}

impl<B: Body> Future for ReadToEnd<B> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        for _ in 0..FRAMES_PER_POLL {
            let Some(Ok(frame)) = ready!(this.body.as_mut().poll_frame(cx)) else {
                return Poll::Ready(());
            };
            let length = frame.data_ref().map_or(0, Buf::remaining);
            let length = u64::try_from(length).unwrap_or(u64::MAX).max(1);
            match this.bytes_left.checked_sub(length) {
                Some(left) => *this.bytes_left = left,
                None => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
