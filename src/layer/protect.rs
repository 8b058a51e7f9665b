//! A whole service behind a layer.

use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    task::{Context, Poll},
};

use tower::{Layer, Service};

/// Puts a finished service behind a layer: no route, method, nested router or
/// fallback stays outside, and none can be added later.
///
/// # Example
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use tower_authn::{AuthnLayer, Principal, protect, verifier::FixedTokens};
///
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
/// let router: Router = Router::new().route("/", get(|| async { "hello" }));
/// let app = protect(router, AuthnLayer::new(tokens));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// axum::serve(listener, app.into_make_service()).await?;
/// # Ok(())
/// # }
/// ```
pub fn protect<S, L: Layer<S>>(service: S, layer: L) -> Protected<L::Service> {
    Protected(layer.layer(service))
}

/// A service behind a layer. Made by [`protect`].
#[derive(Clone)]
pub struct Protected<S>(S);

impl<S, Req> Service<Req> for Protected<S>
where
    S: Service<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> S::Future {
        self.0.call(request)
    }
}

impl<S> Protected<S> {
    /// What `axum::serve` takes: gives each connection a clone.
    pub fn into_make_service(self) -> MakeProtected<S> {
        MakeProtected(self)
    }
}

/// Gives each connection its service. Made by [`Protected::into_make_service`].
#[derive(Clone)]
pub struct MakeProtected<S>(Protected<S>);

impl<S: Clone, T> Service<T> for MakeProtected<S> {
    type Response = Protected<S>;
    type Error = Infallible;
    type Future = Ready<Result<Protected<S>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: T) -> Self::Future {
        ready(Ok(self.0.clone()))
    }
}

impl<S> fmt::Debug for MakeProtected<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MakeProtected").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Protected<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protected").finish_non_exhaustive()
    }
}
