//! Reads what is left of a request that was answered early.
//!
//! A refusal does not wait for the request's body. Over HTTP/2 the server then
//! resets the stream, without an error, and some clients drop the answer they
//! have (curl 7.88: "Stream error in the HTTP/2 framing layer"). A little of
//! the body, for a little while, is read and thrown away for their sake.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Error,
    body::{Body, HttpBody},
};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Frame, SizeHint};
use tokio::{runtime::Handle, time::timeout};

const MAX_BYTES: usize = 64 * 1024;
const MAX_TIME: Duration = Duration::from_secs(1);

/// Makes a request's body one that is drained when it is dropped.
pub(crate) fn drained(request: Request<Body>) -> Request<Body> {
    request.map(|body| Body::new(Drained(body)))
}

struct Drained(Body);

impl HttpBody for Drained {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        let rest = std::mem::take(&mut self.0);
        if let (false, Ok(runtime)) = (rest.is_end_stream(), Handle::try_current()) {
            let drain = Limited::new(rest, MAX_BYTES).collect();
            runtime.spawn(async { timeout(MAX_TIME, drain).await.map(drop) });
        }
    }
}
