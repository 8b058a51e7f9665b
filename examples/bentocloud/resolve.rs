//! Finds the requested deployment. This is the only module that reads the host.
//!
//! An app's host, `NAME.mybentocloud.localhost`, is another spelling of the path
//! `/apps/NAME`, and for a gRPC method of the metadata `x-deployment`, which names the
//! deployment of a gRPC call. The other modules ignore hosts, so a request to an app's
//! host reaches nothing else.
//!
//! Every request, also an unauthenticated one, looks its deployment up once. A rate limit
//! belongs outside. The policy and the handler both read the result from the request's
//! extensions.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
    header::{CONTENT_SECURITY_POLICY, HOST},
    uri::{Authority, PathAndQuery},
};
use tower_authn::Principal;

use crate::{
    control::{Deployment, Exposure},
    fault::Fault,
    inference::{SERVICE, SERVICES},
    origin::DOMAIN,
    store::{Documents, Kind},
};

const TOO_LONG: Fault = Fault::new(StatusCode::URI_TOO_LONG, "the path is too long");

/// The deployment of a gRPC call that names none.
pub(crate) const DEFAULT: &str = "demo";

/// The requested deployment.
#[derive(Clone)]
pub(crate) enum Requested {
    /// A gRPC call names more than one.
    Ambiguous,
    Known(Deployment),
    /// There is no deployment of this name.
    Unknown(String),
    /// The store did not answer.
    Unavailable,
}

/// The reason why a caller with the right scope may not use a deployment.
#[derive(Debug)]
pub(crate) enum Closed {
    Ambiguous,
    /// The token is restricted to other deployments.
    Forbidden,
    NotFound,
    Unavailable,
}

impl Requested {
    pub(crate) fn is_public(&self) -> bool {
        matches!(self, Self::Known(deployment) if deployment.access == Exposure::Public)
    }

    /// Returns the deployment, for a caller that the policy admitted. A token that is
    /// restricted to other deployments does not learn whether this one exists.
    pub(crate) fn open_to(&self, caller: Option<&Principal>) -> Result<&Deployment, Closed> {
        let may = |name: &str| caller.is_some_and(|caller| caller.has_target(name));
        match self {
            Self::Known(deployment) if self.is_public() || may(&deployment.name) => Ok(deployment),
            Self::Unknown(name) if may(name) => Err(Closed::NotFound),
            Self::Known(_) | Self::Unknown(_) => Err(Closed::Forbidden),
            Self::Ambiguous => Err(Closed::Ambiguous),
            Self::Unavailable => Err(Closed::Unavailable),
        }
    }
}

/// Moves the name of an app from the host to the path, or to the metadata of a gRPC call.
pub(crate) async fn host(mut request: Request, next: Next) -> Result<Response, Fault> {
    let host = parse_host(request.uri(), request.headers())?;
    if let Some(name) = host.as_deref().and_then(parse_app) {
        match SERVICES.iter().any(|s| is_method(s, request.uri().path())) {
            true => add_to_metadata(name, request.headers_mut()),
            false => *request.uri_mut() = app_path(name, request.uri()).ok_or(TOO_LONG)?,
        }
    }
    Ok(next.run(request).await)
}

/// Looks the requested deployment up, and adds it to the request's extensions.
pub(crate) async fn deployment(
    State(documents): State<Documents>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let (is_app, name) = match path.strip_prefix("/apps/") {
        Some(rest) => (true, rest.split('/').next().map(str::to_owned)),
        None if is_method(SERVICE, path) => (false, named_in_metadata(request.headers())),
        None => return next.run(request).await,
    };
    let requested = match name {
        Some(name) => find(&documents, name).await,
        None => Requested::Ambiguous,
    };
    request.extensions_mut().insert(requested);
    let mut response = next.run(request).await;
    if is_app {
        // At its path, an app shares the origin of the control plane. It must not run
        // scripts there.
        let sandbox = HeaderValue::from_static("sandbox");
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, sandbox);
    }
    response
}

async fn find(documents: &Documents, name: String) -> Requested {
    if !is_label(&name) {
        return Requested::Unknown(name);
    }
    match documents.get(Kind::Deployment, &name).await {
        Ok(Some(deployment)) => Requested::Known(deployment),
        Ok(None) => Requested::Unknown(name),
        Err(error) => {
            eprintln!("bentocloud: {error}");
            Requested::Unavailable
        }
    }
}

/// Whether a name is a label of a host (RFC 1123 §2.1) in lower case.
pub(crate) fn is_label(name: &str) -> bool {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let dashed = name.starts_with('-') || name.ends_with('-');
    (1..=63).contains(&name.len()) && !dashed && name.bytes().all(allowed)
}

/// Returns the host in lower case, without its port and a dot at its end. HTTP/2 has it in
/// the URI, and HTTP/1.1 in a header. Two different hosts are an error.
fn parse_host(uri: &Uri, headers: &HeaderMap) -> Result<Option<String>, Fault> {
    const FAULT: Fault = Fault::invalid("the host is malformed or ambiguous");
    let mut fields = headers.get_all(HOST).iter();
    let (field, None) = (fields.next(), fields.next()) else {
        return Err(FAULT);
    };
    let field = field
        .filter(|field| !field.is_empty())
        .map(|field| Authority::try_from(field.as_bytes()))
        .transpose()
        .map_err(|_| FAULT)?;
    // A host has no user in front of it (RFC 9110 §7.2).
    let mut named = uri.authority().into_iter().chain(&field);
    if named.any(|host| host.as_str().contains('@')) {
        return Err(FAULT);
    }
    let plain = |authority: &Authority| {
        let host = authority.host().to_ascii_lowercase();
        host.strip_suffix('.').map(str::to_owned).unwrap_or(host)
    };
    match (uri.authority().map(plain), field.as_ref().map(plain)) {
        (Some(one), Some(other)) if one != other => Err(FAULT),
        (one, other) => Ok(one.or(other)),
    }
}

/// Returns the app of a host below the domain.
fn parse_app(host: &str) -> Option<&str> {
    let name = host.strip_suffix(DOMAIN)?.strip_suffix('.')?;
    // A name that is not a label, so no app has it.
    Some(if is_label(name) { name } else { "-" })
}

/// Returns the path of a request to an app's host, or `None` if it is too long.
fn app_path(name: &str, uri: &Uri) -> Option<Uri> {
    let below = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let slash = if below.starts_with('/') { "" } else { "/" };
    // A path and a query are still valid after a prefix.
    format!("/apps/{name}{slash}{below}").parse().ok()
}

fn is_method(service: &str, path: &str) -> bool {
    let rest = path.strip_prefix('/').and_then(|p| p.strip_prefix(service));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

const METADATA: HeaderName = HeaderName::from_static("x-deployment");

/// Adds the name of the host to the metadata. If the metadata names another deployment,
/// the call becomes ambiguous.
fn add_to_metadata(name: &str, headers: &mut HeaderMap) {
    let is_named = headers.get(METADATA).is_some_and(|value| value == name);
    if let (false, Ok(name)) = (is_named, HeaderValue::from_str(name)) {
        headers.append(METADATA, name);
    }
}

/// Returns the deployment that a gRPC call names, or `None` if it names two.
fn named_in_metadata(headers: &HeaderMap) -> Option<String> {
    let mut names = headers.get_all(METADATA).iter();
    match (names.next(), names.next()) {
        (None, _) => Some(DEFAULT.to_owned()),
        (Some(name), None) => Some(name.to_str().unwrap_or_default().to_owned()),
        (Some(_), Some(_)) => None,
    }
}
