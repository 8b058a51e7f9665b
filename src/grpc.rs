//! tonic: an interceptor, statuses, and the principal of a `tonic::Request`.
//!
//! The layer guards a tonic server whole, knows each method, and waits where
//! it must; it belongs on `Server::builder().layer(…)`. The interceptor guards
//! one service, for verifiers that decide at once.

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
        Admission, AlwaysRequired, Anonymous, Authn, AuthnLayer, Gate, Headed, NoBody, Protected,
        Require,
    },
    rejection::{Rejection, RejectionKind},
    verifier::Verifier,
};

/// Guards one tonic service: each call needs a good credential.
///
/// An interceptor can't wait, so the verifier must be
/// [`IMMEDIATE`](Verifier::IMMEDIATE): a fixed list, a closure. It does not see
/// which method is called either: for rights by method use [`AuthnLayer`] on
/// the whole server. An unknown service is answered by tonic before any
/// interceptor is asked.
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
    gate: Arc<Gate<V, A, NoBody>>,
}

impl<V: Verifier> AuthnInterceptor<V> {
    /// Requires a credential that the verifier finds good, of every call.
    pub fn new(verifier: V) -> Self {
        AuthnLayer::new(verifier).into()
    }
}

/// Takes over what the layer was told: its sources, its policy (a constant
/// [`Access`](crate::Access): an interceptor sees no path), what it strips.
impl<V: Verifier, A> From<AuthnLayer<V, A>> for AuthnInterceptor<V, A> {
    fn from(layer: AuthnLayer<V, A>) -> Self {
        const {
            assert!(
                V::IMMEDIATE,
                "an interceptor can't wait: put an AuthnLayer around the server, or add `const IMMEDIATE: bool = true` to a verifier that never waits"
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
        let verdict = self.gate.decide_now(&mut call);
        let verdict = verdict.or_else(|| self.gate.decide_with_head(&mut call));
        let waits = || Err(Rejection::unavailable("the verifier would have to wait"));
        let whose = verdict.unwrap_or_else(waits)?;
        self.gate.cover(&mut call.headers);
        self.gate.introduce(&mut call.extensions, whose);
        let metadata = MetadataMap::from_headers(call.headers);
        Ok(Request::from_parts(metadata, call.extensions, ()))
    }
}

/// What an interceptor is shown of a request.
struct Call {
    uri: Uri,
    headers: HeaderMap,
    extensions: Extensions,
}

impl Headed for Call {
    fn head(&self) -> Head<'_> {
        Head::new(&Method::POST, &self.uri, &self.headers, &self.extensions)
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
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

/// The status of [`RejectionKind`]'s table, with its
/// fixed message and `cache-control: no-store`. The cause stays behind.
impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        let kind = rejection.kind();
        let mut metadata = MetadataMap::with_capacity(1);
        metadata.insert("cache-control", MetadataValue::from_static("no-store"));
        Self::with_metadata(kind.grpc_code().into(), kind.message(), metadata)
    }
}

/// Reads the principal of a [`tonic::Request`].
pub trait RequestExt {
    /// The principal that a layer or an interceptor put there.
    ///
    /// # Errors
    ///
    /// 16 `UNAUTHENTICATED` for an anonymous request, 13 `INTERNAL` where no
    /// layer for this type of principal stands in front.
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

impl<T> RequestExt for Request<T> {
    fn principal<P: Send + Sync + 'static>(&self) -> Result<&P, Status> {
        if let Some(principal) = self.extensions().get() {
            return Ok(principal);
        }
        Err(match self.extensions().get::<Anonymous<P>>() {
            Some(_) => Rejection::new(RejectionKind::Missing).into(),
            None => Status::internal("no AuthnLayer for this principal stands in front"),
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
