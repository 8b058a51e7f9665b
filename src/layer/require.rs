//! A guard for single routes, behind the layer.

use std::{
    any::type_name,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower::{Layer, Service};

use super::{
    anonymous::Anonymous,
    answer::{Refusals, layer_is_missing},
    drain::Drain,
    future::ResponseFuture,
    refusal::{NoBody, Respond},
};
use crate::{
    credential::{Schemes, Sources},
    error::ConfigError,
    head::Head,
    principal::Principal,
    rejection::{Rejection, RejectionKind},
    scope::ScopeRule,
};

/// Guards single routes behind an [`AuthnLayer`](super::AuthnLayer), by scopes
/// or by anything else that the principal says.
///
/// Without a principal it answers 401 where the layer let an anonymous request
/// through, and 500 where there is no layer at all.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::post};
/// use tower_authn::{AuthnLayer, Principal, RequireLayer, verifier::FixedTokens};
///
/// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
/// let admin = post(|| async { "done" }).layer(RequireLayer::scope("resources")?);
/// let app: Router = Router::new()
///     .route("/admin", admin)
///     .layer(AuthnLayer::new(tokens));
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
///
/// With a principal of your own, name its type in the closure:
///
/// ```
/// # #[derive(Clone)] struct User { admin: bool }
/// use tower_authn::RequireLayer;
///
/// let admins = RequireLayer::new(|user: &User| user.admin);
/// ```
pub struct RequireLayer<P = Principal, R = NoBody> {
    guard: Arc<Guard<P>>,
    respond: Arc<R>,
    drain: Drain,
}

struct Guard<P> {
    check: Box<Check<P>>,
    refusals: Refusals,
}

type Check<P> = dyn Fn(&P) -> Result<(), Rejection> + Send + Sync;

impl<P: 'static> RequireLayer<P> {
    /// Lets through whom the closure allows.
    pub fn new<F>(allows: F) -> Self
    where
        F: Fn(&P) -> bool + Send + Sync + 'static,
    {
        Self::checked(Box::new(move |principal| match allows(principal) {
            true => Ok(()),
            false => Err(Rejection::forbidden()),
        }))
    }

    fn checked(check: Box<Check<P>>) -> Self {
        let refusals = Refusals::new(&Sources::default(), Schemes::BEARER);
        Self {
            guard: Arc::new(Guard { check, refusals }),
            respond: Arc::new(NoBody),
            drain: Drain::new(),
        }
    }
}

impl RequireLayer {
    /// Lets through who has a scope.
    ///
    /// # Errors
    ///
    /// Where it is not a scope.
    pub fn scope(scope: &str) -> Result<Self, ConfigError> {
        Ok(Self::scopes(ScopeRule::all_of([scope])?))
    }

    /// Lets through who has what a rule requires.
    #[must_use]
    pub fn scopes(rule: ScopeRule) -> Self {
        Self::checked(Box::new(move |principal| match rule.allows(principal) {
            true => Ok(()),
            false => Err(Rejection::insufficient_scope(rule.clone())),
        }))
    }
}

impl<P, R> RequireLayer<P, R> {
    /// Sets what makes the body of a refusal; see [`Respond`].
    #[must_use]
    pub fn respond<Q>(self, respond: Q) -> RequireLayer<P, Q> {
        RequireLayer {
            guard: self.guard,
            respond: Arc::new(respond),
            drain: self.drain,
        }
    }

    /// Sets how much of a refused request's body is read and thrown away; see
    /// [`Drain`].
    #[must_use]
    pub fn drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }
}

impl<S, P, R> Layer<S> for RequireLayer<P, R> {
    type Service = Require<S, P, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Require {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service guarded by a [`RequireLayer`].
pub struct Require<S, P, R> {
    inner: S,
    layer: RequireLayer<P, R>,
}

impl<S, P, R, B, ResBody> Service<Request<B>> for Require<S, P, R>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    P: Send + Sync + 'static,
    R: Respond<ResBody>,
    B: Body + Send + 'static,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, ResBody>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let RequireLayer {
            guard,
            respond,
            drain,
        } = &self.layer;
        let head = Head::from_request(&request);
        let extensions = request.extensions();
        let refusal = if let Some(principal) = extensions.get::<P>() {
            match (guard.check)(principal) {
                Ok(()) => return ResponseFuture::pass(&mut self.inner, request),
                Err(rejection) => guard.refusals.answer(head, &rejection, &**respond),
            }
        } else if let Some(anonymous) = extensions.get::<Anonymous<P>>() {
            let missing = RejectionKind::Missing.into();
            anonymous.refusals().answer(head, &missing, &**respond)
        } else {
            layer_is_missing(head)
        };
        ResponseFuture::refused(drain.discard(request, refusal))
    }
}

impl<P, R> Clone for RequireLayer<P, R> {
    fn clone(&self) -> Self {
        Self {
            guard: Arc::clone(&self.guard),
            respond: Arc::clone(&self.respond),
            drain: self.drain.clone(),
        }
    }
}

impl<S: Clone, P, R> Clone for Require<S, P, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<P, R> fmt::Debug for RequireLayer<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLayer")
            .field("principal", &format_args!("{}", type_name::<P>()))
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, P, R> fmt::Debug for Require<S, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Require")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
