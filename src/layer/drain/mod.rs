//! The unread body of a request that is rejected early.

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

/// The bounds within which a rejected request's body is read and discarded: bytes,
/// time, and the number of bodies at once.
///
/// A layer rejects a request by its head, usually before its body has arrived.
/// If the body stayed unread, an HTTP/1.1 server would have to close the
/// connection, and the client would often see a reset instead of the response.
/// Over HTTP/2, some clients treat the reset of the stream as a failure. So the
/// layer responds at once, and a Tokio task reads the rest of the body.
///
/// The task stops at the first bound that it reaches. If the body is already known
/// to exceed [`max_bytes`](Self::max_bytes), the response carries
/// `Connection: close` (HTTP/1.x only; HTTP/2 has no such header). The task still
/// reads up to the bounds, which gives the client time to receive the response.
///
/// In three cases nothing is read, and an HTTP/1.x response carries
/// `Connection: close`:
///
/// - the maximum number of bodies is already being read,
/// - the request has `Expect: 100-continue`, and reading would ask the client for
///   the body,
/// - there is no Tokio runtime.
///
/// Clones share one count of running drains, as do a layer and all services made
/// from it. To bound several layers together, give each a clone of one `Drain`.
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
/// A rejected caller can keep a connection open, and make the server receive
/// bytes, within these bounds. With the defaults, one request
/// costs at most 16 MiB and 10 seconds, and at most 512 bodies are read at once.
/// Frames are dropped as they arrive; none are collected.
///
/// # Runtime
///
/// The task uses Tokio's timer. It panics on a runtime without one, that is, built
/// without `enable_time` or `enable_all`; turn draining [`off`](Self::off) there.
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
    /// Creates the default bounds: 16 MiB and 10 seconds for each body, and 512
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

    /// Turns draining off: the body is dropped unread and the response stays as it
    /// is, for servers or outer layers that read the rest themselves.
    pub fn off() -> Self {
        Self {
            is_on: false,
            ..Self::new()
        }
    }

    /// Sets the maximum number of bytes that are read of one body. A frame without
    /// data counts as one byte.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the maximum time for which one body is read.
    pub fn max_time(mut self, time: Duration) -> Self {
        self.max_time = time;
        self
    }

    /// Sets the maximum number of bodies that are read at once. With 0, none is
    /// read, and every HTTP/1.x response before an unread body carries
    /// `Connection: close`.
    pub fn max_concurrent(mut self, bodies: usize) -> Self {
        self.max_concurrent = bodies;
        self
    }

    /// Discards the body of a rejected request.
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

    /// Kept out of [`discard`](Self::discard), so that rejecting a request without a
    /// body stays short enough to be inlined.
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
        discard.apply(request.into_body(), &mut response);
        response
    }

    /// Reserves one of the slots for running drains, if one is free.
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

/// A slot among the running drains, released when dropped.
struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
