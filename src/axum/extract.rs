//! axum: the principal as an argument of a handler.

use std::any::type_name;

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header::CACHE_CONTROL, request::Parts};

use crate::{
    head::Head,
    layer::{Anonymous, NoBody},
    principal::Principal,
    rejection::RejectionKind,
};

/// The principal of a request, for handlers behind an
/// [`AuthnLayer`](crate::AuthnLayer).
///
/// As an `Option` it is `None` for a request that was let through as
/// anonymous. Otherwise such a request is refused: 401, as the layer would
/// answer it. Where no layer stands in front, the answer is 500, also for an
/// `Option`, so that a forgotten layer is not mistaken for an anonymous caller.
///
/// # Example
///
/// ```
/// use tower_authn::{Authenticated, Principal};
///
/// async fn whoami(Authenticated(caller): Authenticated) -> String {
///     caller.subject().to_owned()
/// }
///
/// async fn greet(caller: Option<Authenticated>) -> String {
///     match caller {
///         Some(Authenticated(caller)) => format!("hello, {}", caller.subject()),
///         None => "hello, stranger".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a newtype to be taken apart in a pattern"
)]
pub struct Authenticated<P = Principal>(pub P);

impl<P, S> FromRequestParts<S> for Authenticated<P>
where
    P: Clone + Send + Sync + 'static,
    S: Sync,
{
    type Rejection = AuthenticatedRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        match principal(parts)? {
            Ok(principal) => Ok(Self(principal)),
            Err(anonymous) => {
                let missing = RejectionKind::Missing.into();
                let head = Head::from_parts(parts);
                let answer = anonymous.refusals().answer(head, &missing, &NoBody);
                Err(AuthenticatedRejection(Box::new(answer)))
            }
        }
    }
}

impl<P, S> OptionalFromRequestParts<S> for Authenticated<P>
where
    P: Clone + Send + Sync + 'static,
    S: Sync,
{
    type Rejection = AuthenticatedRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(principal(parts)?.ok().map(Self))
    }
}

/// The principal, or the mark of an anonymous request.
fn principal<P>(parts: &Parts) -> Result<Result<P, &Anonymous<P>>, AuthenticatedRejection>
where
    P: Clone + Send + Sync + 'static,
{
    if let Some(principal) = parts.extensions.get::<P>() {
        return Ok(Ok(principal.clone()));
    }
    match parts.extensions.get::<Anonymous<P>>() {
        Some(anonymous) => Ok(Err(anonymous)),
        None => Err(AuthenticatedRejection::layer_is_missing(type_name::<P>())),
    }
}

/// Why [`Authenticated`] could not be extracted: 401 for an anonymous request,
/// 500 where the layer is missing.
#[derive(Debug)]
pub struct AuthenticatedRejection(Box<Response>);

impl AuthenticatedRejection {
    fn layer_is_missing(principal: &str) -> Self {
        let body = format!(
            "Missing request extension: no AuthnLayer whose principal is `{principal}` stands in front of this handler. Perhaps you forgot to add it?"
        );
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
            .headers_mut()
            .insert(CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
        Self(Box::new(response))
    }
}

impl IntoResponse for AuthenticatedRejection {
    fn into_response(self) -> Response {
        *self.0
    }
}
