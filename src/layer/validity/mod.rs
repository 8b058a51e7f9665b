//! Responses that end with the credential they were asked for with.

mod body;
mod future;

use std::{
    fmt,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use futures::future::{BoxFuture, FutureExt, select};
use http::{Extensions, Request, Response};
use tower::{Layer, Service};

pub use self::{
    body::{CredentialEnded, ValidityBody},
    future::ValidityFuture,
};
use super::answer::{Refusals, grpc_content_type};
use crate::{
    credential::{Schemes, Sources},
    head::Head,
    principal::{Principal, Validity},
};

/// How long a timer runs before the clock is asked again, which may have been
/// set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Ends what takes long, streams above all, when the token that it was asked
/// for with expires or is revoked, suspended or retired.
///
/// It stands inside of the [`AuthnLayer`](super::AuthnLayer), whose principal it
/// reads; a request without one passes untouched. Until there is a response it
/// answers as that layer would: 401, or status 16 over gRPC. A response that has
/// begun is ended so that nobody takes a part for the whole: over gRPC by
/// trailers with status 16, over HTTP by an error
/// ([`CredentialEnded`]), which breaks off an HTTP/1.1 body and resets an HTTP/2
/// stream.
///
/// Put it inside of a `GrpcWebLayer`, which then renders the trailers; outside
/// of it a gRPC-Web stream ends with the error. An upgraded connection (a
/// WebSocket) is no body: wait for [`Principal::revoked`] in its handler. The end
/// that counts is the one that the token had when the request came.
///
/// # Example
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use tower_authn::{AuthnLayer, layer::ValidityLayer, protect, tokens::Tokens};
///
/// # fn serve(tokens: Tokens) {
/// let router: Router = Router::new()
///     .route("/events", get(async || "…"))
///     .layer(ValidityLayer::new());
/// let app = protect(router, AuthnLayer::new(tokens.verifier()));
/// # }
/// ```
#[derive(Clone)]
pub struct ValidityLayer {
    of: Arc<Find>,
    clock: Arc<Clock>,
    refusals: Refusals,
}

type Find =
    dyn Fn(&Extensions) -> Option<(Option<SystemTime>, BoxFuture<'static, ()>)> + Send + Sync;

type Clock = dyn Fn() -> SystemTime + Send + Sync;

/// Waits for the end.
type End = BoxFuture<'static, ()>;

impl ValidityLayer {
    /// For the crate's own [`Principal`].
    #[must_use]
    pub fn new() -> Self {
        Self::with(Principal::clone)
    }

    /// For a principal of your own, of which the closure gives what ends.
    ///
    /// ```
    /// use tower_authn::{Principal, layer::ValidityLayer};
    ///
    /// #[derive(Clone)]
    /// struct User { name: String, token: Principal }
    ///
    /// let layer = ValidityLayer::with(|user: &User| user.token.clone());
    /// ```
    #[must_use]
    pub fn with<P, L, F>(lifetime: F) -> Self
    where
        P: Send + Sync + 'static,
        L: Validity,
        F: Fn(&P) -> L + Send + Sync + 'static,
    {
        let find = move |extensions: &Extensions| {
            let lifetime = lifetime(extensions.get()?);
            Some((lifetime.expires_at(), lifetime.revoked()))
        };
        Self {
            of: Arc::new(find),
            clock: Arc::new(SystemTime::now),
            refusals: Refusals::new(&Sources::default(), Schemes::BEARER),
        }
    }

    /// Challenges as these sources do, where there is no response yet.
    #[must_use]
    pub fn sources(mut self, sources: &Sources) -> Self {
        self.refusals = Refusals::new(sources, Schemes::BEARER);
        self
    }

    /// What time it is, for tests.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now);
        self
    }

    fn end(&self, extensions: &Extensions) -> Option<End> {
        let (expires_at, ended) = (self.of)(extensions)?;
        let clock = Arc::clone(&self.clock);
        Some(match expires_at {
            None => ended,
            Some(end) => async move {
                let expired = pin!(wait_until(end, clock));
                select(ended, expired).await;
            }
            .boxed(),
        })
    }
}

async fn wait_until(end: SystemTime, clock: Arc<Clock>) {
    // An end that is not after now has come.
    while let Ok(left) = end.duration_since(clock())
        && !left.is_zero()
    {
        tokio::time::sleep(left.min(LOOK_AGAIN)).await;
    }
}

impl Default for ValidityLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ValidityLayer {
    type Service = ValidityService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ValidityService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service whose responses end with the credential. Made by
/// [`ValidityLayer`].
#[derive(Clone)]
pub struct ValidityService<S> {
    inner: S,
    layer: ValidityLayer,
}

impl<S, B, ResBody> Service<Request<B>> for ValidityService<S>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = Response<ValidityBody<ResBody>>;
    type Error = S::Error;
    type Future = ValidityFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let end = self.layer.end(request.extensions());
        let grpc = end
            .is_some()
            .then(|| grpc_content_type(Head::from_request(&request)))
            .flatten();
        let refusals = self.layer.refusals.clone();
        let response = self.inner.call(request);
        ValidityFuture::new(response, end, grpc, refusals)
    }
}

impl fmt::Debug for ValidityLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidityLayer").finish_non_exhaustive()
    }
}

impl<S: fmt::Debug> fmt::Debug for ValidityService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidityService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
