//! What a verifier and a policy may see of a request: all but its body.

use std::fmt;

use http::{Extensions, HeaderMap, Method, Request, Uri, request::Parts};

/// The head of a request: method, URI, headers and extensions.
///
/// # Example
///
/// ```
/// use tower_authn::Head;
///
/// let request = http::Request::post("/generate?n=1").body(()).unwrap();
/// let head = Head::from_request(&request);
/// assert_eq!((head.method().as_str(), head.path()), ("POST", "/generate"));
/// ```
#[derive(Clone, Copy)]
pub struct Head<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> Head<'a> {
    /// The head of a request.
    pub fn from_request<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The head of a request that was taken apart.
    #[must_use]
    pub fn from_parts(parts: &'a Parts) -> Self {
        Self::new(&parts.method, &parts.uri, &parts.headers, &parts.extensions)
    }

    pub(crate) fn new(
        method: &'a Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        extensions: &'a Extensions,
    ) -> Self {
        Self {
            method,
            uri,
            headers,
            extensions,
        }
    }

    /// Copies the head. The HTTP version is not part of it.
    pub(crate) fn to_parts(self) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = self.method.clone();
        parts.uri = self.uri.clone();
        parts.headers = self.headers.clone();
        parts.extensions = self.extensions.clone();
        parts
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The URI, as it arrived.
    ///
    /// Behind a tonic interceptor it is `/`: tonic does not show an
    /// interceptor which method is called.
    #[must_use]
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The path, as it arrived: not decoded, not normalised, without the query.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.uri.path()
    }

    /// The headers, the credential among them.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The extensions that layers further out have set.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }
}

/// Shows the method and the path. A query may hold secrets of others, and the
/// headers hold ours.
impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", self.method)
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
