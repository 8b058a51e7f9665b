//! The guard for single routes, inside the layer.

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
    drain::Drain,
    future::ResponseFuture,
    rejection_response::{RejectionResponses, missing_layer},
    respond::{EmptyBody, PublicRejection, Respond},
};
use crate::{
    credential::{Schemes, Sources},
    error::ConfigError,
    head::Head,
    principal::Principal,
    rejection::{Rejection, RejectionKind},
    scope::ScopeRule,
};

/// A layer that guards single routes inside an [`AuthnLayer`](super::AuthnLayer),
/// by scopes or by any other property of the principal.
///
/// It responds with 401 to a request that the `AuthnLayer` admitted as anonymous,
/// and with 500 if there is no `AuthnLayer`.
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
pub struct RequireLayer<P = Principal, R = EmptyBody> {
    guard: Arc<Guard<P>>,
    respond: Arc<R>,
    drain: Drain,
}

struct Guard<P> {
    check: Box<Check<P>>,
    /// The scopes that `check` requires, if it requires nothing else.
    rule: Option<ScopeRule>,
    responses: RejectionResponses,
}

type Check<P> = dyn Fn(&P) -> Result<(), Rejection> + Send + Sync;

impl<P: 'static> RequireLayer<P> {
    /// Creates a layer that admits the principals, of a type of your own, for which
    /// the closure returns `true`.
    ///
    /// ```
    /// # #[derive(Clone)] struct User { admin: bool }
    /// use tower_authn::RequireLayer;
    ///
    /// let admins = RequireLayer::for_principal(|user: &User| user.admin);
    /// ```
    pub fn for_principal<F>(allows: F) -> Self
    where
        F: Fn(&P) -> bool + Send + Sync + 'static,
    {
        let check = move |principal: &P| match allows(principal) {
            true => Ok(()),
            false => Err(Rejection::forbidden()),
        };
        Self::from_check(Box::new(check), None)
    }

    fn from_check(check: Box<Check<P>>, rule: Option<ScopeRule>) -> Self {
        let responses = RejectionResponses::new(&Sources::default(), Schemes::BEARER);
        let guard = Guard {
            check,
            rule,
            responses,
        };
        Self {
            guard: Arc::new(guard),
            respond: Arc::new(EmptyBody),
            drain: Drain::new(),
        }
    }
}

impl RequireLayer {
    /// Creates a layer that admits the principals for which the closure returns
    /// `true`.
    ///
    /// ```
    /// use tower_authn::RequireLayer;
    ///
    /// let acme = RequireLayer::new(|caller| caller.organization() == Some("acme"));
    /// ```
    pub fn new<F>(allows: F) -> Self
    where
        F: Fn(&Principal) -> bool + Send + Sync + 'static,
    {
        Self::for_principal(allows)
    }

    /// Creates a layer that requires a scope.
    ///
    /// # Errors
    ///
    /// Returns an error if `scope` is not a scope.
    pub fn scope(scope: &str) -> Result<Self, ConfigError> {
        Ok(Self::scopes(ScopeRule::all_of([scope])?))
    }

    /// Creates a layer that requires the scopes of a rule.
    #[must_use]
    pub fn scopes(rule: ScopeRule) -> Self {
        let required = rule.clone();
        let check = move |principal: &Principal| match rule.allows(principal) {
            true => Ok(()),
            false => Err(Rejection::insufficient_scope(rule.clone())),
        };
        Self::from_check(Box::new(check), Some(required))
    }
}

impl<P, R> RequireLayer<P, R> {
    /// Sets a closure that makes the body of a rejection response; see [`Respond`].
    #[must_use]
    pub fn respond<F, ResBody>(self, respond: F) -> RequireLayer<P, F>
    where
        F: Fn(&PublicRejection) -> Response<ResBody> + Send + Sync + 'static,
    {
        self.respond_with(respond)
    }

    /// Sets a [`Respond`] that makes the body of a rejection response.
    #[must_use]
    pub fn respond_with<Q>(self, respond: Q) -> RequireLayer<P, Q> {
        RequireLayer {
            guard: self.guard,
            respond: Arc::new(respond),
            drain: self.drain,
        }
    }

    /// Sets how much of a rejected request's body is read and discarded; see
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
        let response = if let Some(principal) = extensions.get::<P>() {
            match (guard.check)(principal) {
                Ok(()) => return ResponseFuture::pass(&mut self.inner, request),
                Err(rejection) => guard.responses.respond(head, &rejection, &**respond),
            }
        } else if let Some(anonymous) = extensions.get::<Anonymous<P>>() {
            let mut missing = Rejection::from(RejectionKind::Missing);
            let responses = anonymous.responses();
            if let Some(rule) = &guard.rule
                && responses.name_scopes()
            {
                missing.set_scopes(rule.clone());
            }
            responses.respond(head, &missing, &**respond)
        } else {
            missing_layer(head)
        };
        ResponseFuture::rejected(drain.discard(request, response))
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
