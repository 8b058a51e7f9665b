//! Which deployment a request means: the one place that reads the host.
//!
//! An app's host, `NAME.mybentocloud.localhost`, is another spelling of the
//! path `/apps/NAME`, and for a gRPC method of the metadata `x-deployment`, in
//! which gRPC names its deployment. From here on nothing knows of hosts: no
//! request to an app's host reaches anything else.
//!
//! The deployment is looked up once for each request, whoever asks: a limit on
//! those who ask, where there is one, stands outside. The policy, which is
//! asked before anybody is let in, and the handler read what was found in the
//! request's extensions.

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

/// The deployment that a request means.
#[derive(Clone)]
pub(crate) enum Meant {
    /// A gRPC call names more than one.
    Ambiguous,
    Known(Deployment),
    /// There is none of this name.
    Unknown(String),
    /// The store could not tell.
    Unclear,
}

/// Why a caller with the right scope does not get to a deployment.
#[derive(Debug)]
pub(crate) enum Closed {
    Ambiguous,
    /// Their token is held to others.
    Forbidden,
    NotFound,
    Unavailable,
}

impl Meant {
    pub(crate) fn is_public(&self) -> bool {
        matches!(self, Self::Known(deployment) if deployment.access == Exposure::Public)
    }

    /// The deployment, for a caller whom the policy let in. A token that is
    /// held to others does not learn whether there is one.
    pub(crate) fn open_to(&self, caller: Option<&Principal>) -> Result<&Deployment, Closed> {
        let may = |name: &str| caller.is_some_and(|caller| caller.has_target(name));
        match self {
            Self::Known(deployment) if self.is_public() || may(&deployment.name) => Ok(deployment),
            Self::Unknown(name) if may(name) => Err(Closed::NotFound),
            Self::Known(_) | Self::Unknown(_) => Err(Closed::Forbidden),
            Self::Ambiguous => Err(Closed::Ambiguous),
            Self::Unclear => Err(Closed::Unavailable),
        }
    }
}

/// Moves the name of an app from the host to the path, or to the metadata of a
/// gRPC call.
pub(crate) async fn host(mut request: Request, next: Next) -> Result<Response, Fault> {
    let host = host_of(request.uri(), request.headers())?;
    if let Some(name) = host.as_deref().and_then(app_of) {
        match SERVICES.iter().any(|s| is_method(s, request.uri().path())) {
            true => name_in_metadata(name, request.headers_mut()),
            false => *request.uri_mut() = path_of(name, request.uri()).ok_or(TOO_LONG)?,
        }
    }
    Ok(next.run(request).await)
}

/// Finds the deployment that a request means, for who comes next.
pub(crate) async fn deployment(
    State(documents): State<Documents>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let (is_app, name) = match path.strip_prefix("/apps/") {
        Some(rest) => (true, rest.split('/').next().map(str::to_owned)),
        None if is_method(SERVICE, path) => (false, metadata(request.headers())),
        None => return next.run(request).await,
    };
    let meant = match name {
        Some(name) => find(&documents, name).await,
        None => Meant::Ambiguous,
    };
    request.extensions_mut().insert(meant);
    let mut response = next.run(request).await;
    if is_app {
        // An app can't run scripts as the origin of the control plane, which
        // it shares where it is asked by path.
        let sandbox = HeaderValue::from_static("sandbox");
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, sandbox);
    }
    response
}

async fn find(documents: &Documents, name: String) -> Meant {
    if !is_label(&name) {
        return Meant::Unknown(name);
    }
    match documents.get(Kind::Deployment, &name).await {
        Ok(Some(deployment)) => Meant::Known(deployment),
        Ok(None) => Meant::Unknown(name),
        Err(error) => {
            eprintln!("bentocloud: {error}");
            Meant::Unclear
        }
    }
}

/// Whether a name can be a label of a host (RFC 1123 §2.1), in lower case.
pub(crate) fn is_label(name: &str) -> bool {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let dashed = name.starts_with('-') || name.ends_with('-');
    (1..=63).contains(&name.len()) && !dashed && name.bytes().all(allowed)
}

/// The host, in lower case, without its port and a dot at its end. It stands
/// in the URI over HTTP/2, and in a header over HTTP/1.1; where it stands
/// twice, nobody can say which was meant.
fn host_of(uri: &Uri, headers: &HeaderMap) -> Result<Option<String>, Fault> {
    const FAULT: Fault = Fault::invalid("the host is not one");
    let mut fields = headers.get_all(HOST).iter();
    let (field, None) = (fields.next(), fields.next()) else {
        return Err(FAULT);
    };
    let field = field
        .filter(|field| !field.is_empty())
        .map(|field| Authority::try_from(field.as_bytes()))
        .transpose()
        .map_err(|_| FAULT)?;
    // A user before the host belongs there as little (RFC 9110 §7.2).
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

/// The app of a host, or of one that would be an app's if it were well formed.
fn app_of(host: &str) -> Option<&str> {
    let name = host.strip_suffix(DOMAIN)?.strip_suffix('.')?;
    // No label, so that it is nobody's.
    Some(if is_label(name) { name } else { "-" })
}

/// The path that is meant; `None` where no path is so long.
fn path_of(name: &str, uri: &Uri) -> Option<Uri> {
    let below = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let slash = if below.starts_with('/') { "" } else { "/" };
    // What was a path and a query is one behind another path too.
    format!("/apps/{name}{slash}{below}").parse().ok()
}

fn is_method(service: &str, path: &str) -> bool {
    let rest = path.strip_prefix('/').and_then(|p| p.strip_prefix(service));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

const METADATA: HeaderName = HeaderName::from_static("x-deployment");

/// Adds the name of the host to the metadata. Where these name another
/// deployment, there are two names after it, and the call is ambiguous.
fn name_in_metadata(name: &str, headers: &mut HeaderMap) {
    let is_named = headers.get(METADATA).is_some_and(|value| value == name);
    if let (false, Ok(name)) = (is_named, HeaderValue::from_str(name)) {
        headers.append(METADATA, name);
    }
}

/// The deployment that a gRPC call names; `None` if it names two.
fn metadata(headers: &HeaderMap) -> Option<String> {
    let mut names = headers.get_all(METADATA).iter();
    match (names.next(), names.next()) {
        (None, _) => Some(DEFAULT.to_owned()),
        (Some(name), None) => Some(name.to_str().unwrap_or_default().to_owned()),
        (Some(_), Some(_)) => None,
    }
}
