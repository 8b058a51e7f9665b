//! Draining of request bodies that the routes leave unread.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::{
    Error,
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http_body::{Frame, SizeHint};

use crate::layer::{Discard, Drain, close_connection};

/// Drains the rest of a body that the inner routes and their authentication
/// layers leave unread. The layers themselves have draining off.
pub(super) async fn drain_unread(
    State(drain): State<Drain>,
    request: Request,
    next: Next,
) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let discard = Discard::new(&drain, request.version(), request.headers());
    let must_close = Arc::new(AtomicBool::new(false));
    let wrap = |body| DrainOnDrop {
        body,
        discard: Some(discard),
        is_started: false,
        must_close: Arc::clone(&must_close),
    };
    let mut response = next.run(request.map(|body| Body::new(wrap(body)))).await;
    if must_close.load(Ordering::Relaxed) {
        close_connection(&mut response);
    }
    response
}

/// A body that is drained if it is dropped before its end.
struct DrainOnDrop {
    body: Body,
    /// `None` once the body has ended or failed.
    discard: Option<Discard>,
    is_started: bool,
    must_close: Arc<AtomicBool>,
}

impl HttpBody for DrainOnDrop {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.is_started = true;
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.discard = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for DrainOnDrop {
    fn drop(&mut self) {
        let Some(mut discard) = self.discard.take() else {
            return;
        };
        if self.is_started {
            discard.set_body_requested();
        }
        if discard.start(std::mem::take(&mut self.body)) {
            self.must_close.store(true, Ordering::Relaxed);
        }
    }
}
