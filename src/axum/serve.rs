//! The conversions of a guarded router into a service for `axum::serve`.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::{Future, Ready, ready},
    pin::Pin,
    task::{Context, Poll, ready as try_ready},
};

use axum_core::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use pin_project_lite::pin_project;
use tower::Service;

use crate::layer::Protected;

impl<S> Protected<S> {
    /// Converts the service into an argument for `axum::serve`, whatever the type of
    /// the response body that its layers make.
    ///
    /// ```no_run
    /// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    /// use axum::{Router, routing::get};
    /// use tower::ServiceBuilder;
    /// use tower_authn::{AuthnLayer, Principal, protect, verifier::FixedTokens};
    /// use tower_http::cors::CorsLayer;
    ///
    /// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
    /// let layers = ServiceBuilder::new()
    ///     .layer(CorsLayer::permissive())
    ///     .layer(AuthnLayer::new(tokens));
    /// let router: Router = Router::new().route("/", get(|| async { "hello" }));
    /// let app = protect(router, layers);
    ///
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    /// axum::serve(listener, app.into_make_service()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_make_service(self) -> MakeService<S> {
        MakeService(self.with_axum_body())
    }

    /// Converts the response body into axum's.
    ///
    /// With axum's `ServiceExt` in scope, the result has
    /// `into_make_service_with_connect_info`:
    ///
    /// ```no_run
    /// # async fn serve(router: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::net::SocketAddr;
    ///
    /// use axum::ServiceExt;
    /// use tower_authn::{AuthnLayer, Principal, protect, verifier::FixedTokens};
    ///
    /// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
    /// let app = protect(router, AuthnLayer::new(tokens)).with_axum_body();
    ///
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    /// let app = app.into_make_service_with_connect_info::<SocketAddr>();
    /// axum::serve(listener, app).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_axum_body(self) -> WithAxumBody<S> {
        WithAxumBody(self.into_inner())
    }
}

/// A service that makes a clone of another for each connection. Created by
/// [`Protected::into_make_service`].
#[derive(Clone)]
pub struct MakeService<S>(WithAxumBody<S>);

impl<S: Clone, T> Service<T> for MakeService<S> {
    type Response = WithAxumBody<S>;
    type Error = Infallible;
    type Future = Ready<Result<WithAxumBody<S>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: T) -> Self::Future {
        ready(Ok(self.0.clone()))
    }
}

/// A service with axum's response body. Created by
/// [`Protected::with_axum_body`].
#[derive(Clone)]
pub struct WithAxumBody<S>(S);

impl<S, ResBody> Service<Request<Body>> for WithAxumBody<S>
where
    S: Service<Request<Body>, Response = Response<ResBody>>,
    ResBody: HttpBody<Data = Bytes> + Send + 'static,
    ResBody::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = WithAxumBodyFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        WithAxumBodyFuture {
            inner: self.0.call(request),
        }
    }
}

pin_project! {
    /// The future of a [`WithAxumBody`].
    pub struct WithAxumBodyFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F, ResBody, E> Future for WithAxumBodyFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    ResBody: HttpBody<Data = Bytes> + Send + 'static,
    ResBody::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = try_ready!(self.project().inner.poll(cx));
        // `Body::new` does not box axum's own body again.
        Poll::Ready(response.map(|response| response.map(Body::new)))
    }
}

impl<S> fmt::Debug for MakeService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MakeService").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for WithAxumBody<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithAxumBody").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for WithAxumBodyFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithAxumBodyFuture").finish_non_exhaustive()
    }
}
