//! Sessions that only the principal that opened them can use.

mod binder;
mod service;

use std::{any::type_name, fmt, sync::Arc};

use http::HeaderName;
use tower::Layer;

use self::binder::{Binder, identify};
pub use self::service::{BoundSessionsFuture, BoundSessionsService};
use crate::{
    error::ConfigError,
    principal::Principal,
    token::{MacKey, MasterKey},
};

const DEFAULT_HEADER: HeaderName = HeaderName::from_static("mcp-session-id");

/// A layer that binds the sessions of an inner service to the principals that opened
/// them, as the Model Context Protocol
/// [requires](https://modelcontextprotocol.io/specification/2025-06-18/basic/security_best_practices#session-hijacking).
///
/// The inner service sends the id of a new session in the header `Mcp-Session-Id` and
/// receives it with each later request. This layer appends a tag to the id that a
/// client sees: an HMAC of the id and of the principal. A request with an id that has
/// another principal's tag, or none, is answered with 404, as for a session that has
/// ended, and does not reach the inner service. The client then opens a session of
/// its own.
///
/// Nothing is stored, so sessions can't push each other out. The inner service decides
/// when a session ends.
///
/// A request without a session is passed on. The layer belongs inside an
/// [`AuthnLayer`](crate::AuthnLayer): it answers an anonymous request with 401, and
/// without an `AuthnLayer` with 500.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::post};
/// use tower_authn::{AuthnLayer, Principal, protect, resource::BoundSessions};
/// # use tower_authn::verifier::FixedTokens;
///
/// # let tokens = FixedTokens::new([("0123456789abcdef", Principal::new("ci"))])?;
/// let mcp = post(|| async { "hello" }).layer(BoundSessions::new()?);
/// let router: Router = Router::new().route("/mcp", mcp);
/// let app = protect(router, AuthnLayer::new(tokens));
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
pub struct BoundSessions<P = Principal> {
    binder: Binder<P>,
}

impl BoundSessions {
    /// Creates a layer with a random key. Principals are the same if their subject,
    /// issuer and organization are.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system provides no random bytes.
    pub fn new() -> Result<Self, ConfigError> {
        Self::for_principal(identify)
    }
}

impl<P> BoundSessions<P> {
    /// Creates a layer, with a random key, for principals of a type of your own.
    /// `identify` returns a text that is different for each principal, and stays the
    /// same when the principal gets a new credential.
    ///
    /// ```
    /// # #[derive(Clone)] struct User { id: u64 }
    /// use tower_authn::resource::BoundSessions;
    ///
    /// let sessions = BoundSessions::for_principal(|user: &User| user.id.to_string())?;
    /// # Ok::<(), tower_authn::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system provides no random bytes.
    pub fn for_principal<F>(identify: F) -> Result<Self, ConfigError>
    where
        F: Fn(&P) -> String + Send + Sync + 'static,
    {
        let key = MacKey::generate();
        let key = key.map_err(|_| ConfigError::new("sessions: no random bytes; expected 32"))?;
        Ok(Self {
            binder: Binder {
                header: DEFAULT_HEADER,
                key,
                identify: Arc::new(identify),
            },
        })
    }

    /// Derives the key from a master key, for several instances of a server that share
    /// their sessions. All must have the same one.
    #[must_use]
    pub fn master_key(mut self, master: &MasterKey) -> Self {
        self.binder.key = MacKey::derive(master, b"tower-authn bound session v1");
        self
    }

    /// Sets the header that holds the id of a session. The default is
    /// `Mcp-Session-Id`.
    ///
    /// # Errors
    ///
    /// Returns an error if `name` is not a header name.
    pub fn header(mut self, name: &str) -> Result<Self, ConfigError> {
        self.binder.header = name
            .parse()
            .map_err(|_| ConfigError::new(format!("sessions: {name:?} is not a header name")))?;
        Ok(self)
    }
}

impl<S, P> Layer<S> for BoundSessions<P> {
    type Service = BoundSessionsService<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        BoundSessionsService::new(inner, Arc::new(self.binder.clone()))
    }
}

impl<P> Clone for BoundSessions<P> {
    fn clone(&self) -> Self {
        Self {
            binder: self.binder.clone(),
        }
    }
}

impl<P> fmt::Debug for BoundSessions<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundSessions")
            .field("header", &self.binder.header)
            .field("principal", &format_args!("{}", type_name::<P>()))
            .finish_non_exhaustive()
    }
}
