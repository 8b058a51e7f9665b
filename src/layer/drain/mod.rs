//! The unread body of a request that is answered early.

mod discard;
mod read;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;

pub(crate) use self::discard::Discard;
#[cfg(feature = "manage")]
pub(crate) use self::discard::close_connection;

/// How much of a refused request's body is read and thrown away, for how long,
/// and for how many requests at once.
///
/// A layer refuses a request by its head, usually before its body has arrived.
/// If the body stayed unread, an HTTP/1.1 server would have to close the
/// connection, and the client would often see a reset instead of the answer;
/// over HTTP/2 some clients take the reset of the stream for a failure. So the
/// layer answers at once and a Tokio task reads the rest of the body.
///
/// The task stops at whichever bound it reaches first. A body that is known to
/// exceed [`max_bytes`](Self::max_bytes) when the answer is made is announced by
/// `Connection: close` (HTTP/1.x only; HTTP/2 has no such header). It is still
/// read up to the bounds, which gives the client time to receive the answer.
///
/// Nothing is read, and an HTTP/1.x answer carries `Connection: close`, where
/// as many bodies as allowed are being read already, where the request has
/// `Expect: 100-continue` (reading would ask the client for the body), and
/// outside of a Tokio runtime.
///
/// Clones share one count of running drains. A layer and all services made from
/// it share one; give several layers a clone of the same `Drain` to bound them
/// together.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_authn::{AuthnLayer, Principal, layer::Drain, verifier::FixedTokens};
///
/// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
/// let drain = Drain::new()
///     .max_bytes(1024 * 1024)
///     .max_time(Duration::from_secs(2))
///     .max_concurrent(64);
/// let layer = AuthnLayer::new(tokens).drain(drain);
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
///
/// # Security
///
/// A caller whose request is refused can keep a connection open, and make the
/// server receive bytes, within these bounds. With the defaults, one request
/// costs at most 16 MiB and 10 seconds, and at most 512 bodies are read at once.
/// Frames are dropped as they arrive; none are collected.
///
/// # Runtime
///
/// The task uses Tokio's timer. On a runtime that was built without it
/// (`enable_time` or `enable_all`) the task panics, so turn draining
/// [`off`](Self::off) there.
#[derive(Clone, Debug)]
#[must_use]
pub struct Drain {
    is_on: bool,
    max_bytes: u64,
    max_time: Duration,
    max_concurrent: usize,
    running: Arc<AtomicUsize>,
}

impl Drain {
    /// Reads at most 16 MiB of a body, for at most 10 seconds, and at most 512
    /// bodies at once.
    pub fn new() -> Self {
        Self {
            is_on: true,
            max_bytes: 16 * 1024 * 1024,
            max_time: Duration::from_secs(10),
            max_concurrent: 512,
            running: Arc::default(),
        }
    }

    /// Drops the body unread and leaves the answer as it is, for servers or
    /// outer layers that read the rest themselves.
    pub fn off() -> Self {
        Self {
            is_on: false,
            ..Self::new()
        }
    }

    /// Sets how many bytes of one body are read. A frame without data counts as
    /// one byte.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how long one body is read.
    pub fn max_time(mut self, time: Duration) -> Self {
        self.max_time = time;
        self
    }

    /// Sets how many bodies are read at once. With 0, none is, and every
    /// HTTP/1.x answer over an unread body carries `Connection: close`.
    pub fn max_concurrent(mut self, bodies: usize) -> Self {
        self.max_concurrent = bodies;
        self
    }

    /// Discards the body of a request that was answered early.
    #[inline]
    pub(crate) fn discard<B, ResBody>(
        &self,
        request: Request<B>,
        response: Response<ResBody>,
    ) -> Response<ResBody>
    where
        B: Body + Send + 'static,
    {
        if self.is_on && !request.body().is_end_stream() {
            return self.discard_unread(request, response);
        }
        response
    }

    /// Kept out of [`discard`](Self::discard), so that a refusal of a request without
    /// a body stays short enough to be inlined.
    #[cold]
    #[inline(never)]
    fn discard_unread<B, ResBody>(
        &self,
        request: Request<B>,
        mut response: Response<ResBody>,
    ) -> Response<ResBody>
    where
        B: Body + Send + 'static,
    {
        let discard = Discard::new(self, request.version(), request.headers());
        discard.answer(request.into_body(), &mut response);
        response
    }

    /// Takes a place among the running drains, if one is free.
    fn reserve(&self) -> Option<Slot> {
        let add = |running| (running < self.max_concurrent).then_some(running + 1);
        self.running
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .ok()?;
        Some(Slot(Arc::clone(&self.running)))
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

/// A place among the running drains, given back when dropped.
struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
