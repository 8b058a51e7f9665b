//! The media type of a request's body.

use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};

use crate::manage::problem::Problem;

/// Checks the media type of a body, without regard to its parameters
/// (RFC 9110 §8.3.1).
pub(in crate::manage) fn require_media_type(
    headers: &HeaderMap,
    expected: &'static str,
) -> Result<(), Problem> {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    match essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(expected)) {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("expected a body of type {expected}"),
        )),
    }
}
