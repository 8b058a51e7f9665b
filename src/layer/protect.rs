//! A finished service guarded by its layers.

use std::{
    fmt,
    task::{Context, Poll},
};

use tower::{Layer, Service};

/// Guards a finished service with every layer of `layers`: a layer, a tuple of
/// layers, or a `tower::ServiceBuilder`.
///
/// All routes, methods, nested routers and fallbacks of the service are inside of
/// the layers, and none can be added later.
///
/// # Example
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use tower_authn::{AuthnLayer, Principal, protect, verifier::FixedTokens};
///
/// # #[cfg(feature = "axum")]
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
/// let router: Router = Router::new().route("/", get(|| async { "hello" }));
/// let app = protect(router, AuthnLayer::new(tokens));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// axum::serve(listener, app.into_make_service()).await?;
/// # Ok(())
/// # }
/// ```
pub fn protect<S, L: Layer<S>>(service: S, layers: L) -> Protected<L::Service> {
    Protected(layers.layer(service))
}

/// A service guarded by its layers. Created by [`protect`].
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
    #[cfg(feature = "axum")]
    pub(crate) fn into_inner(self) -> S {
        self.0
    }
}

impl<S> fmt::Debug for Protected<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protected").finish_non_exhaustive()
    }
}
