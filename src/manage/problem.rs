//! Error responses: problem details ([RFC 9457]).
//!
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::json;

use crate::{
    layer::PublicRejection,
    tokens::{TokenError, TokenErrorKind},
};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An error response. It never repeats what the client sent.
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

    /// Creates the problem of an invalid field.
    pub(super) fn field(field: &'static str, detail: impl AsRef<str>) -> Self {
        let detail = format!("{field}: {}", detail.as_ref());
        Self {
            field: Some(field),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        }
    }

    /// Creates the problem of an invalid field, with OAuth's error code
    /// (RFC 6749 §5.2).
    pub(super) fn oauth_field(field: &'static str, detail: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: Some("invalid_request"),
            ..Self::field(field, detail)
        }
    }

    /// Creates the problem of a body that is too large, or broke off.
    pub(super) fn unreadable_body(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "the body is too large",
            _ => "the body could not be read",
        };
        Self::new(status, detail)
    }

    pub(super) fn token_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no such token")
    }

    /// Creates the response of a layer that rejects a request.
    pub(super) fn respond(rejection: &PublicRejection) -> Response {
        Self::new(rejection.status(), rejection.message()).into_response()
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
        let content = [(CONTENT_TYPE, PROBLEM_JSON)];
        let mut response = (self.status, content, body.to_string()).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from_static("1");
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}

/// Hides the store's own error text, which is for its operator.
impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let status = match error.kind() {
            TokenErrorKind::AlreadyExists => StatusCode::CONFLICT,
            TokenErrorKind::Conflict => {
                let detail = "the token was changed at the same time; try again";
                return Self::new(StatusCode::CONFLICT, detail);
            }
            TokenErrorKind::Forbidden => StatusCode::FORBIDDEN,
            TokenErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            TokenErrorKind::NotFound => return Self::token_not_found(),
            TokenErrorKind::Unavailable => {
                let detail = "the token store is unavailable";
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
            }
        };
        Self {
            field: error.field(),
            ..Self::new(status, error.to_string())
        }
    }
}
