//! The layer, and what it can be told.

use std::{any::type_name, fmt, sync::Arc};

use tower::Layer;

use super::{
    admission::AlwaysRequired,
    answer::Refusals,
    drain::Drain,
    gate::{Gate, Options},
    refusal::NoBody,
    service::Authn,
};
use crate::{
    access::Policy, credential::Sources, head::Head, rejection::Rejection, scope::Scoped,
    verifier::Verifier,
};

/// Guards a service: only requests with a good credential reach it, and each
/// brings its principal along in its extensions.
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
pub struct AuthnLayer<V, A = AlwaysRequired, R = NoBody> {
    verifier: Arc<V>,
    admission: Arc<A>,
    respond: Arc<R>,
    sources: Sources,
    options: Options,
    drain: Drain,
}

impl<V: Verifier> AuthnLayer<V> {
    /// Requires a credential that the verifier finds good, of every request.
    pub fn new(verifier: V) -> Self {
        Self {
            verifier: Arc::new(verifier),
            admission: Arc::new(AlwaysRequired),
            respond: Arc::new(NoBody),
            sources: Sources::default(),
            options: Options::default(),
            drain: Drain::new(),
        }
    }
}

impl<V: Verifier, A, R> AuthnLayer<V, A, R> {
    /// Sets what each request requires: a constant [`Access`](crate::Access),
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
            admission: Arc::new(policy),
            respond: self.respond,
            sources: self.sources,
            options: self.options,
            drain: self.drain,
        }
    }

    /// Sets what makes the body of a refusal; see [`Respond`](super::Respond).
    #[must_use]
    pub fn respond<Q>(self, respond: Q) -> AuthnLayer<V, A, Q> {
        AuthnLayer {
            verifier: self.verifier,
            admission: self.admission,
            respond: Arc::new(respond),
            sources: self.sources,
            options: self.options,
            drain: self.drain,
        }
    }

    /// Sets where a credential may stand, and what a refusal challenges with.
    #[must_use]
    pub fn sources(mut self, sources: Sources) -> Self {
        self.sources = sources;
        self
    }

    /// Sets how much of a refused request's body is read and thrown away; see
    /// [`Drain`].
    #[must_use]
    pub fn drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }

    /// Removes the credential from every request that is passed on, so that
    /// nothing further in can forward or log it. Otherwise its header is
    /// marked as sensitive.
    #[must_use]
    pub fn strip_credential(mut self) -> Self {
        self.options.strip_credential = true;
        self
    }

    /// Leaves the principal out of the request's extensions, for services that
    /// need not know who calls. It saves what inserting allocates.
    #[must_use]
    pub fn without_principal(mut self) -> Self {
        self.options.without_principal = true;
        self
    }

    /// Puts the [`Rejection`] into the extensions of each refusal, for tracing
    /// and metrics outside of this layer.
    #[must_use]
    pub fn expose_rejection(mut self) -> Self {
        self.options.expose_rejection = true;
        self
    }

    /// Lets through what the policy would have refused, and reports it: a trial
    /// before enforcing.
    ///
    /// A request without a credential where one is required is let through as
    /// anonymous, one whose credential does not suffice with its principal. A
    /// bad credential is still refused, and so is what a guard further in
    /// refuses.
    ///
    /// # Security
    ///
    /// Nothing is guarded while this is on.
    #[must_use]
    pub fn insecure_audit<F>(mut self, report: F) -> Self
    where
        F: Fn(Head<'_>, &Rejection) + Send + Sync + 'static,
    {
        self.options.audit = Some(Arc::new(report));
        self
    }

    pub(crate) fn gate(&self) -> Arc<Gate<V, A, R>> {
        Arc::new(Gate {
            verifier: Arc::clone(&self.verifier),
            admission: Arc::clone(&self.admission),
            respond: Arc::clone(&self.respond),
            refusals: Refusals::new(&self.sources, self.verifier.schemes()),
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
