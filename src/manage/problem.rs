//! What went wrong, for a program: problem details (RFC 9457).

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::json;

use crate::{
    layer::Refusal,
    rejection::Rejection,
    store::{TokenError, TokenErrorKind},
};

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    field: Option<String>,
    detail: Cow<'static, str>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            field: None,
            detail: detail.into(),
        }
    }

    /// Something that was asked for is not well formed.
    pub(super) fn of_field(field: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        }
    }

    pub(super) fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
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
            TokenErrorKind::Conflict => StatusCode::CONFLICT,
            TokenErrorKind::Forbidden => StatusCode::FORBIDDEN,
            TokenErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            TokenErrorKind::NotFound => return Self::no_such_token(),
            TokenErrorKind::Unavailable => {
                let detail = "the tokens can't be read or changed now";
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
            }
        };
        Self {
            status,
            field: error.field().map(str::to_owned),
            detail: error.to_string().into(),
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
pub(super) fn refusal(refusal: &Refusal) -> Response {
    Problem::new(refusal.status(), refusal.message()).into_response()
}
