//! The metadata of a protected resource.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode, Uri,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE,
        WWW_AUTHENTICATE,
    },
};

use crate::{challenge::Challenge, error::ConfigError, rejection::RejectionKind, scope::ScopeRule};

/// The path of the metadata of a resource that is a whole origin.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The methods that are answered.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// The metadata of a protected resource
/// ([RFC 9728 §2](https://www.rfc-editor.org/rfc/rfc9728#section-2)): which
/// authorization servers issue its tokens, and for which scopes.
///
/// The document is written once, from the configuration alone. No request changes it,
/// so its `Host` can't lead clients to another resource. It always says that tokens
/// are read from the header `Authorization` (`bearer_methods_supported`).
///
/// [`ResourceServer`](super::ResourceServer) serves it. It is cheap to clone.
///
/// # Example
///
/// ```
/// use tower_authn::resource::ResourceMetadata;
///
/// let metadata = ResourceMetadata::builder("https://api.example.com/mcp")
///     .authorization_server("https://login.example.com")
///     .scopes(["tools:echo"])
///     .build()?;
/// assert_eq!(
///     metadata.url(),
///     "https://api.example.com/.well-known/oauth-protected-resource/mcp"
/// );
/// # Ok::<(), tower_authn::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ResourceMetadata(Arc<Inner>);

struct Inner {
    resource: String,
    url: String,
    /// The path of the resource, which is inserted after the well-known one.
    suffix: String,
    json: Bytes,
    challenge: Challenge,
}

impl ResourceMetadata {
    pub(super) fn new(resource: String, uri: &Uri, json: String) -> Result<Self, ConfigError> {
        let scheme = uri.scheme_str().unwrap_or("https");
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let suffix = match uri.path() {
            "/" => "",
            path => path,
        };
        let url = format!("{scheme}://{authority}{WELL_KNOWN}{suffix}");
        Ok(Self(Arc::new(Inner {
            challenge: Challenge::bearer().resource_metadata(&url)?,
            resource,
            url,
            suffix: suffix.to_owned(),
            json: json.into(),
        })))
    }

    /// Returns the URL of the resource: the audience that its tokens must have.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.0.resource
    }

    /// Returns the URL of the metadata, with the path of the resource after the
    /// well-known one
    /// ([RFC 9728 §3.1](https://www.rfc-editor.org/rfc/rfc9728#section-3.1)).
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Returns the document.
    #[must_use]
    pub fn json(&self) -> &str {
        std::str::from_utf8(&self.0.json).unwrap_or_default()
    }

    /// Returns the response to a request for the metadata, or `None` if the request is
    /// for something else.
    ///
    /// The document is at the path of [`url`](Self::url), and at
    /// `/.well-known/oauth-protected-resource` for clients that know only the origin.
    /// Every web page may read it (`Access-Control-Allow-Origin: *`), caches may keep
    /// it for an hour, and methods other than GET, HEAD and OPTIONS are answered with
    /// 405.
    ///
    /// [`ResourceServer`](super::ResourceServer) calls it. Call it yourself in a
    /// service with a body that does not implement `From<Bytes>`.
    #[must_use]
    pub fn respond(&self, method: &Method, path: &str) -> Option<Response<Bytes>> {
        let suffix = path.strip_prefix(WELL_KNOWN)?;
        if !suffix.is_empty() && suffix != self.0.suffix {
            return None;
        }
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        match *method {
            Method::GET | Method::HEAD => {
                headers.insert(
                    CACHE_CONTROL,
                    HeaderValue::from_static("public, max-age=3600"),
                );
                headers.insert(CONTENT_LENGTH, HeaderValue::from(self.0.json.len()));
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                if method == Method::GET {
                    *response.body_mut() = self.0.json.clone();
                }
            }
            Method::OPTIONS => {
                insert_preflight(headers);
                *response.status_mut() = StatusCode::NO_CONTENT;
            }
            _ => {
                headers.insert(ALLOW, METHODS);
                *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            }
        }
        Some(response)
    }

    /// Makes the response to a good credential that lacks scopes: 403, with the
    /// required scopes and the URL of the metadata, by which a client gets a token for
    /// them ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    ///
    /// An access table makes this response by itself. A handler needs it if the scopes
    /// depend on the body: those of a tool of an MCP server, for example.
    ///
    /// ```
    /// use axum::body::Body;
    /// use http::Response;
    /// use tower_authn::{ScopeRule, resource::ResourceMetadata};
    ///
    /// let metadata = ResourceMetadata::builder("https://api.example.com/mcp").build()?;
    /// let required = ScopeRule::all_of(["tools:echo"])?;
    /// let response: Response<Body> = metadata.insufficient_scope(&required);
    /// assert_eq!(response.status(), 403);
    /// # Ok::<(), tower_authn::ConfigError>(())
    /// ```
    #[must_use]
    pub fn insufficient_scope<ResBody: Default>(&self, required: &ScopeRule) -> Response<ResBody> {
        let kind = RejectionKind::Forbidden;
        let line = self.0.challenge.render(kind.error_code(), Some(required));
        let mut response = Response::new(ResBody::default());
        *response.status_mut() = kind.status();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(WWW_AUTHENTICATE, line);
        response
    }
}

/// Adds the headers of a response to OPTIONS. A client in a browser asks before it
/// sends a header of its protocol, such as `MCP-Protocol-Version`.
fn insert_preflight(headers: &mut HeaderMap) {
    headers.insert(ALLOW, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
}

impl fmt::Debug for ResourceMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResourceMetadata")
            .field(&self.json())
            .finish()
    }
}
