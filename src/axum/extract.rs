//! The principal as an argument of a handler.

use std::any::type_name;

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header::CACHE_CONTROL, request::Parts};

use crate::{
    head::Head,
    layer::{Anonymous, EmptyBody},
    principal::Principal,
    rejection::RejectionKind,
};

/// An extractor of the principal, for handlers inside an
/// [`AuthnLayer`](crate::AuthnLayer).
///
/// For a request that the layer admitted as anonymous, `Option<Authenticated>` is
/// `None`, and `Authenticated` alone responds with 401, as the layer does. Without
/// a layer the response is 500, also for an `Option`, so that a forgotten layer is
/// not mistaken for an anonymous caller.
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
    reason = "a newtype that handlers destructure"
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
                let response = anonymous.responses().respond(head, &missing, &EmptyBody);
                Err(AuthenticatedRejection(Box::new(response)))
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

/// Returns the principal, or the mark of an anonymous request.
fn principal<P>(parts: &Parts) -> Result<Result<P, &Anonymous<P>>, AuthenticatedRejection>
where
    P: Clone + Send + Sync + 'static,
{
    if let Some(principal) = parts.extensions.get::<P>() {
        return Ok(Ok(principal.clone()));
    }
    match parts.extensions.get::<Anonymous<P>>() {
        Some(anonymous) => Ok(Err(anonymous)),
        None => Err(AuthenticatedRejection::missing_layer(type_name::<P>())),
    }
}

/// The rejection of [`Authenticated`]: 401 for an anonymous request, 500 if the
/// layer is missing.
#[derive(Debug)]
pub struct AuthenticatedRejection(Box<Response>);

impl AuthenticatedRejection {
    fn missing_layer(principal: &str) -> Self {
        let body = format!(
            "Missing request extension: no AuthnLayer with the principal `{principal}` is in front of this handler. Perhaps you forgot to add it?"
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
