//! The layer of a resource server.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::metadata::ResourceMetadata;
use crate::{
    error::ConfigError,
    layer::{AlwaysRequired, Authn, AuthnLayer, EmptyBody},
    verifier::Verifier,
};

/// A layer that guards a service with an [`AuthnLayer`] and serves the metadata of the
/// resource, which each challenge links
/// ([RFC 9728 §5](https://www.rfc-editor.org/rfc/rfc9728#section-5)).
///
/// The metadata are served outside of the `AuthnLayer`, so no policy can refuse a
/// request for them, and no access table needs a row for them. The response body must
/// implement `From<Bytes>`, as axum's does.
///
/// Put a CORS layer outside, so that clients in browsers can read the challenges.
///
/// # Example
///
/// ```no_run
/// # #[cfg(feature = "axum")]
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, routing::post};
/// use http::Method;
/// use tower_authn::{Access, AccessTable, AuthnLayer, Principal, protect};
/// use tower_authn::resource::{ResourceMetadata, ResourceServer};
/// # use tower_authn::verifier::FixedTokens;
///
/// let metadata = ResourceMetadata::builder("https://api.example.com/mcp")
///     .authorization_server("https://login.example.com")
///     .scopes(["tools:echo"])
///     .build()?;
/// let table = AccessTable::builder()
///     .route(Method::POST, "/mcp", Access::scope("tools:echo"))
///     .build()?;
/// # let verifier = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
/// let authn = AuthnLayer::new(verifier).access(table).challenge_scopes();
/// let router: Router = Router::new().route("/mcp", post(|| async { "hello" }));
/// let app = protect(router, ResourceServer::new(metadata, authn)?);
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// axum::serve(listener, app.into_make_service()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// A verifier of OAuth tokens must require
/// [`ResourceMetadata::resource`] as the audience, or it accepts tokens that were
/// issued for other servers.
pub struct ResourceServer<V, A = AlwaysRequired, R = EmptyBody> {
    metadata: ResourceMetadata,
    authn: AuthnLayer<V, A, R>,
}

impl<V: Verifier, A, R> ResourceServer<V, A, R> {
    /// Creates a layer from the metadata and the layer that guards the resource. Each
    /// Bearer challenge gets `resource_metadata`.
    ///
    /// # Errors
    ///
    /// Returns an error if the layer does not read Bearer tokens from `Authorization`,
    /// if its verifier accepts none, or if its sources challenge only for another
    /// scheme.
    pub fn new(
        metadata: ResourceMetadata,
        authn: AuthnLayer<V, A, R>,
    ) -> Result<Self, ConfigError> {
        let authn = authn.link_metadata(metadata.url())?;
        Ok(Self { metadata, authn })
    }
}

impl<S, V: Verifier, A, R> Layer<S> for ResourceServer<V, A, R> {
    type Service = ResourceService<Authn<S, V, A, R>>;

    fn layer(&self, inner: S) -> Self::Service {
        ResourceService {
            metadata: self.metadata.clone(),
            inner: self.authn.layer(inner),
        }
    }
}

/// A guarded service with the metadata beside it. Created by [`ResourceServer`].
#[derive(Clone)]
pub struct ResourceService<S> {
    metadata: ResourceMetadata,
    inner: S,
}

impl<S, B, ResBody> Service<Request<B>> for ResourceService<S>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    ResBody: From<Bytes>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResourceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let response = self
            .metadata
            .respond(request.method(), request.uri().path());
        ResourceFuture {
            state: match response {
                Some(response) => State::Metadata {
                    response: Some(response),
                },
                None => State::Inner {
                    future: self.inner.call(request),
                },
            },
        }
    }
}

pin_project! {
    /// The future of a [`ResourceService`].
    pub struct ResourceFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Inner {
            #[pin]
            future: F,
        },
        Metadata {
            response: Option<Response<Bytes>>,
        },
    }
}

impl<F, ResBody, E> Future for ResourceFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    ResBody: From<Bytes>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().state.project() {
            StateProj::Inner { future } => future.poll(cx),
            StateProj::Metadata { response } => {
                let response = response.take();
                let response = response.expect("a future is not polled after it completes");
                Poll::Ready(Ok(response.map(ResBody::from)))
            }
        }
    }
}

impl<V, A, R> Clone for ResourceServer<V, A, R> {
    fn clone(&self) -> Self {
        Self {
            metadata: self.metadata.clone(),
            authn: self.authn.clone(),
        }
    }
}

impl<V, A, R> fmt::Debug for ResourceServer<V, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServer")
            .field("metadata", &self.metadata)
            .field("authn", &self.authn)
            .finish()
    }
}

impl<S: fmt::Debug> fmt::Debug for ResourceService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for ResourceFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceFuture").finish_non_exhaustive()
    }
}
