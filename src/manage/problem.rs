//! What went wrong, for a program: problem details (RFC 9457).

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::json;

use crate::{
    layer::PublicRejection,
    rejection::Rejection,
    tokens::{TokenError, TokenErrorKind},
};

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An answer that is not what was asked for. Nothing that was sent stands in it.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    field: Option<&'static str>,
    error: Option<&'static str>,
    detail: Cow<'static, str>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            field: None,
            error: None,
            detail: detail.into(),
        }
    }

    /// Something that was asked for is not well formed.
    pub(super) fn of_field(field: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(field),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        }
    }

    /// The same, as OAuth says it (RFC 6749 §5.2).
    pub(super) fn of_form(field: &'static str, detail: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: Some("invalid_request"),
            ..Self::of_field(field, detail)
        }
    }

    /// A body that is too long, or broke off.
    pub(super) fn unread(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "the body is too large",
            _ => "the body can't be read",
        };
        Self::new(status, detail)
    }

    pub(super) fn no_such_token() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such token")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(field) = self.field {
            body["field"] = field.into();
        }
        if let Some(error) = self.error {
            body["error"] = error.into();
        }
        let content = [(CONTENT_TYPE, PROBLEM)];
        let mut response = (self.status, content, body.to_string()).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = HeaderValue::from_static("1");
            response.headers_mut().insert(RETRY_AFTER, soon);
        }
        response
    }
}

/// What a store says of itself is for its operator, not for a caller.
impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let status = match error.kind() {
            TokenErrorKind::AlreadyExists => StatusCode::CONFLICT,
            TokenErrorKind::Conflict => {
                let detail = "somebody else changed it at the same time, again and again";
                return Self::new(StatusCode::CONFLICT, detail);
            }
            TokenErrorKind::Forbidden => StatusCode::FORBIDDEN,
            TokenErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            TokenErrorKind::NotFound => return Self::no_such_token(),
            TokenErrorKind::Unavailable => {
                let detail = "the tokens can't be read or changed now";
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
            }
        };
        Self {
            field: error.field(),
            ..Self::new(status, error.to_string())
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let kind = rejection.kind();
        Self::new(kind.status(), kind.message())
    }
}

/// The body of a layer's refusal.
pub(super) fn refusal(refusal: &PublicRejection) -> Response {
    Problem::new(refusal.status(), refusal.message()).into_response()
}
