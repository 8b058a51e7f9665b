//! The layer and its settings.

use std::{any::type_name, fmt, sync::Arc};

use http::Response;
use tower::Layer;

use super::{
    admission::AlwaysRequired,
    drain::Drain,
    gate::{Gate, Options},
    rejection_response::RejectionResponses,
    respond::{EmptyBody, PublicRejection},
    service::Authn,
};
use crate::{
    access::Policy,
    credential::Sources,
    error::ConfigError,
    head::Head,
    rejection::Rejection,
    scope::{ScopeRule, Scoped},
    verifier::Verifier,
};

/// A layer that requires a good credential and passes the principal on, in the
/// request's extensions.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_authn::{AuthnLayer, Principal, verifier::FixedTokens};
///
/// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
/// let app: Router = Router::new()
///     .route("/models", get(|| async { "one, two" }))
///     .layer(AuthnLayer::new(tokens));
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
///
/// # Security
///
/// In axum a layer guards the routes that were added before it. Prefer
/// [`protect`](crate::protect), which takes the finished router.
pub struct AuthnLayer<V, A = AlwaysRequired, R = EmptyBody> {
    verifier: Arc<V>,
    admission: Arc<A>,
    respond: Arc<R>,
    sources: Sources,
    options: Options,
    drain: Drain,
    /// The rules that the policy names.
    rules: Arc<[ScopeRule]>,
}

impl<V: Verifier> AuthnLayer<V> {
    /// Creates a layer that requires of every request a credential that the
    /// verifier accepts.
    pub fn new(verifier: V) -> Self {
        Self {
            verifier: Arc::new(verifier),
            admission: Arc::new(AlwaysRequired),
            respond: Arc::new(EmptyBody),
            sources: Sources::default(),
            options: Options::default(),
            drain: Drain::new(),
            rules: Arc::default(),
        }
    }
}

impl<V: Verifier, A, R> AuthnLayer<V, A, R> {
    /// Sets the policy: a constant [`Access`](crate::Access),
    /// an [`AccessTable`](crate::AccessTable), or
    /// [`policy_fn`](crate::access::policy_fn).
    #[must_use]
    pub fn access<Q>(self, policy: Q) -> AuthnLayer<V, Q, R>
    where
        Q: Policy,
        V::Principal: Scoped,
    {
        AuthnLayer {
            verifier: self.verifier,
            rules: policy.scope_rules().into(),
            admission: Arc::new(policy),
            respond: self.respond,
            sources: self.sources,
            options: self.options,
            drain: self.drain,
        }
    }

    /// Sets a closure that makes the body of a rejection response; see
    /// [`Respond`](super::Respond).
    #[must_use]
    pub fn respond<F, ResBody>(self, respond: F) -> AuthnLayer<V, A, F>
    where
        F: Fn(&PublicRejection) -> Response<ResBody> + Send + Sync + 'static,
    {
        self.respond_with(respond)
    }

    /// Sets a [`Respond`](super::Respond) that makes the body of a rejection
    /// response.
    #[must_use]
    pub fn respond_with<Q>(self, respond: Q) -> AuthnLayer<V, A, Q> {
        AuthnLayer {
            verifier: self.verifier,
            admission: self.admission,
            respond: Arc::new(respond),
            sources: self.sources,
            options: self.options,
            drain: self.drain,
            rules: self.rules,
        }
    }

    /// Sets the headers that may hold a credential, and the challenges.
    #[must_use]
    pub fn sources(mut self, sources: Sources) -> Self {
        self.sources = sources;
        self
    }

