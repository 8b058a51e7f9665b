//! Errors as `{"message":"…"}`, which the CLI prints unchanged. The texts are fixed and
//! repeat nothing that a caller sent.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, RETRY_AFTER},
};
use serde_json::json;
use tower_authn::{
    layer::PublicRejection,
    tokens::{TokenError, TokenErrorKind},
};

use crate::{resolve::Closed, store::StoreError};

/// An error with a status and a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    status: StatusCode,
    message: &'static str,
}

impl Fault {
    pub(crate) const fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, message }
    }

    pub(crate) const fn invalid(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is none of this name")
    }

    pub(crate) const fn no_such_token() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such token")
    }

    /// The same text as that of the layer for a missing scope.
    pub(crate) const fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "insufficient permissions")
    }

    const fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the store can't be reached",
        )
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let body = Json(json!({ "message": self.message }));
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The body of a refusal by the layer.
pub(crate) fn refusal(refusal: &PublicRejection) -> Response {
    Json(json!({ "message": refusal.message() })).into_response()
}

/// Logs the store's error, which is not for callers.
impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        eprintln!("bentocloud: {error}");
        Self::unavailable()
    }
}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        match (error.kind(), error.field()) {
            (TokenErrorKind::AlreadyExists, _) => {
                Self::new(StatusCode::CONFLICT, "this token exists already")
            }
            (TokenErrorKind::Conflict, _) => {
                Self::new(StatusCode::CONFLICT, "it was changed at the same time")
            }
            (TokenErrorKind::Forbidden, _) => Self::new(
                StatusCode::FORBIDDEN,
                "a token can't create one with more rights than its own",
            ),
            (TokenErrorKind::NotFound, _) => Self::no_such_token(),
            (TokenErrorKind::Invalid, Some("scopes")) => Self::invalid(
                "scopes: api, resources, deployment, or one below them such as resources:models:pull",
            ),
            (TokenErrorKind::Invalid, Some("expires_at")) => {
                Self::invalid("expired_at is not in the future")
            }
            (TokenErrorKind::Invalid, Some("name" | "description")) => Self::invalid(
                "the name or the description is too long, or holds a control character",
            ),
            (TokenErrorKind::Invalid, _) => Self::invalid("the token is invalid"),
            _ => {
                eprintln!("bentocloud: {error}");
                Self::unavailable()
            }
        }
    }
}

impl From<Closed> for Fault {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Ambiguous => Self::invalid("the call names more than one deployment"),
            Closed::Forbidden => Self::forbidden(),
            Closed::NotFound => Self::not_found(),
            Closed::Unavailable => Self::unavailable(),
        }
    }
}
