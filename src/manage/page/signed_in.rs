//! The session of the page, for pages of the app's own.

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

/// A layer that adds the person who is signed in to each request.
///
/// It reads the session that [`TokenAdmin::page`](crate::manage::TokenAdmin::page) opens,
/// and inserts its [`Principal`] into the extensions of the request, for
/// [`Authenticated`](crate::Authenticated). It lets through requests of people who
/// are not signed in too: take `Option<Authenticated>` and decide. Made by
/// [`TokenAdmin::signed_in`](crate::manage::TokenAdmin::signed_in).
///
/// # Security
///
/// A request that may change something, which is any but GET, HEAD and OPTIONS,
/// is refused with 403 if it comes from a page of another site: a browser adds
/// the cookie to it. Handlers of GET must therefore change nothing. While the
/// session can't be read, for example because the store can't be reached, the
/// answer is 503.
#[derive(Clone)]
pub struct SignedInLayer {
    sessions: Arc<Sessions>,
    anonymous: Anonymous<Principal>,
    drain: Drain,
}

impl SignedInLayer {
    pub(super) fn new(sessions: Arc<Sessions>, drain: Drain) -> Self {
        Self {
            sessions,
            anonymous: Anonymous::answered_as(&Sources::default()),
            drain,
        }
    }
}

impl<S> Layer<S> for SignedInLayer {
    type Service = SignedIn<S>;

    fn layer(&self, inner: S) -> SignedIn<S> {
        SignedIn {
            inner,
            layer: self.clone(),
        }
    }
}

impl fmt::Debug for SignedInLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedInLayer").finish_non_exhaustive()
    }
}

/// A service that knows who is signed in. Made by [`SignedInLayer`].
#[derive(Clone)]
pub struct SignedIn<S> {
    inner: S,
    layer: SignedInLayer,
}

impl<S, B> Service<Request<B>> for SignedIn<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // The inner service is made ready for the requests that reach it.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (mut inner, layer) = (self.inner.clone(), self.layer.clone());
        async move {
            let (method, uri, headers) = (request.method(), request.uri(), request.headers());
            if let Err(refusal) = cross_site::refuse(method, uri, headers) {
                return Ok(layer.drain.discard(request, refusal));
            }
            let caller = layer.sessions.caller(uri, headers).await;
            let extensions = request.extensions_mut();
            match caller {
                Ok(Some(caller)) => {
                    extensions.insert(caller);
                }
                Ok(None) => {
                    // One that another layer found is not signed in here.
                    extensions.remove::<Principal>();
                    extensions.insert(layer.anonymous);
                }
                Err(error) => {
                    let refusal = Problem::from(error).into_response();
                    return Ok(layer.drain.discard(request, refusal));
                }
            }
            poll_fn(|cx| inner.poll_ready(cx)).await?;
            inner.call(request).await
        }
        .boxed()
    }
}

impl<S> fmt::Debug for SignedIn<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").finish_non_exhaustive()
    }
}
