//! A layer that adds the page's session to the app's own pages.

use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use axum::response::{IntoResponse, Response};
use futures::future::{BoxFuture, FutureExt};
use http::Request;
use http_body::Body;
use tower::{Layer, Service};

use super::{cross_site, session::Sessions};
use crate::{
    credential::Sources,
    layer::{Anonymous, Drain},
    manage::problem::Problem,
    principal::Principal,
};

/// A layer that adds the principal of the page's session to each request.
///
/// The layer reads the session of [`TokenAdmin::page`](crate::manage::TokenAdmin::page)
/// and inserts its [`Principal`] into the request's extensions, for
/// [`Authenticated`](crate::Authenticated). Requests without a session pass too;
/// handlers extract `Option<Authenticated>` and decide. Created by
/// [`TokenAdmin::session_layer`](crate::manage::TokenAdmin::session_layer).
///
/// # Security
///
/// Browsers send the session cookie with requests from other sites too. A request
/// with any method but GET, HEAD and OPTIONS is therefore rejected with 403 if it
/// comes from a page of another site, and handlers of GET must change nothing. If the
/// session can't be read, because the store is unavailable, the response is 503.
#[derive(Clone)]
pub struct SessionLayer {
    sessions: Arc<Sessions>,
    anonymous: Anonymous<Principal>,
    drain: Drain,
}

impl SessionLayer {
    pub(super) fn new(sessions: Arc<Sessions>, drain: Drain) -> Self {
        Self {
            sessions,
            anonymous: Anonymous::from_sources(&Sources::default()),
            drain,
        }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService {
            inner,
            layer: self.clone(),
        }
    }
}

impl fmt::Debug for SessionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer").finish_non_exhaustive()
    }
}

/// A service that adds the principal of the page's session to each request. Created
/// by [`SessionLayer`].
#[derive(Clone)]
pub struct SessionService<S> {
    inner: S,
    layer: SessionLayer,
}

impl<S, B> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // `call` waits for the inner service, and only for requests that reach it.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (mut inner, layer) = (self.inner.clone(), self.layer.clone());
        async move {
            let (method, uri, headers) = (request.method(), request.uri(), request.headers());
            if let Err(response) = cross_site::check(method, uri, headers) {
                return Ok(layer.drain.discard(request, response));
            }
            let caller = layer.sessions.find_caller(uri, headers).await;
            let extensions = request.extensions_mut();
            match caller {
                Ok(Some(caller)) => {
                    extensions.insert(caller);
                }
                Ok(None) => {
                    // Another layer's principal has no session here.
                    extensions.remove::<Principal>();
                    extensions.insert(layer.anonymous);
                }
                Err(error) => {
                    let response = Problem::from(error).into_response();
                    return Ok(layer.drain.discard(request, response));
                }
            }
            poll_fn(|cx| inner.poll_ready(cx)).await?;
            inner.call(request).await
        }
        .boxed()
    }
}

impl<S> fmt::Debug for SessionService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService").finish_non_exhaustive()
    }
}
