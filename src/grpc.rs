//! tonic: an interceptor, statuses, and the principal of a `tonic::Request`.
//!
//! The layer guards a whole tonic server, sees the called method, and can wait for
//! the verifier; pass it to `Server::builder().layer(…)`. The interceptor guards one
//! service, with a verifier that decides at once.

use std::{fmt, sync::Arc};

use http::{Extensions, HeaderMap, Method, Uri};
use tonic::{
    Request, Status,
    metadata::{MetadataMap, MetadataValue},
    server::NamedService,
    service::Interceptor,
};

#[cfg(feature = "tokens")]
use crate::layer::ValidityService;
use crate::{
    head::Head,
    layer::{
        Admission, AlwaysRequired, Anonymous, Authn, AuthnLayer, EmptyBody, Gate, Protected,
        RequestHead, Require, Step,
    },
    rejection::{Rejection, RejectionKind},
    verifier::Verifier,
};

/// An interceptor that requires a good credential for each call of one tonic
/// service.
///
/// An interceptor cannot wait, so the verifier must be
/// [`IMMEDIATE`](Verifier::IMMEDIATE), such as a fixed list or a closure. Nor does
/// an interceptor see the called method: to require rights by method, put an
/// [`AuthnLayer`] around the whole server. tonic responds to a call of an unknown
/// service without calling an interceptor.
///
/// # Example
///
/// ```
/// use tonic::service::InterceptorLayer;
/// use tower_authn::{AuthnInterceptor, Principal, verifier::FixedTokens};
///
/// let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
/// let interceptor = AuthnInterceptor::new(tokens);
/// // InferenceServer::with_interceptor(service, interceptor)
/// # let _ = InterceptorLayer::new(interceptor);
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
///
/// A verifier that may wait does not compile:
///
/// ```compile_fail
/// use tower_authn::{AuthnInterceptor, Rejection, verify_async_fn};
///
/// let interceptor = AuthnInterceptor::new(verify_async_fn(|_| async {
///     Err::<(), _>(Rejection::invalid())
/// }));
/// ```
pub struct AuthnInterceptor<V, A = AlwaysRequired> {
    gate: Arc<Gate<V, A, EmptyBody>>,
}

impl<V: Verifier> AuthnInterceptor<V> {
    /// Creates an interceptor that requires of every call a credential that the
    /// verifier accepts.
    pub fn new(verifier: V) -> Self {
        AuthnLayer::new(verifier).into()
    }
}

/// Keeps the settings of the layer: its sources, its policy, its options. The policy
/// must be a constant [`Access`](crate::Access), since an interceptor sees no path.
impl<V: Verifier, A> From<AuthnLayer<V, A>> for AuthnInterceptor<V, A> {
    fn from(layer: AuthnLayer<V, A>) -> Self {
        const {
            assert!(
                V::IMMEDIATE,
                "an interceptor cannot wait: put an AuthnLayer around the server, or add `const IMMEDIATE: bool = true` to a verifier that never waits"
            );
        }
        Self { gate: layer.gate() }
    }
}

impl<V, A> Interceptor for AuthnInterceptor<V, A>
where
    V: Verifier,
    A: Admission<V::Principal>,
{
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let (metadata, extensions, ()) = request.into_parts();
        let mut call = Call {
            uri: Uri::default(),
            headers: metadata.into_headers(),
            extensions,
        };
        let decision = match self.gate.decide_now(&mut call) {
            Step::Decided(decision) => decision,
            Step::Waits(_) => Err(Rejection::unavailable("the verifier has to wait")),
        };
        let principal = decision.map_err(|rejection| refuse(&self.gate, call.head(), rejection))?;
        self.gate.admit(&mut call, principal);
        let metadata = MetadataMap::from_headers(call.headers);
        Ok(Request::from_parts(metadata, call.extensions, ()))
    }
}

/// Returns the status of a rejection, with the challenges that the layer's settings add.
#[cold]
fn refuse<V, A>(gate: &Gate<V, A, EmptyBody>, head: Head<'_>, mut rejection: Rejection) -> Status
where
    V: Verifier,
    A: Admission<V::Principal>,
{
    if gate.options.challenge_scopes {
        gate.add_scopes(head, &mut rejection);
    }
    let lines = gate.responses.grpc_challenges(&rejection);
    let mut status = Status::from(rejection);
    for line in lines {
        if let Ok(line) = MetadataValue::try_from(line.as_bytes()) {
            status.metadata_mut().append("www-authenticate", line);
        }
    }
    status
}

/// The part of a request that tonic passes to an interceptor.
struct Call {
    uri: Uri,
    headers: HeaderMap,
    extensions: Extensions,
}

impl RequestHead for Call {
    fn head(&self) -> Head<'_> {
        Head::new(&Method::POST, &self.uri, &self.headers, &self.extensions)
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }
}

impl<V, A> Clone for AuthnInterceptor<V, A> {
    fn clone(&self) -> Self {
        Self {
            gate: Arc::clone(&self.gate),
        }
    }
}

impl<V, A> fmt::Debug for AuthnInterceptor<V, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthnInterceptor").finish_non_exhaustive()
    }
}

/// Converts a rejection into the status in the table of [`RejectionKind`], with its
/// fixed message and without metadata, and drops the cause.
impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        let kind = rejection.kind();
        Self::new(kind.grpc_code().into(), kind.message())
    }
}

/// Reads the principal of a [`tonic::Request`]. The trait is sealed.
pub trait RequestExt: sealed::Sealed {
    /// Returns the principal that a layer or an interceptor inserted.
    ///
    /// # Errors
    ///
    /// Returns an error if the request is anonymous (16 `UNAUTHENTICATED`), or if no
    /// layer for this type of principal is in front (13 `INTERNAL`).
    ///
    /// # Example
    ///
    /// ```
    /// use tower_authn::{Principal, grpc::RequestExt};
    ///
    /// async fn generate(request: tonic::Request<()>) -> Result<tonic::Response<()>, tonic::Status> {
    ///     let caller: &Principal = request.principal()?;
    ///     println!("{} calls", caller.subject());
    ///     Ok(tonic::Response::new(()))
    /// }
    /// ```
    fn principal<P: Send + Sync + 'static>(&self) -> Result<&P, Status>;
}

mod sealed {
    #[expect(unnameable_types, reason = "this seals a trait")]
    pub trait Sealed {}
}

impl<T> sealed::Sealed for Request<T> {}

impl<T> RequestExt for Request<T> {
    fn principal<P: Send + Sync + 'static>(&self) -> Result<&P, Status> {
        if let Some(principal) = self.extensions().get() {
            return Ok(principal);
        }
        Err(match self.extensions().get::<Anonymous<P>>() {
            Some(_) => Rejection::new(RejectionKind::Missing).into(),
            None => Status::internal("no AuthnLayer for this principal is in front"),
        })
    }
}

impl<S: NamedService, V, A, R> NamedService for Authn<S, V, A, R> {
    const NAME: &'static str = S::NAME;
}

impl<S: NamedService, P, R> NamedService for Require<S, P, R> {
    const NAME: &'static str = S::NAME;
}

#[cfg(feature = "tokens")]
impl<S: NamedService> NamedService for ValidityService<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: NamedService> NamedService for Protected<S> {
    const NAME: &'static str = S::NAME;
}
