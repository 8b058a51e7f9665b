//! Responses that end with the credential of their request.

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
use super::rejection_response::{RejectionResponses, response_content_type};
use crate::{
    credential::{Schemes, Sources},
    head::Head,
    principal::{Principal, Validity},
};

/// The longest sleep of a timer. The clock may have been set meanwhile.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// A layer that ends long responses, such as streams, when the token of their
/// request expires or is revoked, suspended or retired.
///
/// Put it inside of an [`AuthnLayer`](super::AuthnLayer). It reads the principal that
/// the `AuthnLayer` inserts. A request without a principal passes through unchanged. If the inner
/// service has not responded yet, the layer responds as an `AuthnLayer` does: 401,
/// or status 16 over gRPC. If a response has begun, the layer ends it so that no
/// client mistakes a part for the whole: over gRPC by trailers with status 16,
/// otherwise by an error ([`CredentialEnded`]), which breaks off an HTTP/1.1 body
/// and resets an HTTP/2 stream.
///
/// Put it inside of a `GrpcWebLayer`, which then renders the trailers. Outside of
/// it, a gRPC-Web stream ends with the error. An upgraded connection, such as a
/// WebSocket, is not a body: wait for [`Principal::revoked`] in its handler. The
/// layer reads the expiry once, when the request arrives.
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
    read_validity: Arc<ReadValidity>,
    now: Arc<Now>,
    responses: RejectionResponses,
}

type ReadValidity =
    dyn Fn(&Extensions) -> Option<(Option<SystemTime>, BoxFuture<'static, ()>)> + Send + Sync;

type Now = dyn Fn() -> SystemTime + Send + Sync;

/// Completes when the credential expires or is revoked.
type EndFuture = BoxFuture<'static, ()>;

impl ValidityLayer {
    /// Creates a layer for the crate's own [`Principal`].
    #[must_use]
    pub fn new() -> Self {
        Self::for_principal(Principal::clone)
    }

    /// Creates a layer for a principal of your own. The closure returns its
    /// [`Validity`].
    ///
    /// ```
    /// use tower_authn::{Principal, layer::ValidityLayer};
    ///
    /// #[derive(Clone)]
    /// struct User { name: String, token: Principal }
    ///
    /// let layer = ValidityLayer::for_principal(|user: &User| user.token.clone());
    /// ```
    #[must_use]
    pub fn for_principal<P, T, F>(validity: F) -> Self
    where
        P: Send + Sync + 'static,
        T: Validity,
        F: Fn(&P) -> T + Send + Sync + 'static,
    {
        let read_validity = move |extensions: &Extensions| {
            let validity = validity(extensions.get()?);
            Some((validity.expires_at(), validity.revoked()))
        };
        Self {
            read_validity: Arc::new(read_validity),
            now: Arc::new(SystemTime::now),
            responses: RejectionResponses::new(&Sources::default(), Schemes::BEARER),
        }
    }

    /// Sets the sources, and so the challenges of a 401.
    #[must_use]
    pub fn sources(mut self, sources: &Sources) -> Self {
        self.responses = RejectionResponses::new(sources, Schemes::BEARER);
        self
    }

    /// Sets the clock, for tests.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.now = Arc::new(now);
        self
    }

    fn credential_end(&self, extensions: &Extensions) -> Option<EndFuture> {
        let (expires_at, revoked) = (self.read_validity)(extensions)?;
        let now = Arc::clone(&self.now);
        Some(match expires_at {
            None => revoked,
            Some(deadline) => async move {
                let expired = pin!(sleep_until(deadline, now));
                select(revoked, expired).await;
            }
            .boxed(),
        })
    }
}

async fn sleep_until(deadline: SystemTime, now: Arc<Now>) {
    while let Ok(left) = deadline.duration_since(now())
        && !left.is_zero()
    {
        tokio::time::sleep(left.min(MAX_SLEEP)).await;
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

/// A service that ends its responses with the credential. Created by
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
        let end = self.layer.credential_end(request.extensions());
        let grpc = end
            .is_some()
            .then(|| response_content_type(Head::from_request(&request)))
            .flatten();
        let responses = self.layer.responses.clone();
        let response = self.inner.call(request);
        ValidityFuture::new(response, end, grpc, responses)
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
