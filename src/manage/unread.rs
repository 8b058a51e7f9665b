//! What the routes leave unread of a request's body.

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

/// Drains what the routes inside, and their guards, leave unread of a body. The
/// guards themselves have their drains off.
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
    let watch = |body| Watched {
        body,
        discard: Some(discard),
        is_begun: false,
        must_close: Arc::clone(&must_close),
    };
    let mut response = next.run(request.map(|body| Body::new(watch(body)))).await;
    if must_close.load(Ordering::Relaxed) {
        close_connection(&mut response);
    }
    response
}

/// A body that is drained when it is dropped before its end.
struct Watched {
    body: Body,
    // None once the body has ended or failed.
    discard: Option<Discard>,
    is_begun: bool,
    must_close: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.is_begun = true;
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

impl Drop for Watched {
    fn drop(&mut self) {
        let Some(mut discard) = self.discard.take() else {
            return;
        };
        if self.is_begun {
            discard.set_body_requested();
        }
        if discard.start(std::mem::take(&mut self.body)) {
            self.must_close.store(true, Ordering::Relaxed);
        }
    }
}
