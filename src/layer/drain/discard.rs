//! The unread body of one request: drain it, or announce that the connection closes.

use http::{
    HeaderMap, HeaderValue, Response, Version,
    header::{CONNECTION, EXPECT},
};
use http_body::Body;
use tokio::{runtime::Handle, time::timeout};

use super::{Drain, read::ReadToEnd};

/// The facts about a request that discarding its body needs.
pub(crate) struct Discard {
    drain: Drain,
    is_http1: bool,
    expects_continue: bool,
}

impl Discard {
    #[cold]
    pub(crate) fn new(drain: &Drain, version: Version, headers: &HeaderMap) -> Self {
        let is_http1 = version < Version::HTTP_2;
        let expect = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
        Self {
            drain: drain.clone(),
            is_http1,
            // Over HTTP/2 reading asks the client for nothing.
            expects_continue: is_http1 && headers.get_all(EXPECT).iter().any(expect),
        }
    }

    /// Records that reading the body has begun, so that a client with
    /// `Expect: 100-continue` has been asked for it.
    #[cfg(feature = "manage")]
    pub(crate) fn set_body_requested(&mut self) {
        self.expects_continue = false;
    }

    /// Starts to drain a body, and adjusts the response.
    #[inline]
    pub(crate) fn apply<B, ResBody>(self, body: B, response: &mut Response<ResBody>)
    where
        B: Body + Send + 'static,
    {
        if self.start(body) {
            close_connection(response);
        }
    }

    /// Starts to drain a body. Returns whether the response must announce that
    /// the connection closes.
    pub(crate) fn start<B>(self, body: B) -> bool
    where
        B: Body + Send + 'static,
    {
        if !self.drain.is_on || body.is_end_stream() {
            return false;
        }
        let is_too_long = body.size_hint().lower() > self.drain.max_bytes;
        let is_running = !self.expects_continue && self.spawn(body);
        self.is_http1 && (is_too_long || !is_running)
    }

    fn spawn<B>(&self, body: B) -> bool
    where
        B: Body + Send + 'static,
    {
        let (Ok(runtime), Some(slot)) = (Handle::try_current(), self.drain.reserve()) else {
            return false;
        };
        let read = ReadToEnd::new(body, self.drain.max_bytes);
        let max_time = self.drain.max_time;
        runtime.spawn(async move {
            let _slot = slot;
            // At a bound the body is dropped, which closes an HTTP/1.1 connection
            // and resets an HTTP/2 stream without an error.
            timeout(max_time, read).await.ok();
        });
        true
    }
}

/// Announces that no further request is read from an HTTP/1.x connection.
pub(crate) fn close_connection<ResBody>(response: &mut Response<ResBody>) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
}