    /// Sets how much of a rejected request's body is read and discarded; see
    /// [`Drain`].
    #[must_use]
    pub fn drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }

    /// Removes the credential from every admitted request, so that no inner
    /// service can forward or log it. Otherwise the layer marks its header as
    /// sensitive.
    #[must_use]
    pub fn strip_credential(mut self) -> Self {
        self.options.strip_credential = true;
        self
    }

    /// Leaves the principal out of the request's extensions, for services that
    /// do not read it. This saves the allocations of an insertion.
    #[must_use]
    pub fn without_principal(mut self) -> Self {
        self.options.without_principal = true;
        self
    }

    /// Puts the [`Rejection`] into the extensions of the response, for tracing and
    /// metrics outside of this layer.
    ///
    /// If the policy refuses a good credential,
    /// [`Rejection::principal`](crate::Rejection::principal) is its principal.
    #[must_use]
    pub fn expose_rejection(mut self) -> Self {
        self.options.expose_rejection = true;
        self
    }

    /// Names the scopes that the policy requires of a request in the challenge of each
    /// 401, and the challenges over gRPC too, in the metadata `www-authenticate`.
    ///
    /// A client can then ask for a token that is good for the request, before it has
    /// one: MCP clients do. A 403 names the scopes in any case. The scopes are all that
    /// the request needs; where any of several would do, the first. `offline_access` is
    /// never named.
    ///
    /// For each 401, the policy is asked a second time. Responses with the
    /// [rules that it names](Policy::scope_rules) are rendered once.
    ///
    /// # Security
    ///
    /// Callers without a credential learn which scopes a route requires, and so that
    /// the route exists.
    #[must_use]
    pub fn challenge_scopes(mut self) -> Self {
        self.options.challenge_scopes = true;
        self
    }

    /// Admits the requests that the policy refuses, and reports each of them: a
    /// trial before a policy is enforced.
    ///
    /// A request that lacks a required credential is admitted as anonymous. A
    /// request with a good credential that the policy refuses is admitted with its
    /// principal, which [`Rejection::principal`](crate::Rejection::principal) gives
    /// to the report. A bad credential is still rejected, and inner guards still
    /// apply.
    ///
    /// # Security
    ///
    /// The policy protects nothing while this is on.
    #[must_use]
    pub fn insecure_audit<F>(mut self, report: F) -> Self
    where
        F: Fn(Head<'_>, &Rejection) + Send + Sync + 'static,
    {
        self.options.audit = Some(Arc::new(report));
        self
    }

    /// Links the metadata of a protected resource in each Bearer challenge.
    ///
    /// # Errors
    ///
    /// Returns an error if no Bearer token is read and accepted.
    pub(crate) fn link_metadata(mut self, url: &str) -> Result<Self, ConfigError> {
        let accepted = self.verifier.schemes();
        self.sources.link_metadata(url, accepted)?;
        Ok(self)
    }

    pub(crate) fn gate(&self) -> Arc<Gate<V, A, R>> {
        let accepted = self.verifier.schemes();
        Arc::new(Gate {
            verifier: Arc::clone(&self.verifier),
            admission: Arc::clone(&self.admission),
            respond: Arc::clone(&self.respond),
            responses: match self.options.challenge_scopes {
                true => RejectionResponses::with_scopes(&self.sources, accepted, &self.rules),
                false => RejectionResponses::new(&self.sources, accepted),
            },
            sources: self.sources.clone(),
            options: self.options.clone(),
            drain: self.drain.clone(),
        })
    }
}

impl<S, V: Verifier, A, R> Layer<S> for AuthnLayer<V, A, R> {
    type Service = Authn<S, V, A, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Authn::new(inner, self.gate())
    }
}

impl<V, A, R> Clone for AuthnLayer<V, A, R> {
    fn clone(&self) -> Self {
        Self {
            verifier: Arc::clone(&self.verifier),
            admission: Arc::clone(&self.admission),
            respond: Arc::clone(&self.respond),
            sources: self.sources.clone(),
            options: self.options.clone(),
            drain: self.drain.clone(),
            rules: Arc::clone(&self.rules),
        }
    }
}

impl<V, A, R> fmt::Debug for AuthnLayer<V, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthnLayer")
            .field("verifier", &format_args!("{}", type_name::<V>()))
            .field("sources", &self.sources)
            .field("audit", &self.options.audit.is_some())
            .finish_non_exhaustive()
    }
}
